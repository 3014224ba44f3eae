import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { settle } from "@tests/fakes/settle.ts";
import { test } from "@tests/fakes/test.ts";
import { LogSigner, type LogSignerPorts, SIGN_INTERVAL_MS } from "./log_signer.ts";

const HEAD = { ring: 0, index: 5n, head: new Uint8Array(32).fill(1) };
const SIGNED = {
  status: "ok",
  signature: new Uint8Array(64).fill(2),
  verifyingKey: new Uint8Array(32).fill(3),
} as const;

function ports(kept: unknown[], status: "ok" | "denied" = "ok"): LogSignerPorts {
  return {
    clock: manualClock(),
    keys: {
      signLogCheckpoint: () =>
        Promise.resolve(status === "ok" ? SIGNED : { status: "denied" as const }),
    },
    state: {
      logHeads: () => Promise.resolve({ status: "ok", heads: [HEAD] }),
      keepCheckpoint(checkpoint) {
        kept.push(checkpoint.signature);
        return Promise.resolve({ status: "ok" });
      },
    },
  };
}

test("LogSigner has each head signed and kept, and once more for those who come meanwhile", async () => {
  const kept: unknown[] = [];
  const signer = new LogSigner(ports(kept));
  await Promise.all([signer.sign(), signer.sign(), signer.sign()]);
  deepEqual(kept, [SIGNED.signature, SIGNED.signature]);
  await signer.sign();
  equal(kept.length, 3);
});

test("LogSigner keeps nothing that was not signed, and goes on", async () => {
  const kept: unknown[] = [];
  const signer = new LogSigner(ports(kept, "denied"));
  await signer.sign();
  deepEqual(kept, []);
});

test("LogSigner begins when the node is settled, and signs at intervals", async () => {
  const kept: unknown[] = [];
  const own = ports(kept);
  const settled = Promise.withResolvers<void>();
  const due: (number | undefined)[] = [];
  let ring = () => {};
  const timer = {
    set: (atNs: number | undefined) => void due.push(atNs),
    wait: () => new Promise<void>((resolve) => ring = resolve),
    close() {},
  };
  new LogSigner(own).run(settled.promise, timer);
  await settle();
  deepEqual([kept.length, due.length], [0, 0]);
  settled.resolve();
  await settle();
  deepEqual([kept.length, due.length], [1, 1]);
  equal((due[0] ?? 0) - own.clock.nowNs(), SIGN_INTERVAL_MS * 1e6);
  ring();
  await settle();
  deepEqual([kept.length, due.length], [2, 2]);
});
