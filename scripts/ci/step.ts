import { type Outcome, type ProcessOptions, run } from "./process.ts";
import { NOTHING, ofCheck, strict, sum, type Tally } from "./tally.ts";

/** One part of a gate: a program that is run, and how its result is counted. */
export interface Step {
  readonly name: string;
  /** The running Deno by default. */
  readonly command?: string;
  readonly args: readonly string[];
  readonly options: ProcessOptions;
  /** By default the exit code decides, and the step counts as one check. */
  readonly count?: (output: string, code: number) => Tally;
  /** Runs again when a signal ended the program; a failure that it reports itself stays one. */
  readonly retriesAfterCrash?: number;
}

/** Runs all steps, also after one has failed, then lists them with their times. */
export async function runSteps(steps: readonly Step[]): Promise<Tally> {
  const rows: string[] = [];
  let total = NOTHING;
  for (const step of steps) {
    console.log(`\n== ${step.name}`);
    const { tally, durationMs } = await runStep(step);
    total = sum(total, tally);
    rows.push(row(step.name, tally, durationMs));
  }
  console.log(`\n${rows.join("\n")}`);
  for (const name of total.ignored) console.log(`ignored: ${name}`);
  return total;
}

async function runStep(step: Step): Promise<{ tally: Tally; durationMs: number }> {
  const command = step.command ?? Deno.execPath();
  let outcome = await run(command, step.args, step.options);
  for (let left = step.retriesAfterCrash ?? 0; left > 0 && crashed(outcome); left--) {
    console.log(`${step.name}: ended by ${outcome.signal}, runs again`);
    outcome = await run(command, step.args, step.options);
  }
  if (outcome.timedOut) console.log(`${step.name}: killed after ${step.options.timeoutMs} ms`);
  const counted = step.count?.(outcome.output, outcome.code) ?? ofCheck(outcome.code === 0);
  const tally = Deno.env.has("CI") ? strict(counted) : counted;
  for (const name of Deno.env.has("CI") ? counted.ignored : []) {
    console.log(`ignored, which fails where CI is set: ${name}`);
  }
  return { tally, durationMs: outcome.durationMs };
}

function crashed({ signal, timedOut }: Outcome): boolean {
  return signal !== undefined && !timedOut;
}

function row(name: string, { passed, failed, ignored }: Tally, durationMs: number): string {
  const verdict = failed === 0 ? "ok    " : "FAILED";
  const seconds = (durationMs / 1000).toFixed(1).padStart(6);
  const rest = ignored.length === 0 ? "" : `, ${ignored.length} ignored`;
  return `${verdict} ${seconds} s  ${name}: ${passed} passed, ${failed} failed${rest}`;
}
