import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { builtins } from "@tests/lockdown/builtins.ts";
import { OUTSIDE, PACKAGES } from "@tests/lockdown/outside.ts";
import { LockedWorker, type Order, type Report } from "@tests/lockdown/report.ts";
import { compile, EMBEDDED } from "../../scripts/compile.ts";
import { installedPair, PAIR_TARGET } from "../../scripts/ci/offline_pair.ts";
import { run } from "../../scripts/ci/process.ts";
import { GLOBALS_ALLOWED } from "./globals_allowed.ts";
import { denoAtLeast } from "./runtime_version.ts";

const RUN_TIMEOUT_MS = 60_000;
const PROGRAM = "tests/lockdown/program.ts";
const WORKER = "tests/lockdown/worker.ts";

/** Attempts that get nowhere without the lockdown either, on one Deno at least. */
const REFUSED_ANYWAY = new Set([
  "Temporal.Now",
  "Date to Temporal",
  "an event's time",
  "a hook where the runtime dispatches",
  "a channel to everybody",
]);

const NAMES_OF_OBJECT = Object.getOwnPropertyNames(Object.prototype);

async function asked(lock: boolean, ask: Order["ask"], names?: readonly string[]) {
  const worker = new LockedWorker({ lock });
  const report = await worker.ask(ask, names);
  worker.end();
  return report;
}

/** Deno 2.4 cannot close its global object. */
const OUT_BEFORE_29 = ["a new name"];

/** What holds of a report under every Deno, from source and compiled. */
function judge({ names, behind, tried, caught, imports }: Report, out: readonly string[]): void {
  deepEqual([...names].sort(), [...GLOBALS_ALLOWED].sort());
  deepEqual(behind.filter((name) => !NAMES_OF_OBJECT.includes(name)), []);
  deepEqual(Object.keys(tried).filter((name) => tried[name] === "out"), out);
  deepEqual(caught, []);
  deepEqual(imports.loaded, []);
  ok(/NODE_PLACES/.test(imports.refused["node:os"] ?? "NODE_PLACES"), "the map refuses a builtin");
}

function judgeWork({ works }: Report): void {
  const { components, providers, ...rest } = works;
  ok(Array.isArray(components) && components.length >= 10, "every daemon's modules are loaded");
  equal(Object.keys(providers as object).length, 6);
  deepEqual(rest, {
    toml: Date.UTC(1979, 4, 27, 7, 32),
    grants: [["constructor", ["a.b"]]],
    date: "1970-01-01T00:00:00.000Z86400000172800000",
    assigned: ["Named: after", "told", ["toString", "constructor"]],
    steps: "ran",
    later: "ran",
    timer: true,
    waited: "timed-out",
    woken: 0,
    memory: true,
  });
}

test("lockdown leaves the names of the list and refuses every escape", async () => {
  judge(await asked(true, "escape"), denoAtLeast(2, 9) ? [] : OUT_BEFORE_29);
});

test("lockdown is what refuses: without it each attempt gets out", async () => {
  const { tried } = await asked(false, "escape");
  const refused = Object.entries(tried).filter(([name, outcome]) =>
    outcome !== "out" && !REFUSED_ANYWAY.has(name)
  );
  deepEqual(refused, []);
});

test("lockdown leaves daemons, primitives, TOML, run queue and timers at work", async () => {
  judgeWork(await asked(true, "work"));
});

test("a locked worker's daemon sees no message and no port of its own worker", async () => {
  const open = new LockedWorker({ lock: false });
  await open.ask("escape");
  open.tellWorker("secret");
  await open.ask("look");
  ok((await open.ask("look")).caught.includes("[object MessageEvent]"));
  open.end();
  const locked = new LockedWorker({ lock: true });
  await locked.ask("escape");
  deepEqual((await locked.ask("look")).caught, []);
  // Nobody hears it, not even the runtime: its global object is no target of events any more.
  locked.tellWorker("secret");
  ok(/TypeError/.test(await locked.ended));
  locked.end();
});

test("what ends a locked worker reaches the thread that made it", async () => {
  const worker = new LockedWorker({ lock: true });
  worker.ask("throw");
  ok((await worker.ended).endsWith("RangeError: a daemon's own error"));
  worker.end();
});

test("a daemon imports no builtin, by either of its names and by no way around them", async () => {
  const { imports } = await asked(true, "escape", [...builtins(), ...OUTSIDE]);
  deepEqual(imports.loaded, []);
  const unmapped = builtins().filter((name) => !/NODE_PLACES/.test(imports.refused[name] ?? ""));
  deepEqual(unmapped, []);
});

/** Without the worker of a node: the command line in it is what a daemon must not reach. */
const TASK_WORKERS = EMBEDDED.filter((path) => path !== "hw/host/node_worker.ts");

const pair = installedPair();
const unpaired = { ignore: pair === undefined };

/** Runs the program that prints two reports. */
async function reportsOf(command: string, args: readonly string[]): Promise<[Report, Report]> {
  const env = { DENO_TLS_CA_STORE: "system", NO_COLOR: "1" };
  const options = { env, timeoutMs: RUN_TIMEOUT_MS, quiet: true };
  const { code, output } = await run(command, args, options);
  const line = output.split("\n").find((each) => each.startsWith("[{"));
  deepEqual({ code, output: line === undefined ? output : "" }, { code: 0, output: "" });
  return JSON.parse(line ?? "");
}

test("lockdown holds under Deno 2.4.2", async () => {
  const args = ["run", "-A", "--no-lock", "--no-check", PROGRAM];
  const [escape, work] = await reportsOf(pair?.deno ?? "", args);
  judge(escape, OUT_BEFORE_29);
  judgeWork(work);
}, unpaired);

test("lockdown holds in an executable", async () => {
  const output = await Deno.makeTempDir({ prefix: "nx-locked-" });
  try {
    const options = {
      target: PAIR_TARGET,
      output,
      entry: PROGRAM,
      workers: [WORKER, ...TASK_WORKERS],
    };
    const path = await compile({ ...options, offlinePair: true });
    const [escape, work] = await reportsOf(path ?? "", []);
    judge(escape, OUT_BEFORE_29);
    deepEqual(PACKAGES.filter((name) => !Object.hasOwn(escape.imports.refused, name)), []);
    judgeWork(work);
  } finally {
    await Deno.remove(output, { recursive: true });
  }
}, unpaired);
