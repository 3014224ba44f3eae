import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { memoryDevice } from "@tests/fakes/kernel.ts";
import { deciderd, type RestartNode, restartNode, settled } from "@tests/fakes/restart_node.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { createClient } from "../idl/client.ts";
import type { DevicePorts } from "./component.ts";
import { RESTART_BACKOFF_MIN_MS, RESTARTS_MAX } from "./restart.ts";

/** Faults the server and lets it come back. */
async function crash({ server, clock }: RestartNode): Promise<string> {
  const { status } = await server.crash({});
  await settled();
  clock.advanceMs(RESTART_BACKOFF_MIN_MS * 2 ** RESTARTS_MAX);
  await settled();
  return status;
}

test("a daemon that throws is started again, and its clients reach its successor", async () => {
  const node = await restartNode();
  equal((await node.caller.relay({})).status, "ok");
  equal(await crash(node), "gone");
  deepEqual(await node.server.life({}), { status: "ok", life: 2 });
  deepEqual(await node.caller.relay({}), { status: "ok", outcome: "ok", life: 2 });
  deepEqual(node.faults, ["serverd: TypeError"]);
  deepEqual(node.lines.slice(node.lines.indexOf("init: ready") + 1), [
    "init: fault serverd",
    "init: start serverd",
    "init: up serverd",
    "init: restarted serverd",
  ]);
  node.node.stop();
});

test("calls in flight end with gone, and so do calls while the daemon is down, at once", async () => {
  const node = await restartNode();
  const hanging = node.caller.hang({});
  const own = node.server.hang({}, { timeoutMs: "never" });
  await settled();
  await node.server.crash({});
  deepEqual(await hanging, { status: "ok", outcome: "gone" });
  equal((await own).status, "gone");
  deepEqual(await node.caller.relay({}), { status: "ok", outcome: "gone", life: 0 });
  equal((await node.server.life({})).status, "gone");
  node.node.stop();
});

test("a daemon that is down comes back no earlier than its wait is over", async () => {
  const node = await restartNode();
  await node.server.crash({});
  await settled();
  node.clock.advanceMs(RESTART_BACKOFF_MIN_MS - 1);
  await settled();
  equal((await node.server.life({})).status, "gone");
  node.clock.advanceMs(1);
  await settled();
  equal((await node.server.life({})).status, "ok");
  node.node.stop();
});

test("a caller that is started again gets its rights, and its server forgets the old ones", async () => {
  const node = await restartNode();
  const task = node.kernel.task("serverd");
  const before = task?.table.used;
  for (let time = 0; time < RESTARTS_MAX; time++) {
    equal((await node.caller.crash({})).status, "gone");
    await settled();
    node.clock.advanceMs(RESTART_BACKOFF_MIN_MS * 2 ** RESTARTS_MAX);
    await settled();
  }
  deepEqual(await node.caller.relay({}), { status: "ok", outcome: "ok", life: 1 });
  equal(node.kernel.task("serverd"), task);
  equal(task?.table.used, before);
  node.node.stop();
});

test("nobody's table fills as daemons come and go", async () => {
  const node = await restartNode();
  const used = () =>
    ["callerd", "serverd", "asker"].map((name) => node.kernel.task(name)?.table.used);
  const before = used();
  for (let time = 0; time < RESTARTS_MAX; time++) await crash(node);
  deepEqual(used(), before);
  const endpoints = node.kernel.tasks.map((task) => task.endpoints.size);
  ok(endpoints.every((count) => count < 8), `${endpoints}`);
  node.node.stop();
});

test("a server hears who has left it, once, and not of those that never called it", async () => {
  const node = await restartNode();
  await node.caller.crash({});
  await settled();
  deepEqual(node.departures.map(({ name }) => name), ["callerd"]);
  equal(node.departures[0]?.sid, node.kernel.task("callerd")?.self.sid);
  node.node.stop();
});

test("a daemon keeps its principal over its lives", async () => {
  const node = await restartNode();
  const first = node.kernel.task("serverd");
  await crash(node);
  const second = node.kernel.task("serverd");
  ok(first !== second && first?.exited && !second?.exited);
  equal(first?.self, second?.self);
  node.node.stop();
});

test("a spent budget leaves the node up, degraded, and its callers with gone", async () => {
  const node = await restartNode();
  for (let time = 0; time <= RESTARTS_MAX; time++) await crash(node);
  deepEqual(node.degraded, ["restarts spent serverd"]);
  equal(node.lines.at(-1), "degraded: restarts spent serverd");
  node.clock.advanceMs(600_000);
  await settled();
  equal((await node.server.life({})).status, "gone");
  deepEqual(await node.caller.relay({}), { status: "ok", outcome: "gone", life: 0 });
  equal(node.faults.length, RESTARTS_MAX + 1);
  node.node.stop();
});

test("a caller that starts again while its server is down for good finds it gone", async () => {
  const node = await restartNode();
  for (let time = 0; time <= RESTARTS_MAX; time++) await crash(node);
  await node.caller.crash({});
  await settled();
  node.clock.advanceMs(RESTART_BACKOFF_MIN_MS);
  await settled();
  deepEqual(await node.caller.relay({}), { status: "ok", outcome: "gone", life: 0 });
  equal(node.lines.at(-1), "init: restarted callerd");
  node.node.stop();
});

test("a daemon that throws while it starts again spends its budget too", async () => {
  const node = await restartNode({
    create(life) {
      if (life > 1) throw new TypeError("nobody may read this");
    },
  });
  await node.server.crash({});
  for (let time = 0; time <= RESTARTS_MAX; time++) {
    await settled();
    node.clock.advanceMs(RESTART_BACKOFF_MIN_MS * 2 ** RESTARTS_MAX);
  }
  await settled();
  deepEqual(node.degraded, ["restarts spent serverd"]);
  equal(node.faults.length, RESTARTS_MAX + 1);
  node.node.stop();
});

