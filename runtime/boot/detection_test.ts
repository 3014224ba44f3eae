import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import {
  deciderd,
  type RestartNode,
  restartNode,
  served,
  settled,
} from "@tests/fakes/restart_node.ts";
import { test } from "@tests/fakes/test.ts";
import type { Syscalls } from "../core/syscalls.ts";
import { type Client, createClient } from "../idl/client.ts";
import { GARBLED_REPLIES_MAX } from "./accusations.ts";
import { type AnyComponent, defineComponent } from "./component.ts";
import { initTasks, TASK_STATES } from "./protocol.ts";
import { RESTART_BACKOFF_MIN_MS, RESTARTS_MAX } from "./restart.ts";
import { type Degradation, Supervisor } from "./supervisor.ts";

/** A second daemon that calls the server, and what it is given. */
function second(took: (call: Client<typeof served>, syscalls: Syscalls) => void): AnyComponent {
  return defineComponent({
    name: "secondd",
    serves: {},
    calls: { served },
    uses: {},
    asks: [],
    create({ call, syscalls }) {
      took(call.served, syscalls);
      return {};
    },
  });
}

/**
 * A server that answers each call of a daemon with garbage under the call's nonce: it is hostile, and
 * sends over every right that it finds in its table.
 */
function garbling() {
  let own: Syscalls | undefined;
  let armed = false;
  return {
    arm: () => void (armed = true),
    parts: {
      garble(syscalls: Syscalls, nonce: number) {
        own = syscalls;
        if (!armed) return;
        const frame = Uint8Array.of(0x53, 0x56, 1, 0x81, 0, 0, 0, 0, 0);
        new DataView(frame.buffer).setUint32(5, nonce, true);
        for (let slot = 0; slot < 32; slot++) own.trySend(slot, frame);
      },
    },
  };
}

async function withCallers(parts: Parameters<typeof restartNode>[0] = {}) {
  let direct: Client<typeof served> | undefined;
  let syscalls: Syscalls | undefined;
  const extra = [second((call, own) => {
    direct = call;
    syscalls = own;
  })];
  const node = await restartNode({ ...parts, extra });
  if (direct === undefined || syscalls === undefined) throw new TypeError("it was created");
  return { node, direct, syscalls };
}

/** Comes back after a fault, if it may. */
async function wait({ clock }: RestartNode): Promise<void> {
  await settled();
  clock.advanceMs(RESTART_BACKOFF_MIN_MS * 2 ** RESTARTS_MAX);
  await settled();
}

test("a server whose replies do not parse, as two callers find, is started again", async () => {
  const { arm, parts } = garbling();
  const { node, direct } = await withCallers(parts);
  arm();
  for (let time = 0; time < GARBLED_REPLIES_MAX; time++) {
    equal((await direct.life({})).status, "gone");
    deepEqual(await node.caller.relay({}), { status: "ok", outcome: "gone", life: 0 });
  }
  await settled();
  deepEqual(node.faults, ["serverd: garbled replies"]);
  equal(node.kernel.task("serverd")?.exited, true);
  await wait(node);
  ok(node.lines.includes("init: restarted serverd"));
  node.node.stop();
});

test("one caller cannot accuse a server that others call: it provokes garbage in vain", async () => {
  const { arm, parts } = garbling();
  const { node, direct } = await withCallers(parts);
  arm();
  for (let time = 0; time < 2 * GARBLED_REPLIES_MAX; time++) {
    equal((await direct.life({})).status, "gone");
  }
  await settled();
  deepEqual(node.faults, []);
  node.node.stop();
});

test("a raw channel's garbage accuses nobody", async () => {
  const { arm, parts } = garbling();
  const { node } = await withCallers(parts);
  arm();
  const raw = createClient(served, node.node.connect("asker", served));
  for (let time = 0; time < 2 * GARBLED_REPLIES_MAX; time++) {
    equal((await raw.life({})).status, "gone");
  }
  await settled();
  deepEqual(node.faults, []);
  node.node.stop();
});

