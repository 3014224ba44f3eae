import type { Keyboard, StopSignal } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { keyboardOf } from "@tests/fakes/keyboard.ts";
import { nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";
import { RESTART_BACKOFF_MIN_MS, RESTART_WINDOW_MS, RESTARTS_MAX } from "./restart_budget.ts";
import { STOP_LIMIT_MS } from "./supervise.ts";

const REPORT = "/tmp/nx-up-1/report.json";
/** The beginning of every node's command line under a supervisor. */
const FIRST = ["up", "--no-supervise", "--child", "--report", REPORT, "--draft", "42"];
const KILLED = 137;

/** A node in the test's hands. */
interface FakeChild {
  readonly args: readonly string[];
  readonly heard: (StopSignal | "SIGKILL" | "input ended")[];
  /** What was written to its standard input. */
  readonly told: readonly string[];
  /** Whether that is overwritten. */
  readonly forgotten: () => boolean;
  exit(code: number): void;
}

/** `nx` under a supervisor, whose nodes end as the test lets them. */
function supervised(...argv: readonly string[]) {
  return supervisedBy(undefined, ...argv);
}

/** The same, with somebody at standard input. */
function supervisedBy(keyboard: Keyboard | undefined, ...argv: readonly string[]) {
  const children: FakeChild[] = [];
  let kept = false;
  const world = nxWorld({
    ...keyboard && { keyboard },
    keepToChildren: () => void (kept = true),
    spawnOnConsole(args) {
      ok(kept, "a supervisor gives up what it does not need before it starts a node");
      const heard: FakeChild["heard"] = [];
      const { promise: exited, resolve: exit } = Promise.withResolvers<number>();
      const told: string[] = [];
      const lines: Uint8Array[] = [];
      const forgotten = () => lines.every((line) => line.every((byte) => byte === 0));
      children.push({ args, heard, told, forgotten, exit });
      return {
        ...{ id: 100 + children.length, exited },
        tell(bytes: Uint8Array) {
          told.push(new TextDecoder().decode(bytes));
          lines.push(bytes);
          return Promise.resolve();
        },
        endInput: () => void heard.push("input ended"),
        kill: (signal) => void heard.push(signal),
      };
    },
  });
  const ended = runNx(argv, world.ports);
  /** The newest node ends. */
  const end = async (code: number) => {
    children.at(-1)?.exit(code);
    await settled();
  };
  const report = (facts: object) =>
    world.files.put(REPORT, { kind: "file", mode: 0o600, text: JSON.stringify(facts) });
  return { world, ended, children, end, report, errors: () => world.error().split("\n") };
}

test("nx up starts the node with its own arguments, and ends with its exit code", async () => {
  for (const code of [0, 1, 2, 3, 124, 130, 143]) {
    const argv = ["--listen", "127.0.0.1:1", "--json", "--profile", "test", "--seed", "--x"];
    const { world, ended, children, end } = supervised("up", ...argv);
    await settled();
    await end(code);
    equal(await ended, code);
    deepEqual(children.map(({ args }) => args), [[...FIRST, ...argv]]);
    deepEqual([world.out(), world.error(), world.files.paths()], ["", "", []]);
    equal(world.clock.nextNs(), undefined);
  }
});

test("nx up removes its report's folder, drafts and all, and ends as its node where it cannot", async () => {
  for (const [left, remains] of [[`${REPORT}.7.new`, []], ["/tmp/nx-up-1/a/b", ["/tmp/nx-up-1"]]]) {
    const { world, ended, end } = supervised("up");
    await settled();
    world.files.put(`${left}`, { kind: "file" });
    await end(3);
    equal(await ended, 3);
    deepEqual(world.files.paths().slice(0, 1), remains);
  }
});

test("nx up asks for a passphrase once, and tells it to each node that it starts", async () => {
  const keys = keyboardOf("a passphrase", "a passphrase");
  const up = supervisedBy(keys, "up", "--state", "/s", "--passphrase");
  await settled();
  deepEqual(keys.prompts, ["passphrase: ", "passphrase: (again) "]);
  deepEqual(up.children[0]?.told, ["a passphrase\n"]);
  ok(up.children[0]?.args.includes("--passphrase-input"));
  await up.end(KILLED);
  up.world.clock.advanceMs(RESTART_BACKOFF_MIN_MS);
  await settled();
  deepEqual([up.children.length, up.children[1]?.told], [2, ["a passphrase\n"]]);
  await up.end(0);
  equal(await up.ended, 0);
  equal(keys.prompts.length, 2);
  ok(keys.wiped() && up.children.every(({ forgotten }) => forgotten()), "all is overwritten");
});

test("nx up starts no node without the passphrase that it asked for", async () => {
  const keys = keyboardOf("a passphrase", "another one");
  const up = supervisedBy(keys, "up", "--state", "/s", "--passphrase");
  equal(await up.ended, EXIT.failed);
  equal(up.children.length, 0);
  ok(up.world.error().includes("the two passphrases differ"), up.world.error());
});

test("nx up leaves a passphrase's file to its node, and tells it nothing", async () => {
  const up = supervisedBy(keyboardOf(), "up", "--state", "/s", "--passphrase-file", "/p");
  await settled();
  deepEqual([up.children[0]?.told, up.children[0]?.args.includes("--passphrase-input")], [
    [],
    false,
  ]);
  await up.end(0);
  equal(await up.ended, 0);
});

test("nx up puts what it adds where no argument hides it", async () => {
  const { ended, children, end } = supervised("--", "up");
  await settled();
  await end(0);
  equal(await ended, EXIT.ok);
  deepEqual(children[0]?.args, [...FIRST, "--"]);
});

test("nx up starts nothing with arguments that make no sense", async () => {
  const { ended, children } = supervised("up", "--seed", "x");
  equal(await ended, EXIT.usage);
  deepEqual(children, []);
});

test("nx up starts a node again that crashed or asks for it, after a wait", async () => {
  for (const code of [EXIT.restart, 132, 133, 134, 135, KILLED, 139]) {
    const { world, ended, children, end, errors } = supervised("up", "--json");
    await settled();
    await end(code);
    ok(errors()[0]?.startsWith(`nx: the node ended with ${code} (`), errors()[0]);
    ok(errors()[0]?.endsWith(`; it starts again in 250ms, restart 1 of ${RESTARTS_MAX}`));
    const event = { event: "restarting", exitCode: code, suspect: null, delayMs: 250 };
    deepEqual(JSON.parse(world.out()), { ...event, restart: 1, restartsMax: RESTARTS_MAX });
    world.clock.advanceMs(RESTART_BACKOFF_MIN_MS - 1);
    await settled();
    equal(children.length, 1);
    world.clock.advanceMs(1);
    await settled();
    deepEqual(children[1]?.args, [...FIRST, "--json"]);
    await end(0);
    equal(await ended, EXIT.ok);
  }
});

test("nx up says which task a crash may come from, and forgets it with the restart", async () => {
  const { world, ended, end, report, errors } = supervised("up", "--json");
  await settled();
  report({ suspect: { task: "keystored", sinceNs: 12_300_000_000 } });
  await end(133);
  ok(errors()[0]?.includes("; suspect: keystored, silent since 12.3s after its start; "));
  equal(JSON.parse(world.out()).suspect, "keystored");
  world.clock.advanceMs(RESTART_BACKOFF_MIN_MS);
  await settled();
  await end(133);
  ok(!errors()[1]?.includes("suspect"), errors()[1]);
  world.signal("SIGTERM");
  equal(await ended, EXIT.ok);
});

test("nx up gives up when its restarts are spent, and has them again after a quiet time", async () => {
  for (const quiet of [false, true]) {
    const { world, ended, children, end, errors } = supervised("up", "--json");
    await settled();
    for (let restart = 0; restart < RESTARTS_MAX; restart++) {
      await end(KILLED);
      world.clock.advanceMs(8_000);
      await settled();
    }
    if (quiet) world.clock.advanceMs(RESTART_WINDOW_MS);
    await end(KILLED);
    equal(children.length, RESTARTS_MAX + 1);
    if (quiet) {
      ok(errors()[RESTARTS_MAX]?.endsWith(`restart 1 of ${RESTARTS_MAX}`));
      world.signal("SIGTERM");
      equal(await ended, EXIT.ok);
      continue;
    }
    equal(await ended, EXIT.failed);
    ok(errors()[RESTARTS_MAX]?.endsWith("; 8 restarts in 10 minutes are spent: giving up"));
    deepEqual(JSON.parse(world.out().trimEnd().split("\n").at(-1) ?? ""), {
      ...{ event: "gave_up", exitCode: KILLED, suspect: null, restarts: RESTARTS_MAX },
    });
    deepEqual(world.files.paths(), []);
  }
});

test("nx up gives a node that is started again the port that the first one had", async () => {
  for (const [listen, kept] of [["127.0.0.1:0", ["--kept-port", "7401"]], ["[::1]:80", []]]) {
    const { world, ended, children, end, report } = supervised("up", "--listen", `${listen}`);
    await settled();
    report({ port: 7401 });
    await end(KILLED);
    world.clock.advanceMs(250);
    await settled();
    await end(KILLED); // before it listened
    world.clock.advanceMs(500);
    await settled();
    const again = [...FIRST, ...(kept ?? []), "--listen", listen];
    deepEqual(children.slice(1).map(({ args }) => args), [again, again]);
    await end(0);
    equal(await ended, EXIT.ok);
  }
});

test("nx up passes every signal on and ends with the node, whatever its exit code", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    for (const code of [0, 130, KILLED]) {
      const { world, ended, children, end } = supervised("up");
      await settled();
      world.signal(signal);
      world.signal(signal);
      await end(code);
      equal(await ended, code);
      deepEqual(children.map(({ heard }) => heard), [[signal, signal]]);
      deepEqual([world.error(), world.clock.nextNs()], ["", undefined]);
      ok(world.hearsStops(), "a signal after the end would end the process by its own code");
    }
  }
});

