import { FileFailure, type Reach } from "@runtime/core/program_ports.ts";
import type { NodeOptions } from "./ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type FakeNode, fakeNode, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { EXIT } from "./exit_code.ts";
import { STOP_TIMEOUT_MS } from "./node_run.ts";
import { runNx } from "./nx.ts";
import { readReport, type Suspect } from "./run_report.ts";

const LISTEN = { host: "127.0.0.1", port: 7401 };

/** `nx up` under way, with its node in the test's hands. */
function up(
  argv: readonly string[],
  node: FakeNode = fakeNode(LISTEN),
  beforeOut: () => void = () => {},
) {
  let options: NodeOptions | undefined;
  const world = nxWorld({
    beforeOut,
    startNode(asked) {
      options = asked;
      return Promise.resolve(node);
    },
  });
  const ended = runNx(["up", "--no-supervise", ...argv], world.ports);
  const say = (line: string) => options?.console(line);
  const prove = (line: string) => options?.observe?.({ line, task: "x", atNs: 5 });
  const suspect = (suspect: Suspect) => options?.suspect?.(suspect);
  return { world, node, ended, say, prove, suspect };
}

test("nx up ends in order at a signal: node stopped, socket and entry gone, exit 0", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const { world, node, ended } = up([]);
    await settled();
    ok(world.files.facts("/run/me/nexus/7401/control.sock") !== undefined);
    world.signal(signal);
    equal(await ended, EXIT.ok);
    deepEqual([node.stops(), world.files.paths()], [1, ["/run/me/nexus"]]);
    equal(world.clock.nextNs(), undefined);
  }
});

test("nx up waits less than a second for a node that does not stop", async () => {
  ok(STOP_TIMEOUT_MS < 1_000);
  const { world, ended } = up([], fakeNode(LISTEN, { stop: () => new Promise(() => {}) }));
  await settled();
  world.signal("SIGTERM");
  await settled();
  world.clock.advanceMs(STOP_TIMEOUT_MS);
  equal(await ended, EXIT.ok);
  deepEqual(world.files.paths(), ["/run/me/nexus"]);
});

test("nx up has its node read a passphrase's file, and write nothing of it", async () => {
  const reaches: Reach[] = [];
  const { ports } = nxWorld();
  const confined = (_: readonly string[], reach: Reach) => {
    reaches.push(reach);
    return Promise.resolve(EXIT.ok);
  };
  const argv = ["up", "--no-supervise", "--state", "/s", "--passphrase-file", "/p"];
  equal(await runNx(argv, { ...ports, confined }), EXIT.ok);
  deepEqual(reaches.map(({ folders, reads }) => ({ folders, reads })), [
    { folders: ["/run/me/nexus", "/s"], reads: ["/p"] },
  ]);
});

test("nx up prints the console, and ends at the whole line of --until alone", async () => {
  const { world, ended, say, node } = up(["--until", "dsoftbusd: identity bound peer=<id>"]);
  await settled();
  const start = "dsoftbusd: identity bound peer=";
  const line = `${start}${"0f".repeat(32)}`;
  for (const other of [start, `${line} `, `x${line}`, `${start}<id>`]) say(other);
  await settled();
  equal(node.stops(), 0);
  say(line);
  equal(await ended, EXIT.ok);
  deepEqual(world.out().split("\n").slice(3, 5), [`${start}<id>`, line]);
  equal(world.error(), "nx: listening on 127.0.0.1:7401\n");
});

test("nx up goes on when its console cannot be written, and says so once", async () => {
  for (const argv of [[], ["--json"]]) {
    let full = true;
    const { world, ended, say, prove, node } = up(argv, undefined, () => {
      if (full) throw new FileFailure("no_space", "standard output");
    });
    await settled();
    const both = (line: string) => [say, prove].forEach((tell) => tell(line));
    both("lost");
    both("lost");
    full = false;
    both("kept");
    equal(world.error().match(/standard output: no_space: the console is lost, the/g)?.length, 1);
    ok(!world.out().includes("lost") && world.out().includes("kept"), world.out());
    equal(node.stops(), 0);
    world.signal("SIGINT");
    equal(await ended, EXIT.ok);
  }
});

test("nx up ends with 124 when time is up", async () => {
  const { world, ended, node } = up(["--timeout", "2s"]);
  await settled();
  world.clock.advanceMs(1_999);
  await settled();
  equal(node.stops(), 0);
  world.clock.advanceMs(1);
  equal(await ended, EXIT.timedOut);
  equal(node.stops(), 1);
  ok(world.error().endsWith("nx: timed out\n"));
});

