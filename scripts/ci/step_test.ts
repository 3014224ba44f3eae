import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { runSteps, type Step } from "./step.ts";
import { ofTests } from "./tally.ts";

const options = { quiet: true, timeoutMs: 60_000 };

/** A step that evaluates a program. */
function evaluating(source: string, more: Partial<Step> = {}): Step {
  return { name: "step", args: ["eval", source], options, ...more };
}

/** Runs steps as a gate does, without showing what they print, with or without `CI`. */
async function judged(steps: Step[], ci = false) {
  const log = console.log;
  const before = Deno.env.get("CI");
  const lines: string[] = [];
  console.log = (line: string) => void lines.push(line);
  if (ci) Deno.env.set("CI", "1");
  else Deno.env.delete("CI");
  try {
    return { tally: await runSteps(steps), text: lines.join("\n") };
  } finally {
    console.log = log;
    if (before === undefined) Deno.env.delete("CI");
    else Deno.env.set("CI", before);
  }
}

test("runSteps goes on after a failure and counts both", async () => {
  const { tally, text } = await judged([evaluating("Deno.exit(1)"), evaluating("")]);
  deepEqual(tally, { passed: 1, failed: 1, ignored: [] });
  ok(text.includes("FAILED") && text.includes("ok "), text);
});

test("runSteps runs a crashed step again, a failed one not", async () => {
  const folder = await Deno.makeTempDir();
  const once = (end: string) => `
    try { Deno.mkdirSync("${folder}/ran"); } catch { Deno.exit(0); }
    ${end}`;
  const crash = once('Deno.kill(Deno.pid, "SIGKILL"); await new Promise(() => {});');
  const again = await judged([evaluating(crash, { retriesAfterCrash: 1 })]);
  deepEqual(again.tally, { passed: 1, failed: 0, ignored: [] });
  await Deno.remove(`${folder}/ran`);
  const failed = await judged([evaluating(once("Deno.exit(1);"), { retriesAfterCrash: 1 })]);
  deepEqual(failed.tally, { passed: 0, failed: 1, ignored: [] });
  await Deno.remove(folder, { recursive: true });
});

test("runSteps counts ignored tests as failures where CI is set, and lists them elsewhere", async () => {
  const source = 'console.log("a ... ignored (0ms)\\nok | 2 passed | 0 failed | 1 ignored")';
  const steps = [evaluating(source, { count: ofTests })];
  const relaxed = await judged(steps);
  deepEqual(relaxed.tally, { passed: 2, failed: 0, ignored: ["a"] });
  ok(relaxed.text.includes("ignored: a"), relaxed.text);
  deepEqual((await judged(steps, true)).tally, { passed: 2, failed: 1, ignored: [] });
});
