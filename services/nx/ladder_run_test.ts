import { BootError } from "@runtime/boot/isolate.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { type FakeNode, fakeNode, settled } from "@tests/fakes/nx_ports.ts";
import { healthyConsole } from "@tests/fakes/ladder.ts";
import { test } from "@tests/fakes/test.ts";
import { MARKER_GAP_MS } from "@runtime/boot/marker_order.ts";
import { type LadderRequest, runLadder } from "./ladder_run.ts";
import type { NodeOptions } from "./ports.ts";
import type { Stranger } from "./strangers.ts";

const LADDER = healthyConsole();

/** A run over two nodes whose consoles a test writes. */
function run(request: Partial<LadderRequest> = {}) {
  const clock = manualClock();
  const nodes: { readonly options: NodeOptions; readonly node: FakeNode }[] = [];
  const seen: string[] = [];
  const result = runLadder({
    clock,
    turns: clock,
    startNode(options) {
      const node = fakeNode({ host: "127.0.0.1", port: 7000 + nodes.length });
      nodes.push({ options, node });
      return Promise.resolve(node);
    },
  }, {
    timeoutMs: 1_000,
    console: (machine, line) => void seen.push(`${machine}| ${line}`),
    ...request,
  });
  const say = (machine: 1 | 2, ...lines: readonly string[]) => {
    for (const line of lines) nodes[machine - 1]?.options.console(line);
  };
  return { clock, nodes, seen, result, say };
}

test("runLadder is green when both machines have every required marker", async () => {
  const { nodes, result, say, seen } = run();
  await settled();
  say(1, ...LADDER);
  say(2, ...LADDER);
  const { outcome, machines } = await result;
  equal(outcome, "passed");
  deepEqual(machines.map(({ failures, seen, required }) => [failures.length, seen, required]), [
    [0, LADDER.length, LADDER.length],
    [0, LADDER.length, LADDER.length],
  ]);
  deepEqual(machines[0]?.lines, LADDER);
  equal(seen.length, 2 * LADDER.length);
  deepEqual(nodes.map(({ node }) => node.stops()), [1, 1]);
});

test("runLadder boots two machines of which the second dials the first", async () => {
  const { nodes, result, clock } = run();
  await settled();
  const [first, second] = nodes.map(({ options }) => options);
  deepEqual([first?.peers, first?.selftest, first?.seed], [[], true, undefined]);
  deepEqual(second?.peers.map(({ address }) => address), [{ host: "127.0.0.1", port: 7000 }]);
  clock.advanceMs(1_000);
  await result;
});

test("runLadder without one machine's marker is never green: it names the marker and its phase", async () => {
  const missing = LADDER.indexOf("SELFTEST: rng entropy ok");
  ok(missing > 0);
  const { clock, result, say } = run();
  await settled();
  say(1, ...LADDER);
  // What follows a missing marker is out of order: the machine stops there, as a hung one does.
  say(2, ...LADDER.slice(0, missing));
  clock.advanceMs(1_000);
  const { outcome, machines } = await result;
  equal(outcome, "timed_out");
  deepEqual(machines.map(({ failures }) => failures), [[], [
    { kind: "missing", phase: "entropy", line: "SELFTEST: rng entropy ok" },
  ]]);
});

test("runLadder ends at once at a failure marker", async () => {
  const { result, say } = run({ timeoutMs: undefined });
  await settled();
  say(1, "SELFTEST: rng entropy FAIL");
  const { outcome, machines } = await result;
  equal(outcome, "failed");
  equal(machines[0]?.failures[0]?.kind, "failure");
});

test("runLadder stops at a phase, and at a line", async () => {
  const bringUp = LADDER.slice(0, LADDER.indexOf("init: ready") + 1);
  const phase = run({ phase: "bring-up" });
  await settled();
  for (const machine of [1, 2] as const) phase.say(machine, ...bringUp);
  equal((await phase.result).outcome, "passed");
  const until = run({ until: "logd: ready" });
  await settled();
  for (const machine of [1, 2] as const) until.say(machine, "logd: ready");
  equal((await until.result).outcome, "passed");
});

test("runLadder is late when its last line comes after its time, before any turn", async () => {
  const clock = manualClock();
  let bootedNs = 0;
  const startNode = (options: NodeOptions) => {
    bootedNs = 1e6;
    options.console("logd: ready");
    return Promise.resolve(fakeNode({ host: "127.0.0.1", port: 7000 }));
  };
  const ports = {
    clock: { ...clock, nowNs: () => clock.nowNs() + bootedNs },
    turns: clock,
    startNode,
  };
  const request = { until: "logd: ready", timeoutMs: 1, console() {} };
  equal((await runLadder(ports, request)).outcome, "timed_out");
});

test("runLadder does not judge what its own stop interrupts", async () => {
  const { nodes, result, say } = run({ until: "logd: ready" });
  await settled();
  for (const machine of [1, 2] as const) say(machine, "logd: ready");
  say(1, "SELFTEST: rng entropy FAIL");
  const { outcome, machines } = await result;
  deepEqual([outcome, machines[0]?.lines], ["passed", ["logd: ready"]]);
  equal(nodes.length, 2);
});