test("nx up ends with 124 when the line of --until comes after its time, before any turn", async () => {
  for (const [ms, code] of [[1, EXIT.timedOut], [0, EXIT.ok]] as const) {
    const node = fakeNode(LISTEN);
    let bootedNs = 0;
    const { ports, clock } = nxWorld({
      startNode(options) {
        bootedNs = ms * 1e6;
        options.console("init: ready");
        return Promise.resolve(node);
      },
    });
    const late = { ...ports, clock: { ...clock, nowNs: () => clock.nowNs() + bootedNs } };
    equal(
      await runNx(["up", "--no-supervise", "--until", "init: ready", "--timeout", "1ms"], late),
      code,
    );
    equal(node.stops(), 1);
  }
});

test("nx up --timeout 0 is no limit", async () => {
  const { world, ended } = up(["--timeout", "0"]);
  await settled();
  equal(world.clock.nextNs(), undefined);
  world.signal("SIGINT");
  equal(await ended, EXIT.ok);
});

test("nx up goes on when a daemon faults: the boot starts it again", async () => {
  const { world, node, ended } = up([]);
  await settled();
  node.fault({ name: "rngd", reason: "Invariant broken: x" });
  await settled();
  equal(node.stops(), 0);
  world.signal("SIGINT");
  equal(await ended, EXIT.ok);
});

test("nx up ends with its input only as a child", async () => {
  const child = up(["--child"]);
  await settled();
  child.world.endInput();
  equal(await child.ended, EXIT.ok);
  equal(child.node.stops(), 1);
  const own = up([]);
  await settled();
  own.world.endInput();
  await settled();
  equal(own.node.stops(), 0);
  own.world.signal("SIGINT");
  equal(await own.ended, EXIT.ok);
});

test("nx up --json prints markers and events, each on its line", async () => {
  const { world, ended, say, prove } = up(["--json"]);
  await settled();
  say("rngd: ready");
  prove("rngd: ready");
  await settled();
  world.signal("SIGINT");
  equal(await ended, EXIT.ok);
  deepEqual(world.out().trimEnd().split("\n").map((line) => JSON.parse(line)), [
    { event: "listening", host: "127.0.0.1", port: 7401 },
    { event: "control", path: "/run/me/nexus/7401/control.sock" },
    { event: "ready" },
    { event: "marker", line: "rngd: ready", task: "x", atNs: 5 },
    { event: "stopped", reason: "signal" },
  ]);
});

test("nx up without a listen port registers under its process, with --no-control not at all", async () => {
  const hidden = up([], fakeNode(undefined));
  await settled();
  ok(hidden.world.files.facts("/run/me/nexus/pid-42/control.sock") !== undefined);
  hidden.world.signal("SIGINT");
  await hidden.ended;
  const bare = up(["--no-control"]);
  await settled();
  deepEqual(bare.world.files.paths(), []);
  bare.world.signal("SIGINT");
  equal(await bare.ended, EXIT.ok);
});

test("nx up without a listen port says on its start that nobody can connect", async () => {
  const people = up([], fakeNode(undefined));
  const programs = up(["--json"], fakeNode(undefined));
  await settled();
  equal(
    people.world.error(),
    "nx: not listening: no peer can connect to this node; --listen HOST:PORT lets them\n",
  );
  deepEqual(JSON.parse(programs.world.out().split("\n")[0] ?? ""), { event: "not_listening" });
  for (const { world, ended } of [people, programs]) {
    world.signal("SIGINT");
    equal(await ended, EXIT.ok);
  }
});

test("nx up starts no node that cannot register", async () => {
  for (const listen of [[], ["--listen", "127.0.0.1:7401"], ["--listen", "127.0.0.1:0"]]) {
    const world = nxWorld();
    world.files.put("/run/me/nexus", { kind: "folder", mode: 0o755 });
    equal(
      await runNx(["up", "--no-supervise", "--timeout", "1h", ...listen], world.ports),
      EXIT.failed,
    );
    const line = "/run/me/nexus is open to other users (mode 0755); run: chmod 700 /run/me/nexus";
    equal(world.error(), `nx: ${line}\n`);
    deepEqual([world.started, world.clock.nextNs()], [[], undefined]);
  }
});

