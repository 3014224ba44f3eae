/**
 * `deno task ok`: the gate. Every step runs, also after one has failed; what tests were ignored is
 * listed, and where `CI` is set an ignored test fails.
 *
 * @module
 */

import { runSteps, type Step } from "./step.ts";
import { lineOf, ofTests } from "./tally.ts";

const STEP_TIMEOUT_MS = 240_000;
const TESTS_TIMEOUT_MS = 480_000;

const options = { timeoutMs: STEP_TIMEOUT_MS };

const STEPS: readonly Step[] = [
  { name: "format", args: ["fmt", "--check"], options },
  // deno lint ends by SIGSEGV once in some hundred runs when a plugin is loaded: after it has
  // reported, while it ends. A crash is no verdict; what it reports (exit code 1) is.
  { name: "lint", args: ["lint"], options, retriesAfterCrash: 3 },
  { name: "types", args: ["check"], options },
  { name: "derived files", args: ["task", "gen", "--check"], options },
  {
    name: "tests",
    args: ["task", "test"],
    options: { timeoutMs: TESTS_TIMEOUT_MS },
    count: ofTests,
  },
  { name: "test-os", args: ["task", "test-os"], options },
  { name: "fuzz smoke", args: ["task", "fuzz", "--smoke"], options },
];

if (import.meta.main) {
  const tally = await runSteps(STEPS);
  console.log(lineOf(tally));
  Deno.exit(tally.failed === 0 ? 0 : 1);
}
