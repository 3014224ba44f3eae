/**
 * `deno task soak`: checks that find something only when they run for long.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { fuzzTargets, repeat, targetFiles } from "./fuzz.ts";
import type { SoakBudget, SoakCheck, SoakResult } from "./soak/check.ts";
import { kill } from "./soak/kill.ts";
import { sessions } from "./soak/sessions.ts";
import { stateKill } from "./soak/state_kill.ts";
import { stackLossy } from "./soak/stack_lossy.ts";

const USAGE = `Runs every long check with its full count, and reports in docs/reports/soak.md.

deno task soak [--check NAME] [--seconds N]

  --check NAME   one check, without a report; all by default
  --seconds N    so long, over all checks together, in the place of full counts; no report`;

/** A full run of one check ends after this time at the latest. */
const FULL_SECONDS_MAX = 1_200;

/** Cases of a full run, by fuzz target: each takes some tens of seconds. */
const FUZZ_CASES: Readonly<Record<string, number>> = {
  announce: 75_000,
  capnp: 150_000,
  "control_frames": 150_000,
  "first_bytes": 3_000,
  gateway: 4_000,
  grants: 30_000,
  handshake: 10_000,
  ipc: 10_000,
  netstackd: 3_000,
  "packed_frame": 200_000,
  proof: 60_000,
  reader: 400_000,
  record: 60_000,
  stack: 2_000,
  virtqueue: 150_000,
};
/** For a target that has no row yet. */
const FUZZ_CASES_DEFAULT = 2_000;

/** Every check. One that belongs to a part of the product is added here as a row. */
function soakChecks(): SoakCheck[] {
  const fuzz = new URL("../tests/fuzz", import.meta.url).pathname;
  return [...targetFiles(fuzz).map(fuzzCheck), stackLossy, sessions, kill, stateKill];
}

function fuzzCheck(target: string): SoakCheck {
  return {
    name: `fuzz ${target}`,
    share: 1,
    fullCases: FUZZ_CASES[target] ?? FUZZ_CASES_DEFAULT,
    oneCase: "a seed",
    async run({ seconds, casesMax }) {
      const seedFirst = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
      const [result] = await fuzzTargets({ target, seconds, seedFirst, seedCount: casesMax });
      const { cases = 0, failure } = result ?? {};
      if (failure === undefined) return { cases, failures: [] };
      const { seed, file } = failure;
      const where = seed === undefined
        ? `${target}, ${file ?? "while it loads"}`
        : repeat(target, seed);
      return { cases, failures: [`${where}: ${failure.why.split("\n", 1)[0]}`] };
    },
  };
}

/** One row of the report. */
export interface SoakRow extends SoakResult {
  readonly name: string;
  readonly oneCase: string;
  readonly seconds: number;
}

/** @returns The report as Markdown. */
export function report(rows: readonly SoakRow[], machine: string): string {
  const lines = rows.map(({ name, oneCase, cases, seconds, failures }) =>
    `| ${name} | ${oneCase} | ${cases} | ${seconds.toFixed(0)} | ${failures.length} |`
  );
  const failures = rows.flatMap(({ failures }) => failures).map((each) => `- \`${each}\``);
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  return [
    "# Soak report",
    "",
    "What the long checks found when they last ran in full. Run them again with",
    "`deno task soak`, which writes this page; `--check NAME` runs one, `--seconds N` all of them",
    "for so long.",
    "",
    machine,
    "",
    "| check | a case is | cases | seconds | failures |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
    "",
    `${rows.length} checks in ${seconds.toFixed(0)} s.`,
    ...(failures.length === 0 ? ["No check failed."] : ["", ...failures]),
    "",
  ].join("\n");
}

/** Where the checks ran. */
function machineText(): string {
  const { deno, v8 } = Deno.version;
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  return `Deno ${deno} (V8 ${v8}), ${Deno.build.target}, ${navigator.hardwareConcurrency} ` +
    `processors, ${memory} GiB of memory.`;
}

interface SoakOptions {
  readonly check: string | undefined;
  /** Over all checks together; `undefined` for full counts. */
  readonly seconds: number | undefined;
}

function parsed(args: string[]): SoakOptions | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        check: { type: "string" },
        seconds: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
    if (values.help || (seconds !== undefined && !(seconds > 0))) return undefined;
    return { check: values.check, seconds };
  } catch {
    return undefined;
  }
}

/**
 * What the first of the checks to come may use up. Time is shared out again before each of them, so
 * that one that took longer puts off no end.
 *
 * @param leftSeconds `undefined` for full counts.
 */
export function budgetOf(
  checks: readonly SoakCheck[],
  leftSeconds: number | undefined,
): SoakBudget {
  const [next] = checks;
  if (leftSeconds === undefined) {
    return { seconds: FULL_SECONDS_MAX, casesMax: next?.fullCases ?? 0 };
  }
  const shares = checks.reduce((sum, { share }) => sum + share, 0);
  const seconds = Math.max(0, leftSeconds) * (next?.share ?? 0) / shares;
  return { seconds, casesMax: 2 ** 32 };
}

async function runChecks(checks: readonly SoakCheck[], options: SoakOptions): Promise<SoakRow[]> {
  const rows: SoakRow[] = [];
  const beginMs = performance.now();
  const { seconds: limit } = options;
  for (const [index, { name, oneCase, run }] of checks.entries()) {
    const startMs = performance.now();
    const leftSeconds = limit === undefined ? undefined : limit - (startMs - beginMs) / 1000;
    const result = await run(budgetOf(checks.slice(index), leftSeconds));
    const seconds = (performance.now() - startMs) / 1000;
    rows.push({ name, oneCase, seconds, ...result });
    for (const failure of result.failures) console.log(`soak: FAILED: ${name}: ${failure}`);
    console.log(`soak: ${name}: ${result.cases} cases in ${seconds.toFixed(1)} s`);
  }
  return rows;
}

/** Writes the page in the form that the gate asks of every page. */
async function writeReport(text: string): Promise<void> {
  const folder = new URL("../docs/reports", import.meta.url).pathname;
  const path = `${folder}/soak.md`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(path, text);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
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
  if (options.seconds === undefined && options.check === undefined) {
    await writeReport(report(rows, machineText()));
  }
  return rows.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
