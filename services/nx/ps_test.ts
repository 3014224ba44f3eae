import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { controllerOf, fakeNode, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { controld } from "../controld/protocol.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const HANDLERS: Handlers<typeof controld> = {
  ...controllerOf({ deviceId: "ab".repeat(32) }),
  ps: () => ({
    status: "ok",
    placement: "inline",
    inspector: "unknown",
    degraded: [{ what: "restarts spent", task: "keystored" }],
    tasks: [
      {
        ...{ name: "logd", isolate: "host", state: 1, restarts: 2, fault: "TypeError" },
        ...{ memoryBytes: 3n << 20n, frames: 17n, busyNs: 25n, ageNs: 1_000n },
        ...{ send: 4, receive: 3, vmo: 2, mmio: 1 },
      },
      {
        ...{ name: "keystored", isolate: "host", state: 3, restarts: 0, fault: "bad\u001bone" },
        ...{ memoryBytes: 0n, frames: 0n, busyNs: 0n, ageNs: 0n },
        ...{ send: 0, receive: 0, vmo: 0, mmio: 0 },
      },
    ],
    queues: [
      { task: 0, endpoint: "main", waiting: 5, depth: 64 },
      { task: 0, endpoint: "audit", waiting: 0, depth: 64 },
    ],
  }),
};

async function ps(argv: readonly string[], allowed = true) {
  const gate = () => Promise.resolve(allowed);
  const node = fakeNode({ host: "127.0.0.1", port: 7401 }, { handlers: HANDLERS, gate });
  const world = nxWorld({ startNode: () => Promise.resolve(node) });
  const up = runNx(["up", "--no-supervise", "--json"], world.ports);
  await settled();
  const before = world.out().length;
  const code = await runNx(["ps", ...argv], world.ports);
  const lines = world.out().slice(before).split("\n").filter((line) => line !== "");
  world.signal("SIGINT");
  await up;
  return { code, lines };
}

test("nx ps shows every daemon in a row, and what the node goes on without", async () => {
  const { code, lines } = await ps([]);
  equal(code, EXIT.ok);
  deepEqual(lines.map((line) => line.split(/ {2,}/)), [
    ["degraded: restarts spent keystored"],
    "DAEMON,ISOLATE,STATE,RESTARTS,MEMORY,FRAMES,BUSY,QUEUES,RIGHTS,LAST FAULT".split(","),
    [
      ...["logd", "host", "serving", "2", "3.0MiB", "17", "2.5%", "5/64 0/64"],
      ...["send 4 recv 3 vmo 2 mmio 1", "TypeError"],
    ],
    [
      ...["keystored", "host", "stopped", "0", "?", "0", "0.0%", "-"],
      ...["send 0 recv 0 vmo 0 mmio 0", "bad one"],
    ],
    ["isolation inline, inspector unknown"],
  ]);
});

test("nx ps --json says the same for programs, and null for what is unknown", async () => {
  const { lines } = await ps(["--json"]);
  const [node, logd, keystored] = lines.map((line) => JSON.parse(line));
  deepEqual(node, {
    node: {
      isolation: "inline",
      inspector: "unknown",
      degraded: [{ what: "restarts spent", task: "keystored" }],
    },
  });
  deepEqual(logd, {
    ...{ daemon: "logd", isolate: "host", state: "serving", restarts: 2, lastFault: "TypeError" },
    ...{ memoryBytes: 3 << 20, frames: 17, busy: 0.025 },
    queues: [
      { endpoint: "main", waiting: 5, depth: 64 },
      { endpoint: "audit", waiting: 0, depth: 64 },
    ],
    rights: { send: 4, receive: 3, vmo: 2, mmio: 1 },
  });
  deepEqual([keystored.memoryBytes, keystored.queues], [null, []]);
});

test("nx ps is denied where policy denies it", async () => {
  deepEqual(await ps([], false), { code: EXIT.denied, lines: [] });
});
