/**
 * What `.ci/run` runs: the gate, the artifact, and a minute of each long check.
 *
 * The last line is `N passed, N failed`.
 *
 * @module
 */

import { offlinePair, PAIR_TARGET } from "./offline_pair.ts";
import { runSteps, type Step } from "./step.ts";
import { lineOf, NOTHING, ofCheck, ofLine, sum, type Tally } from "./tally.ts";

const GATE_TIMEOUT_MS = 1_200_000;
const COMPILE_TIMEOUT_MS = 600_000;
const ARTIFACT_TIMEOUT_MS = 240_000;
const LONG_CHECK_SECONDS = 60;
/** A long check may finish what it has begun, and has to start. */
const LONG_CHECK_TIMEOUT_MS = 3 * LONG_CHECK_SECONDS * 1000;

const GATE: readonly Step[] = [
  {
    name: "gate",
    args: ["task", "ok"],
    options: { timeoutMs: GATE_TIMEOUT_MS },
    count: ofLine,
  },
];

/** The artifact runs where nothing else is: an empty folder, no PATH, no cache, no Deno. */
function artifactSteps(folder: string): Step[] {
  const built = `${folder}/dist/nx-${PAIR_TARGET}`;
  const empty = `${folder}/empty`;
  const options = {
    cwd: empty,
    env: { PATH: "", HOME: empty, TMPDIR: empty, NO_COLOR: "1" },
    clearEnv: true,
    timeoutMs: ARTIFACT_TIMEOUT_MS,
  };
  const output = ["--output", `${folder}/dist`];
  return [
    {
      name: "compile",
      args: ["task", "compile", "--offline-pair", ...output],
      options: { timeoutMs: COMPILE_TIMEOUT_MS },
    },
    ...["version", "test-os", "demo"].map((command) => ({
      name: `artifact: ${command}`,
      command: built,
      args: [command],
      options,
    })),
  ];
}

const LONG_CHECKS: readonly Step[] = ["fuzz", "soak"].map((task) => ({
  name: `${task}, ${LONG_CHECK_SECONDS} s`,
  args: ["task", task, "--seconds", String(LONG_CHECK_SECONDS)],
  options: { timeoutMs: LONG_CHECK_TIMEOUT_MS },
}));

/** What tests and tasks have needed stands in the lock file, or it would have changed. */
function lockCheck(before: string, after: string): Tally {
  const complete = before === after;
  if (!complete) console.log("FAILED deno.lock was not complete: commit what the run made of it");
  return ofCheck(complete);
}

async function runAll(folder: string): Promise<Tally> {
  const lock = await Deno.readTextFile("deno.lock");
  // The gate's tests run under the pair too, where it is installed.
  await offlinePair(PAIR_TARGET);
  const gate = await runSteps(GATE);
  const rest = await runSteps([...artifactSteps(folder), ...LONG_CHECKS]);
  return sum(sum(gate, rest), lockCheck(lock, await Deno.readTextFile("deno.lock")));
}

async function main(): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "nx-ci-" });
  await Deno.mkdir(`${folder}/empty`);
  let total = NOTHING;
  try {
    total = await runAll(folder);
  } catch (error) {
    console.error(error);
    total = sum(total, ofCheck(false));
  }
  await Deno.remove(folder, { recursive: true });
  console.log(`\n${lineOf(total)}`);
  return total.failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