test("nx up kills a node that does not end when it is asked to", async () => {
  const { world, ended, children, end } = supervised("up");
  await settled();
  world.signal("SIGTERM");
  world.clock.advanceMs(STOP_LIMIT_MS - 1);
  deepEqual(children[0]?.heard, ["SIGTERM"]);
  world.clock.advanceMs(1);
  deepEqual(children[0]?.heard, ["SIGTERM", "SIGKILL"]);
  equal(world.error(), "nx: the node does not end: it is killed\n");
  await end(KILLED);
  equal(await ended, KILLED);
});

test("nx up that is asked to end while it waits starts nothing more", async () => {
  const { world, ended, children, end } = supervised("up", "--json");
  await settled();
  await end(KILLED);
  world.signal("SIGINT");
  equal(await ended, EXIT.ok);
  ok(world.out().endsWith('{"event":"stopped","reason":"signal"}\n'));
  deepEqual([children.length, world.clock.nextNs(), world.files.paths()], [1, undefined, []]);
});

test("nx up ends a node through its input with its own, only as a child", async () => {
  const child = supervised("up", "--child");
  const own = supervised("up");
  await settled();
  for (const { world } of [child, own]) world.endInput();
  await settled();
  deepEqual([child, own].map(({ children }) => children[0]?.heard), [["input ended"], []]);
  for (const { end, ended } of [child, own]) {
    await end(0);
    equal(await ended, EXIT.ok);
  }
});