test("a daemon whose create never ends does not keep others from starting again", async () => {
  const node = await restartNode({
    create: (life) => life > 1 ? new Promise(() => {}) : undefined,
  });
  await node.server.crash({});
  await settled();
  node.clock.advanceMs(RESTART_BACKOFF_MIN_MS);
  await settled();
  const decide = createClient(deciderd, node.node.connect("asker", deciderd));
  const ask = { subject: "a", capability: "b", operation: "crash", target: "" };
  equal((await decide.decide(ask)).status, "gone");
  await settled();
  node.clock.advanceMs(RESTART_BACKOFF_MIN_MS);
  await settled();
  equal((await decide.decide({ ...ask, operation: "c" })).status, "ok");
  node.node.stop();
});

test("a daemon waits for one that it calls to come back first", async () => {
  const node = await restartNode();
  await node.server.crash({});
  await settled();
  node.clock.advanceMs(RESTART_BACKOFF_MIN_MS / 2);
  await node.caller.crash({});
  await settled();
  await crashesOf(node, "callerd");
  deepEqual(node.lines.filter((line) => line.startsWith("init: restarted")), [
    "init: restarted serverd",
    "init: restarted callerd",
  ]);
  node.node.stop();
});

async function crashesOf(node: RestartNode, name: string): Promise<void> {
  for (let time = 0; time < 20 && !node.lines.includes(`init: restarted ${name}`); time++) {
    node.clock.advanceMs(RESTART_BACKOFF_MIN_MS);
    await settled();
  }
}

test("while policyd is down every gate denies, and afterwards it decides again", async () => {
  const node = await restartNode();
  const decide = createClient(deciderd, node.node.connect("asker", deciderd));
  const ask = { subject: "a", capability: "b", operation: "crash", target: "" };
  equal((await node.server.guarded({})).status, "ok");
  equal((await decide.decide(ask)).status, "gone");
  equal((await node.server.guarded({})).status, "denied");
  await settled();
  node.clock.advanceMs(RESTART_BACKOFF_MIN_MS);
  await settled();
  equal((await node.server.guarded({})).status, "ok");
  node.node.stop();
});

test("what the boot settles is settled again for a daemon that came back", async () => {
  const told: (string | undefined)[] = [];
  const node = await restartNode({
    settle: (_, restarted) => Promise.resolve(void told.push(restarted)),
  });
  await crash(node);
  deepEqual(told, [undefined, "serverd"]);
  node.node.stop();
});

test("a node that stops starts nothing again", async () => {
  let lives = 0;
  const node = await restartNode({ create: () => void lives++ });
  await node.server.crash({});
  node.node.stop();
  node.clock.advanceMs(600_000);
  await settled();
  equal(lives, 1);
});

function withCard() {
  const card = { ...memoryDevice(4096, 7), name: "virtio-net" };
  const asked: string[] = [];
  const completed: number[] = [];
  const pending: number[] = [];
  let trap = () => {};
  const interrupts = {
    enable() {},
    claim: () => pending.shift() ?? 0,
    complete: (source: number) => void completed.push(source),
    onPending: (run: () => void) => void (trap = run),
  };
  const raise = () => {
    pending.push(7);
    trap();
  };
  const lives: DevicePorts[] = [];
  const woken: number[] = [];
  const parts = {
    devices: [card],
    interrupts,
    allow: ({ capability }: { readonly capability: string }) => {
      asked.push(capability);
      return true;
    },
    drive(device: DevicePorts, life: number) {
      lives.push(device);
      device.irq.wait().then(() => woken.push(life));
    },
  };
  return { parts, asked, completed, raise, lives, woken };
}

test("a device goes to the successor: policy is asked again, and the interrupt wakes it alone", async () => {
  const { parts, asked, raise, lives, woken, completed } = withCard();
  const node = await restartNode(parts);
  await crash(node);
  equal(asked.filter((capability) => capability === "device.mmio.net").length, 2);
  raise();
  await settled();
  deepEqual(woken, [2]);
  lives[0]?.irq.complete();
  deepEqual(completed, []);
  lives[1]?.irq.complete();
  deepEqual(completed, [7]);
  node.node.stop();
});

test("an interrupt that the dead driver took and never completed does not silence the line", async () => {
  const { parts, raise, woken, completed } = withCard();
  const node = await restartNode(parts);
  raise();
  await settled();
  deepEqual([woken, completed], [[1], []]);
  await crash(node);
  deepEqual(completed, [7]);
  node.node.stop();
});

test("what still runs of a dead driver touches no register", async () => {
  const { parts, lives } = withCard();
  const node = await restartNode(parts);
  await crash(node);
  const refusal = (device: DevicePorts | undefined) => {
    try {
      return device?.window.read8(0);
    } catch (error) {
      return error instanceof InvariantError ? "refused" : "other";
    }
  };
  deepEqual([refusal(lives[0]), refusal(lives[1])], ["refused", 0]);
  node.node.stop();
});

test("a device that policy no longer grants keeps its daemon down", async () => {
  const { parts } = withCard();
  let granted = true;
  const node = await restartNode({ ...parts, allow: () => granted });
  granted = false;
  await node.server.crash({});
  for (let time = 0; time <= RESTARTS_MAX; time++) {
    await settled();
    node.clock.advanceMs(RESTART_BACKOFF_MIN_MS * 2 ** RESTARTS_MAX);
  }
  await settled();
  deepEqual(node.degraded, ["restarts spent serverd"]);
  equal(node.lines.includes("init: restarted serverd"), false);
  node.node.stop();
});
