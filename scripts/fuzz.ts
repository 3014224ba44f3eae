/**
 * `deno task fuzz`: runs the targets of `tests/fuzz`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { FuzzOrder, FuzzResult } from "./fuzz_worker.ts";

const USAGE = `Runs the fuzz targets of tests/fuzz, each on a thread of its own.

deno task fuzz [--target NAME] [--seconds N] [--count N] [--seed 0x…] [--smoke]

  --target NAME   one target; all by default
  --seconds N     how long, over all targets together; 30 by default
  --count N       at most so many seeds for each target
  --seed 0x…      the first seed; alone it is the only one. By default chosen by chance
  --smoke         the seeds 0, 1, 2 … for 10 seconds

A failure prints the arguments that repeat it, and the exit code is 1.`;

const SECONDS_DEFAULT = 30;
const SMOKE_SECONDS = 10;
/** A case that takes this long is taken for one that never ends. */
const CASE_TIMEOUT_MS = 20_000;
const WATCH_INTERVAL_MS = 500;

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

export interface FuzzOptions {
  readonly target?: string;
  readonly seconds: number;
  readonly seedFirst: number;
  readonly seedCount: number;
  /** Where the targets lie; `tests/fuzz` by default. */
  readonly folder?: string;
  /** {@linkcode CASE_TIMEOUT_MS} by default. */
  readonly caseTimeoutMs?: number;
}

/** Names of the targets' files without `_fuzz.ts`, sorted. */
export function targetFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)]
    .map(({ name }) => name)
    .filter((name) => name.endsWith("_fuzz.ts"))
    .map((name) => name.slice(0, -"_fuzz.ts".length))
    .sort();
}

/** Runs targets side by side, one for each processor, and shares the time evenly among them. */
export async function fuzzTargets(options: FuzzOptions): Promise<FuzzResult[]> {
  const folder = options.folder ?? `${ROOT}/tests/fuzz`;
  const files = targetFiles(folder)
    .filter((name) => options.target === undefined || options.target === name);
  const threads = Math.max(1, Math.min(navigator.hardwareConcurrency, files.length));
  const durationMs = 1000 * options.seconds * threads / Math.max(1, files.length);
  const waiting = [...files];
  const results: FuzzResult[] = [];
  const thread = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await watched(file, {
        address: `file://${folder}/${file}_fuzz.ts`,
        corpus: `${folder}/corpus`,
        seedFirst: options.seedFirst,
        seedCount: options.seedCount,
        durationMs,
        progress: new Int32Array(new SharedArrayBuffer(8)),
      }, options.caseTimeoutMs ?? CASE_TIMEOUT_MS);
      console.log(line(result));
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: threads }, thread));
  return results;
}

/** Runs one target and ends it when a case does not end by itself. */
function watched(name: string, order: FuzzOrder, caseTimeoutMs: number): Promise<FuzzResult> {
  const { promise, resolve } = Promise.withResolvers<FuzzResult>();
  const worker = new Worker(new URL("./fuzz_worker.ts", import.meta.url), { type: "module" });
  let seen = -1;
  let changedMs = performance.now();
  const timer = setInterval(() => {
    const begun = Atomics.load(order.progress, 1);
    if (begun !== seen) changedMs = performance.now();
    seen = begun;
    if (performance.now() - changedMs < caseTimeoutMs) return;
    const seed = (order.progress[0] ?? 0) >>> 0;
    resolve({ name, cases: begun, failure: { seed, why: "the case does not end" } });
  }, WATCH_INTERVAL_MS);
  worker.onmessage = ({ data }: MessageEvent<FuzzResult>) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    const seed = (order.progress[0] ?? 0) >>> 0;
    resolve({ name, cases: Math.max(0, seen), failure: { seed, why: event.message } });
  };
  worker.postMessage(order);
  return promise.finally(() => {
    clearInterval(timer);
    worker.terminate();
  });
}

/** How a target's result is printed. */
export function line({ name, cases, failure }: FuzzResult): string {
  if (failure === undefined) return `fuzz: ${name}: ${cases} cases`;
  const { seed, file, why } = failure;
  if (seed !== undefined) return `fuzz: FAILED after ${cases} cases: ${why}\n${repeat(name, seed)}`;
  return `fuzz: FAILED after ${cases} cases: ${why}\n${name}, ${file ?? "while it loads"}`;
}

/** The arguments that repeat one case. */
export function repeat(target: string, seed: number): string {
  return `--target ${target} --seed 0x${seed.toString(16)}`;
}

/** @returns What the arguments ask for, or why they make no sense. */
export function parsedOptions(args: string[]): FuzzOptions | string {
  let values;
  try {
    values = parseArgs({
      args,
      options: {
        target: { type: "string" },
        seconds: { type: "string" },
        count: { type: "string" },
        seed: { type: "string" },
        smoke: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return error instanceof Error ? error.message : USAGE;
  }
  if (values.help) return USAGE;
  const seconds = Number(values.seconds ?? (values.smoke ? SMOKE_SECONDS : SECONDS_DEFAULT));
  if (!(seconds > 0)) return "--seconds is a number above 0";
  const single = values.seed !== undefined && values.seconds === undefined;
  const seedCount = Number(values.count ?? (single ? 1 : 2 ** 32));
  if (!(Number.isInteger(seedCount) && seedCount > 0)) return "--count is a whole number above 0";
  const seedFirst = values.seed === undefined ? chosenSeed(values.smoke) : Number(values.seed);
  const fits = Number.isInteger(seedFirst) && seedFirst >= 0 && seedFirst < 2 ** 32;
  if (!fits) return "--seed is a number of 32 bits, such as 0x1f";
  return {
    seconds,
    seedFirst,
    seedCount,
    ...(values.target === undefined ? {} : { target: values.target }),
  };
}

function chosenSeed(smoke: boolean): number {
  return smoke ? 0 : crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

async function main(args: string[]): Promise<number> {
  const options = parsedOptions(args);
  if (typeof options === "string") {
    console.error(options);
    return args.includes("--help") ? 0 : 2;
  }
  const results = await fuzzTargets(options);
  if (results.length === 0) {
    console.error(`no target ${options.target ?? ""} in tests/fuzz`);
    return 2;
  }
  return results.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
