import { FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import {
  afterFirstBoot,
  controllerOf,
  fakeNode,
  type NxWorld,
  nxWorld,
  SEEDED,
  settled,
} from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { MACHINES } from "./ladder_run.ts";
import { runNx } from "./nx.ts";
import type { NodeOptions } from "./ports.ts";
import { limitsOf } from "./test_os.ts";

function limits(env: Record<string, string>, options: Parameters<typeof limitsOf>[0] = {}) {
  return limitsOf(options, (name) => env[name]);
}

test("limitsOf takes the variables, and options before them", () => {
  const whole = { phase: undefined, until: undefined, timeoutMs: 190_000 };
  deepEqual(limits({}), whole);
  deepEqual(limits({ RUN_UNTIL_MARKER: "1", RUN_PHASE: "", RUN_TIMEOUT: "" }), whole);
  deepEqual(limits({ RUN_UNTIL_MARKER: "init: ready" }), { ...whole, until: "init: ready" });
  deepEqual(limits({ RUN_PHASE: "policy" }), { ...whole, phase: "policy" });
  deepEqual(limits({ RUN_TIMEOUT: "0" }), { ...whole, timeoutMs: undefined });
  for (const [text, ms] of [["190s", 190_000], ["90", 90_000], ["1ms", 1]] as const) {
    deepEqual(limits({ RUN_TIMEOUT: text }), { ...whole, timeoutMs: ms });
  }
  const env = { RUN_UNTIL_MARKER: "logd: ready", RUN_PHASE: "net", RUN_TIMEOUT: "5" };
  deepEqual(limits(env, { phase: "end", until: "rngd: ready", timeout: 7 }), {
    phase: "end",
    until: "rngd: ready",
    timeoutMs: 7,
  });
});

test("limitsOf takes 0 and 1 for the whole ladder", () => {
  for (const text of ["0", "1", ""]) equal(limits({ RUN_UNTIL_MARKER: text }).until, undefined);
});

test("limitsOf takes a declared line, placeholders filled or not, and refuses every other", () => {
  const prefix = "dsoftbusd: identity bound peer=";
  for (const text of [`${prefix}<id>`, `${prefix}${"0f".repeat(32)}`]) {
    equal(limits({ RUN_UNTIL_MARKER: text }).until, text);
  }
  for (const text of [prefix, `${prefix}<ip>`, `${prefix}<other>`, "logd: reddy", "logd", "2"]) {
    throws(
      () => limits({ RUN_UNTIL_MARKER: text }),
      (error: unknown) =>
        error instanceof CommandFailure && error.exitCode === EXIT.usage &&
        error.message.includes(`"${text}"`),
    );
  }
});

/** Turns in which a run that starts its machines at all has started them. */
const TURNS = 200;

/** `nx test-os` over two consoles that show `lines` as soon as their machines start. */
async function testOs(
  lines: readonly string[],
  argv: readonly string[],
  env: [string, string][],
  beforeOut: () => void = () => {},
) {
  let nodes = 0;
  const startNode = afterFirstBoot((options: NodeOptions) => {
    const deviceId = `${++nodes}f`.repeat(32);
    if (options.selftest) { for (const line of lines) options.console(line); }
    const handlers = controllerOf({ deviceId, connect: () => new Promise(() => {}) });
    const placeOf = () => Promise.resolve(1);
    return Promise.resolve(fakeNode({ host: "127.0.0.1", port: 7000 }, { handlers, placeOf }));
  });
  const world = nxWorld({ startNode, beforeOut });
  for (const [name, value] of env) world.env.set(name, value);
  const ended = runNx(["test-os", ...argv], world.ports);
  // State directories are made first, and machines boot on them once before.
  for (let turn = 0; turn < TURNS && nodes < MACHINES.length; turn++) await settled();
  await settled();
  world.clock.advanceMs(190_000);
  return { code: await ended, out: world.out(), error: world.error(), files: world.files };
}

test("nx test-os exits with 0, 1, 2 and 124, and keeps both consoles", async () => {
  const until: [string, string][] = [["RUN_UNTIL_MARKER", "logd: ready"]];
  const passed = await testOs(["logd: ready"], [], until);
  equal(passed.code, EXIT.ok);
  ok(passed.out.endsWith("test-os passed\n"));
  for (const machine of [1, 2]) {
    equal(
      passed.files.readText(`/tmp/nx-test-os-1/uart-${machine}.log`, 100),
      `${SEEDED}\nlogd: ready\n`,
    );
  }
  const failed = await testOs(["logd: ready", "SELFTEST: rng entropy FAIL"], [], []);
  deepEqual([failed.code, failed.out.endsWith("test-os failed\n")], [EXIT.failed, true]);
  const late = await testOs(["logd: ready"], [], []);
  deepEqual([late.code, late.out.endsWith("test-os timed out\n")], [EXIT.timedOut, true]);
  ok(late.out.includes("first_failed_phase=bring-up missing_marker='policyd: ready'"), late.out);
  for (const env of [["RUN_PHASE", "lunch"], ["RUN_TIMEOUT", "soon"]] as [string, string][]) {
    const { code, out } = await testOs([], [], [env]);
    deepEqual([code, out], [EXIT.usage, ""]);
  }
});

test("nx test-os --json ends with its verdict, and keeps consoles where it is told", async () => {
  const argv = ["--json", "--until", "logd: ready", "--log-dir", "/logs/"];
  const { code, out, files } = await testOs(["logd: ready"], argv, []);
  equal(code, EXIT.ok);
  const lines = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  deepEqual(lines.slice(0, 3), [
    { event: "line", machine: 1, line: SEEDED },
    { event: "line", machine: 2, line: SEEDED },
    { event: "line", machine: 1, line: "logd: ready" },
  ]);
  const { event, outcome, logFolder } = lines.at(-1);
  deepEqual({ event, outcome, logFolder }, {
    event: "verdict",
    outcome: "passed",
    logFolder: "/logs",
  });
  ok(files.facts("/logs/uart-2.log") !== undefined);
});

test("nx test-os fails when its result cannot be written, whatever it is", async () => {
  const { code, error } = await testOs(["logd: ready"], ["--until", "logd: ready"], [], () => {
    throw new FileFailure("no_space", "standard output");
  });
  deepEqual([code, error], [EXIT.failed, "nx: Cannot use standard output: no_space\n"]);
});

test("nx test-os keeps each line as it comes, over what an earlier run left", async () => {
  const kept: string[] = [];
  const world: NxWorld = nxWorld({
    startNode: afterFirstBoot((options) => {
      options.console("logd: ready");
      kept.push(...[1, 2].map((each) => world.files.readText(`/logs/uart-${each}.log`, 100)));
      return Promise.resolve(fakeNode({ host: "127.0.0.1", port: 7000 }));
    }),
  });
  world.files.put("/logs", { kind: "folder" });
  for (const machine of [1, 2]) {
    world.files.put(`/logs/uart-${machine}.log`, { kind: "file", text: "old\n" });
  }
  const argv = ["test-os", "--until", "logd: ready", "--log-dir", "/logs"];
  equal(await runNx(argv, world.ports), EXIT.ok);
  const [begun, both] = [`${SEEDED}\n`, `${SEEDED}\nlogd: ready\n`];
  deepEqual(kept, [both, begun, both, both]);
});

test("nx test-os that cannot keep its consoles fails and says where to name a folder", async () => {
  const fail = () => {
    throw new FileFailure("permission_denied", "temporary folder");
  };
  for (const broken of [{ temporaryFolder: fail }, { writeText: fail }, { appendBytes: fail }]) {
    const world = nxWorld({
      startNode: afterFirstBoot((options) => {
        options.console("logd: ready");
        return Promise.resolve(fakeNode({ host: "127.0.0.1", port: 7000 }));
      }),
    });
    const ports = { ...world.ports, files: { ...world.files, ...broken } };
    equal(await runNx(["test-os", "--until", "logd: ready"], ports), EXIT.failed);
    const text = /^nx: cannot keep the consoles in [^\n]+ \(permission_denied\).*--log-dir\n$/;
    ok(text.test(world.error()), world.error());
  }
});
