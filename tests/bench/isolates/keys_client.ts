import { type AnyComponent, defineComponent } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { Client } from "@runtime/idl/client.ts";
import { type AlgorithmName, ALGORITHMS } from "@services/keystored/client/algorithm.ts";
import { keys as keysProtocol } from "@services/keystored/client/keys_protocol.ts";
import { LEVELS, logdV2 } from "@services/logd/protocol.ts";
import selftest from "@services/selftest/mod.ts";
import { medianOf } from "./state_client.ts";

/** Scope of the one record that tells what was measured. */
export const KEYS_SCOPE = "bench";
const PATIENCE = { timeoutMs: 20_000 };
const WIDE = 32;
const COUNT = 6_400;
const ROUNDS = 5;
const BATCH = 64;
const APP = "selftest";
const SIGNING = { app: APP, key: "bench-sign" } as const;
const SEALING = { app: APP, key: "bench-seal" } as const;
const MESSAGE = Uint8Array.from({ length: 32 }, (_, index) => index);
const PLAIN = Uint8Array.from({ length: 1024 }, (_, index) => index);
const AAD = new Uint8Array(0);

/** Rates, in operations a second. */
export interface KeysFigures {
  readonly sign: number;
  readonly verify: number;
  readonly sealUnseal: number;
  /** Signatures of batched calls, one call at a time. */
  readonly signMany: number;
  readonly verifyMany: number;
}

/**
 * In the place of the selftest, whose grants it has: a client of keystored in a task of its own, 32
 * requests in flight, which tells its rates in the log.
 */
export const keysClient: AnyComponent = defineComponent({
  name: selftest.name,
  serves: selftest.serves,
  calls: { keys: keysProtocol, log: logdV2 },
  uses: {},
  asks: selftest.asks,
  create({ call: { keys, log }, clock, settled, spawn }) {
    spawn(async () => {
      await settled;
      await make(keys, SIGNING.key, "ed25519");
      await make(keys, SEALING.key, "xchacha20-poly1305");
      const rounds: KeysFigures[] = [];
      for (let round = 0; round < ROUNDS; round++) rounds.push(await measured(keys, clock));
      const message = JSON.stringify(mediansOf(rounds));
      await log.append({
        level: LEVELS.indexOf("info"),
        scope: KEYS_SCOPE,
        message,
        fields: "",
      });
    });
    return { selftest: {} };
  },
});

type Keys = Client<typeof keysProtocol>;

async function make(client: Keys, purpose: string, algorithm: AlgorithmName): Promise<void> {
  const { code } = ALGORITHMS[algorithm];
  const wish = { app: APP, purpose, algorithm: code, uses: 0, label: "" };
  const { status } = await client.create({ ...wish, expiresMs: 0n, usesMax: 0n }, PATIENCE);
  assert(status === "ok", "a key is made");
}

async function sign(client: Keys): Promise<Uint8Array> {
  const reply = await client.sign({ ...SIGNING, message: MESSAGE }, PATIENCE);
  assert(reply.status === "ok", "a message is signed");
  return reply.signature.slice();
}

async function sealUnseal(client: Keys): Promise<void> {
  const sealed = await client.seal({ ...SEALING, label: "", aad: AAD, plain: PLAIN }, PATIENCE);
  assert(sealed.status === "ok", "bytes are sealed");
  const own = sealed.sealed.slice();
  const opened = await client.unseal({ ...SEALING, aad: AAD, sealed: own }, PATIENCE);
  assert(opened.status === "ok", "bytes are opened");
}

/** Calls a second, `width` of them in flight. */
async function rateOf(
  clock: Clock,
  call: () => Promise<void>,
  { count, width }: { readonly count: number; readonly width: number },
): Promise<number> {
  const began = clock.nowNs();
  let left = count;
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) await call();
  }));
  return 1e9 * count / (clock.nowNs() - began);
}

async function measured(client: Keys, clock: Clock): Promise<KeysFigures> {
  const signature = await sign(client);
  const verify = async () => {
    const reply = await client.verify({ ...SIGNING, message: MESSAGE, signature }, PATIENCE);
    assert(reply.status === "ok" && reply.valid === 1, "a signature verifies");
  };
  const messages = Array.from({ length: BATCH }, () => ({ message: MESSAGE }));
  const signed = messages.map(({ message }) => ({ message, signature }));
  const signMany = async () => {
    const { status } = await client.signMany({ ...SIGNING, messages }, PATIENCE);
    assert(status === "ok", "messages are signed");
  };
  const verifyMany = async () => {
    const { status } = await client.verifyMany({ ...SIGNING, signed }, PATIENCE);
    assert(status === "ok", "signatures are checked");
  };
  const each = { count: COUNT, width: WIDE };
  const batches = { count: COUNT / BATCH, width: 2 };
  return {
    sign: await rateOf(clock, () => sign(client).then(() => {}), each),
    verify: await rateOf(clock, verify, each),
    sealUnseal: await rateOf(clock, () => sealUnseal(client), each),
    signMany: BATCH * await rateOf(clock, signMany, batches),
    verifyMany: BATCH * await rateOf(clock, verifyMany, batches),
  };
}

function mediansOf(rounds: readonly KeysFigures[]): KeysFigures {
  const of = (key: keyof KeysFigures) => medianOf(rounds.map((round) => round[key]));
  return {
    sign: of("sign"),
    verify: of("verify"),
    sealUnseal: of("sealUnseal"),
    signMany: of("signMany"),
    verifyMany: of("verifyMany"),
  };
}