test("nx up starts no node where one runs already", async () => {
  const first = up([]);
  await settled();
  for (const listen of ["127.0.0.1:7401", "[::1]:7401"]) {
    const code = await runNx(["up", "--no-supervise", "--listen", listen], first.world.ports);
    equal(code, EXIT.failed);
    const lines = first.world.error().trimEnd().split("\n");
    equal(
      lines.at(-1),
      "nx: node 7401 runs already on 127.0.0.1:7401, and nodes are named by their port: " +
        "listen on another port, or stop that node",
    );
  }
  deepEqual([first.world.started.length, first.node.stops()], [1, 0]);
  first.world.signal("SIGHUP");
  equal(await first.ended, EXIT.ok);
});

test("nx up stops its node when its folder was taken while it started", async () => {
  const { world, node, ended } = up([]);
  world.files.put("/run/me/nexus/7401", { kind: "folder", own: false });
  equal(await ended, EXIT.failed);
  equal(node.stops(), 1);
  ok(world.error().includes("not a folder of yours alone"));
});

test("nx up whose time is up while the node starts stops the node when it has", async () => {
  const node = fakeNode(LISTEN);
  let start: () => void = () => {};
  const world = nxWorld({ startNode: () => new Promise((resolve) => start = () => resolve(node)) });
  const ended = runNx(["up", "--no-supervise", "--timeout", "1ms"], world.ports);
  await settled();
  world.clock.advanceMs(1);
  await settled();
  start();
  equal(await ended, EXIT.timedOut);
  equal(node.stops(), 1);
});

test("nx up says that it stopped last, whatever a boot that does not end says after it", async () => {
  for (const argv of [[], ["--json"]]) {
    let options: NodeOptions | undefined;
    const world = nxWorld({
      startNode(asked) {
        options = asked;
        return new Promise(() => {});
      },
    });
    const tell = (line: string) => {
      options?.console(line);
      options?.observe?.({ line, task: "x", atNs: 5 });
    };
    const ended = runNx(["up", "--no-supervise", "--timeout", "1ms", ...argv], world.ports);
    await settled();
    tell("before");
    world.clock.advanceMs(1);
    await settled();
    world.clock.advanceMs(STOP_TIMEOUT_MS);
    equal(await ended, EXIT.timedOut);
    const said = world.out();
    ok(said.includes("before"));
    tell("after");
    equal(world.out(), said);
  }
});

test("nx up ends with the restart code when a task runs away, and says which", async () => {
  let run: (task: string) => void = () => {};
  const runaway = new Promise<string>((resolve) => run = resolve);
  for (const argv of [[], ["--json"]]) {
    const { world, node, ended } = up(argv, fakeNode(LISTEN, { runaway }));
    await settled();
    run("netstackd");
    equal(await ended, EXIT.restart);
    equal(node.stops(), 1);
    if (argv.length === 0) ok(world.error().endsWith("nx: degraded: runaway netstackd\n"));
    else ok(world.out().endsWith('{"event":"stopped","reason":"runaway"}\n'));
  }
});

test("nx up stops once, in order, at however many signals come and whenever", async () => {
  let finish: () => void = () => {};
  const stop = () => new Promise<void>((resolve) => finish = resolve);
  const { world, node, ended } = up([], fakeNode(LISTEN, { stop }));
  await settled();
  world.signal("SIGINT");
  world.signal("SIGINT");
  await settled();
  world.signal("SIGTERM");
  finish();
  equal(await ended, EXIT.ok);
  equal(node.stops(), 1);
  ok(world.hearsStops(), "a signal after the end would end the process by its own code");
});

test("nx up --report leaves its port and what it suspects, for a supervisor", async () => {
  const { world, ended, suspect } = up(["--report", "/tmp/report"]);
  await settled();
  deepEqual(readReport(world.files, "/tmp/report"), { port: 7401, suspect: undefined });
  suspect({ task: "rngd", sinceNs: 7 });
  deepEqual(readReport(world.files, "/tmp/report").suspect, { task: "rngd", sinceNs: 7 });
  world.signal("SIGINT");
  equal(await ended, EXIT.ok);
});

test("nx up takes the port that it had in the place of 0, and no other's", async () => {
  const asked = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:1"];
  for (const [listen, port] of [[asked.slice(0, 2), 7401], [asked.slice(2), 1]] as const) {
    const { world, ended } = up([...listen, "--kept-port", "7401"]);
    await settled();
    equal(world.started[0]?.listen?.port, port);
    world.signal("SIGINT");
    await ended;
  }
});

test("nx up --time-left is what is left of --timeout", async () => {
  const { world, ended } = up(["--timeout", "1h", "--time-left", "5ms"]);
  await settled();
  world.clock.advanceMs(5);
  equal(await ended, EXIT.timedOut);
});