test("runLadder is red after a fault, whatever the console shows", async () => {
  const { nodes, result, say } = run();
  await settled();
  nodes[0]?.node.fault({ name: "rngd", reason: "Invariant broken: x" });
  for (const machine of [1, 2] as const) say(machine, ...LADDER);
  const { outcome, machines } = await result;
  deepEqual([outcome, machines[0]?.failures], ["failed", [
    { kind: "failure", line: "rngd: Invariant broken: x" },
  ]]);
});

test("runLadder is red when it is interrupted, and when a machine does not boot", async () => {
  const interrupted = run({ interrupted: Promise.resolve() });
  equal((await interrupted.result).outcome, "failed");
  const clock = manualClock();
  const startNode = () => Promise.reject(new BootError("device_denied", "rngd"));
  const request = { timeoutMs: undefined, console() {} };
  const result = await runLadder({ clock, turns: clock, startNode }, request);
  deepEqual([result.outcome, result.bootError], ["failed", "Cannot boot rngd: device_denied"]);
});

const REFUSED = `dsoftbusd: identity mismatch peer=${"0e".repeat(32)}`;
const ADMITTED = `dsoftbusd: identity bound peer=${"0e".repeat(32)}`;

/** Somebody whom both machines must refuse; what a visit does stands in a test. */
function strangers(visit: Stranger["visit"]) {
  const stopped = { count: 0 };
  const stranger: Stranger = {
    expectation: { phase: "session", line: REFUSED, never: ADMITTED },
    visit,
    stop: () => Promise.resolve(void stopped.count++),
  };
  return { stopped, strangers: () => Promise.resolve([stranger]) };
}

test("runLadder wants a stranger refused on both machines, and stops it", async () => {
  const visits = Promise.withResolvers<void>();
  const rig = strangers(() => visits.promise);
  const { result, say } = run({ strangers: rig.strangers });
  await settled();
  for (const machine of [1, 2] as const) say(machine, REFUSED, ...LADDER);
  visits.resolve();
  const { outcome, machines } = await result;
  equal(outcome, "passed");
  deepEqual(machines.map(({ seen, required }) => [seen, required]), [
    [LADDER.length + 1, LADDER.length + 1],
    [LADDER.length + 1, LADDER.length + 1],
  ]);
  equal(rig.stopped.count, 1);
});

test("runLadder is red at once when a stranger is believed, and soon when it was not refused by name", async () => {
  const believed = run({
    timeoutMs: undefined,
    strangers: strangers(() => new Promise(() => {})).strangers,
  });
  await settled();
  believed.say(2, ADMITTED);
  deepEqual((await believed.result).machines[1]?.failures[0], {
    kind: "forbidden",
    line: ADMITTED,
  });
  const silent = run({
    timeoutMs: undefined,
    strangers: strangers(() => Promise.resolve()).strangers,
  });
  await settled();
  silent.clock.advanceMs(MARKER_GAP_MS);
  const { outcome, machines } = await silent.result;
  const missing = { kind: "missing", phase: "session", line: REFUSED };
  deepEqual([outcome, machines[0]?.failures[0]], ["failed", missing]);
});

test("runLadder takes the mismatch of anybody else for the failure that it is", async () => {
  const rig = strangers(() => new Promise(() => {}));
  const { result, say } = run({ timeoutMs: undefined, strangers: rig.strangers });
  await settled();
  const line = `dsoftbusd: identity mismatch peer=${"0f".repeat(32)}`;
  say(1, line);
  deepEqual((await result).machines[0]?.failures[0], { kind: "failure", line });
});

test("runLadder starts no stranger for a run that ends before sessions", async () => {
  for (const limit of [{ phase: "net" }, { until: "logd: ready" }] as const) {
    let started = 0;
    const { clock, result } = run({
      ...limit,
      strangers: () => (started += 1, Promise.resolve([])),
    });
    await settled();
    clock.advanceMs(1_000);
    await result;
    equal(started, 0);
  }
});

test("runLadder that came to its end without the line to stop at has failed", async () => {
  for (
    const until of ["SELFTEST: rng entropy FAIL", `dsoftbusd: clone of this device seen peer=<id>`]
  ) {
    const { result, say } = run({ until, timeoutMs: undefined });
    await settled();
    say(1, ...LADDER);
    const { outcome, machines } = await result;
    equal(outcome, "failed");
    deepEqual(machines[0]?.failures, [{ kind: "until", line: until }]);
  }
});

test("runLadder hides no bug of a start, and leaves no machine running", async () => {
  const clock = manualClock();
  const first = fakeNode({ host: "127.0.0.1", port: 7000 });
  const starts = [() => Promise.resolve(first), () => Promise.reject(new TypeError("a bug"))];
  const startNode = () => (starts.shift() ?? (() => Promise.resolve(first)))();
  const request = { timeoutMs: 1_000, console() {} };
  await rejects(runLadder({ clock, turns: clock, startNode }, request), TypeError);
  deepEqual([first.stops(), clock.nextNs()], [1, undefined]);
});