test("nx up --timeout counts from the first start, through crashes and waits", async () => {
  const { world, ended, children, end } = supervised("up", "--timeout", "2s");
  await settled();
  world.clock.advanceMs(1_500);
  await end(KILLED);
  world.clock.advanceMs(250);
  await settled();
  const left = children.map(({ args }) => args[args.indexOf("--time-left") + 1]);
  deepEqual(left, ["2000ms", "250ms"]);
  await end(KILLED);
  world.clock.advanceMs(250);
  equal(await ended, EXIT.timedOut);
  ok(world.error().endsWith("nx: timed out\n"));
  equal(children.length, 2);
});

test("nx up --timeout starts no node again that crashed when time was up", async () => {
  const { world, ended, children, end } = supervised("up", "--timeout", "2s", "--json");
  await settled();
  world.clock.advanceMs(2_000);
  await end(KILLED);
  equal(await ended, EXIT.timedOut);
  deepEqual(world.out(), '{"event":"stopped","reason":"timed_out"}\n');
  equal(children.length, 1);
});

test("nx up --timeout kills a node that outstays its time", async () => {
  const { world, ended, children, end } = supervised("up", "--timeout", "2s");
  await settled();
  world.clock.advanceMs(2_000 + STOP_LIMIT_MS - 1);
  deepEqual(children[0]?.heard, []);
  world.clock.advanceMs(1);
  deepEqual(children[0]?.heard, ["SIGKILL"]);
  await end(KILLED);
  equal(await ended, EXIT.timedOut);
});

test("nx up --timeout leaves the first node to say that time is up, however short it was", async () => {
  const started: (readonly string[])[] = [];
  const { ports, clock } = nxWorld({
    spawnOnConsole(args) {
      started.push(args);
      const tell = () => Promise.resolve();
      return { id: 1, exited: Promise.resolve(EXIT.timedOut), tell, endInput() {}, kill() {} };
    },
  });
  let reads = 0;
  const slow = { ...ports, clock: { ...clock, nowNs: () => 2e6 * reads++ } };
  equal(await runNx(["up", "--timeout", "1ms"], slow), EXIT.timedOut);
  const args = started[0] ?? [];
  equal(args[args.indexOf("--time-left") + 1], "1ms");
});