test("a daemon that floods is held back by the queue, and others are served", async () => {
  const { node, syscalls } = await withCallers();
  const flood = Uint8Array.of(0x53, 0x56, 1, 2, 1, 0, 0, 0);
  const statuses = new Set<string>();
  for (let round = 0; round < 100; round++) {
    for (let slot = 0; slot < 8; slot++) {
      for (let time = 0; time < 50; time++) statuses.add(syscalls.trySend(slot, flood));
    }
  }
  ok(statuses.has("queue_full"), [...statuses].join());
  await settled();
  const server = node.kernel.task("serverd");
  const waiting = [...server?.endpoints ?? []].map((endpoint) => endpoint.queued);
  ok(waiting.every((count) => count <= 8), `${waiting}`);
  // Everybody else's endpoints take messages as before.
  const decide = createClient(deciderd, node.node.connect("asker", deciderd));
  const ask = { subject: "a", capability: "b", operation: "c", target: "" };
  equal((await decide.decide(ask)).status, "ok");
  node.node.stop();
});

test("the boot tells how its daemons fare, those that are down too", async () => {
  const node = await restartNode();
  const init = createClient(initTasks, node.node.connect("asker", initTasks));
  const look = async () => {
    const reply = await init.tasks({});
    if (reply.status !== "ok") throw new TypeError(reply.status);
    return reply;
  };
  await node.caller.relay({});
  const first = await look();
  deepEqual(first.tasks.map(({ name }) => name), ["policyd", "serverd", "callerd"]);
  deepEqual([first.placement, first.inspector, first.degraded], ["inline", "unknown", []]);
  const { frames, state, isolate, send, receive } = first.tasks[2] ?? {};
  deepEqual([frames, TASK_STATES[state ?? 9], isolate], [1n, "serving", "host"]);
  // One right to the server and one for each reply that it owes: to the two askers and its own.
  ok((send ?? 0) > 1 && (receive ?? 0) > 1);
  deepEqual(
    first.queues.map(({ task, endpoint, waiting, depth }) => [task, endpoint, waiting, depth]),
    [
      [0, "main", 0, 8],
      [1, "main", 0, 8],
      [2, "main", 0, 8],
    ],
  );
  await node.server.crash({});
  const down = (await look()).tasks[1];
  deepEqual(
    [TASK_STATES[down?.state ?? 9], down?.fault, down?.frames, down?.restarts],
    ["backing_off", "TypeError", 0n, 0],
  );
  for (let time = 0; time <= RESTARTS_MAX; time++) {
    await wait(node);
    await node.server.crash({});
  }
  const last = await look();
  deepEqual(last.degraded, [{ what: "restarts spent", task: "serverd" }]);
  equal(last.tasks[1]?.restarts, RESTARTS_MAX);
  node.node.stop();
});

test("the share of time is that of requests between delivery and reply", async () => {
  const node = await restartNode();
  const init = createClient(initTasks, node.node.connect("asker", initTasks));
  const busy = async () => {
    const reply = await init.tasks({});
    const task = reply.status === "ok" ? reply.tasks[1] : undefined;
    return [task?.busyNs, task?.ageNs];
  };
  node.clock.advanceMs(10);
  deepEqual(await busy(), [0n, 10_000_000n]);
  node.server.hang({}, { timeoutMs: "never" });
  await settled();
  node.clock.advanceMs(30);
  deepEqual(await busy(), [30_000_000n, 40_000_000n]);
  node.node.stop();
});

test("an isolate that runs away takes its daemons with it, whatever their state", async () => {
  const ended: string[] = [];
  const degraded: (readonly [Degradation, string])[] = [];
  const supervisor = new Supervisor({
    clock: { nowNs: () => 0, unixMs: () => 0 },
    sleepUntil: () => new Promise(() => {}),
    serversOf: () => [],
    ended: (name) => void ended.push(name),
    start: () => Promise.resolve(),
    restored: () => Promise.resolve(),
    degraded: (what, name) => void degraded.push([what, name]),
  });
  for (const name of ["serving", "down", "starting"]) supervisor.add(name);
  supervisor.served("serving");
  supervisor.served("down");
  supervisor.faulted("down", "x");
  for (const name of ["serving", "down", "starting", "serving"]) {
    supervisor.abandon(name, "runaway");
  }
  deepEqual(ended, ["down", "serving", "starting"]);
  deepEqual(degraded, [["runaway", "serving"], ["runaway", "down"], ["runaway", "starting"]]);
  equal(supervisor.alive("serving"), false);
  await settled();
});
