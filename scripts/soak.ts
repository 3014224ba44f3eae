/**
 * `deno task soak`: checks that find something only when they run for long.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { fuzzTargets, repeat, targetFiles } from "./fuzz.ts";

const USAGE = `Runs every long check.

deno task soak [--check NAME] [--seconds N] [--full]

  --check NAME   one check; all by default
  --seconds N    how long, over all checks together; 60 by default
  --full         the full counts, however long they take, and a report in docs/reports/soak.md`;

const SECONDS_DEFAULT = 60;
/** Cases for each fuzz target in a full run. */
const FULL_CASES = 1_000_000;
/** A full run of one check ends after this time at the latest: six hours. */
const FULL_SECONDS_MAX = 6 * 3600;

/** How much one check shall do: whichever bound it reaches first. */
export interface SoakBudget {
  readonly seconds: number;
  readonly casesMax: number;
}

/** What one check did. */
export interface SoakResult {
  readonly cases: number;
  /** Each line says what failed and how to repeat it. */
  readonly failures: readonly string[];
}

export interface SoakCheck {
  readonly name: string;
  run(budget: SoakBudget): Promise<SoakResult>;
}

/** Every check. One that belongs to a part of the product is added here as a row. */
function soakChecks(): SoakCheck[] {
  const fuzz = new URL("../tests/fuzz", import.meta.url).pathname;
  return targetFiles(fuzz).map((target) => ({ name: `fuzz ${target}`, run: fuzzCheck(target) }));
}

function fuzzCheck(target: string): SoakCheck["run"] {
  return async ({ seconds, casesMax }) => {
    const seedFirst = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const [result] = await fuzzTargets({ target, seconds, seedFirst, seedCount: casesMax });
    const { cases = 0, failure } = result ?? {};
    if (failure === undefined) return { cases, failures: [] };
    const { seed, file } = failure;
    const where = seed === undefined
      ? `${target}, ${file ?? "while it loads"}`
      : repeat(target, seed);
    return { cases, failures: [`${where}: ${failure.why.split("\n", 1)[0]}`] };
  };
}

/** One row of the report. */
export interface SoakRow extends SoakResult {
  readonly name: string;
  readonly seconds: number;
}

/** @returns The report as Markdown. */
export function report(rows: readonly SoakRow[], deno: string): string {
  const lines = rows.map(({ name, cases, seconds, failures }) =>
    `| ${name} | ${cases} | ${seconds.toFixed(0)} | ${failures.length} |`
  );
  const failures = rows.flatMap(({ failures }) => failures).map((each) => `- \`${each}\``);
  return [
    "# Soak report",
    "",
    "What the long checks found when they last ran in full. Run them again with",
    "`deno task soak --full`, which writes this page.",
    "",
    `Deno ${deno}, ${Deno.build.target}.`,
    "",
    "| check | cases | seconds | failures |",
    "| --- | --- | --- | --- |",
    ...lines,
    "",
    ...(failures.length === 0 ? ["No check failed."] : failures),
    "",
  ].join("\n");
}

interface SoakOptions {
  readonly check: string | undefined;
  readonly seconds: number;
  readonly full: boolean;
}

function parsed(args: string[]): SoakOptions | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        check: { type: "string" },
        seconds: { type: "string", default: String(SECONDS_DEFAULT) },
        full: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const seconds = Number(values.seconds);
    if (values.help || !(seconds > 0)) return undefined;
    return { check: values.check, seconds, full: values.full };
  } catch {
    return undefined;
  }
}

async function runChecks(checks: readonly SoakCheck[], options: SoakOptions): Promise<SoakRow[]> {
  const budget: SoakBudget = options.full
    ? { seconds: FULL_SECONDS_MAX, casesMax: FULL_CASES }
    : { seconds: options.seconds / checks.length, casesMax: 2 ** 32 };
  const rows: SoakRow[] = [];
  for (const { name, run } of checks) {
    const startMs = performance.now();
    const result = await run(budget);
    const seconds = (performance.now() - startMs) / 1000;
    rows.push({ name, seconds, ...result });
    for (const failure of result.failures) console.log(`soak: FAILED: ${failure}`);
    console.log(`soak: ${name}: ${result.cases} cases in ${seconds.toFixed(1)} s`);
  }
  return rows;
}

async function main(args: string[]): Promise<number> {
  const options = parsed(args);
  if (options === undefined) {
    console.error(USAGE);
    return args.includes("--help") ? 0 : 2;
  }
  const checks = soakChecks().filter(({ name }) => (options.check ?? name) === name);
  if (checks.length === 0) {
    console.error(`no check ${options.check}`);
    return 2;
  }
  const rows = await runChecks(checks, options);
  if (options.full) {
    const folder = new URL("../docs/reports", import.meta.url).pathname;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/soak.md`, report(rows, Deno.version.deno));
  }
  return rows.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
