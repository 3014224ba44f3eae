/**
 * `deno task compile`: the whole program as one executable, with its checksum beside it.
 *
 * @module
 */

import { programFlags, systemFacts } from "@hw/host/permissions.ts";
import { denoAtLeast } from "@hw/host/runtime_version.ts";
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { run } from "./ci/process.ts";
import { offlinePair, PAIR_TARGET } from "./ci/offline_pair.ts";

const USAGE = `Makes one executable <output>/nx-<target>, and <output>/SHA256SUMS.

deno task compile [--target T] [--output DIR] [--entry FILE] [--offline-pair]

  --target T       as deno compile names it; this machine's by default
  --output DIR     dist by default
  --entry FILE     main.ts by default
  --offline-pair   compile with Deno 2.4.2 and a base executable, both from npm, instead of a
                   download of the base of the running Deno (which is tried first otherwise)`;

/** Modules that the program reaches by their address alone: workers. */
export const EMBEDDED: readonly string[] = [
  "hw/host/first_bytes_worker.ts",
  "hw/host/sandbox_worker.ts",
  "hw/host/task_worker.ts",
  "hw/host/node_worker.ts",
];

const COMPILE_TIMEOUT_MS = 300_000;

/** What no import of the program reaches: what `deno.json` puts in the place of builtins. */
const INCLUDED = ["hw/host/no_builtin.ts"];

export interface CompileOptions {
  readonly target: string;
  readonly output: string;
  readonly entry: string;
  readonly offlinePair: boolean;
  /** Entries of workers, the program's own unless said: no import of it reaches them. */
  readonly workers?: readonly string[];
}

/** @returns Path of the executable, or `undefined` when it could not be made; why is then printed. */
export async function compile(options: CompileOptions): Promise<string | undefined> {
  await Deno.mkdir(options.output, { recursive: true });
  const path = `${options.output}/nx-${options.target}`;
  if (!options.offlinePair) {
    console.error(`compile: Deno ${Deno.version.deno} for ${options.target}`);
    const own = { facts: systemFacts(denoAtLeast(2, 9)), env: {} };
    if (await compiled(Deno.execPath(), options, path, own)) return path;
    console.error("compile: no base for the running Deno; trying the pair from npm");
  }
  const pair = await offlinePair(options.target);
  if (typeof pair === "string") {
    console.error(`compile: ${pair}`);
    return undefined;
  }
  console.error(`compile: Deno 2.4.2 for ${PAIR_TARGET}`);
  const env = { DENORT_BIN: pair.base, DENO_TLS_CA_STORE: "system" };
  const paired = { facts: systemFacts(false), env };
  return await compiled(pair.deno, options, path, paired) ? path : undefined;
}

async function compiled(
  deno: string,
  options: CompileOptions,
  path: string,
  { facts, env }: {
    readonly facts: readonly string[];
    readonly env: Record<string, string>;
  },
): Promise<boolean> {
  // With the lock file every package of the import map is embedded, the benches' rivals too: 50 MB.
  // The pins are exact, and what the gate ran before this was checked against the lock file.
  const shape = ["--no-check", "--no-lock", "--target", options.target, "--output", path];
  const files = [...INCLUDED, ...options.workers ?? EMBEDDED];
  const flags = [...shape, ...files.flatMap((file) => ["--include", file]), ...programFlags(facts)];
  const args = ["compile", "--quiet", ...flags, options.entry];
  const { code } = await run(deno, args, { env, timeoutMs: COMPILE_TIMEOUT_MS });
  return code === 0;
}

/** Writes the checksums of every executable in a folder, in the form that `sha256sum -c` reads. */
export async function writeChecksums(folder: string): Promise<void> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.startsWith("nx-")) names.push(name);
  const lines: string[] = [];
  for (const name of names.sort()) {
    const hash = createHash("sha256");
    const file = await Deno.open(`${folder}/${name}`);
    for await (const part of file.readable) hash.update(part);
    lines.push(`${hash.digest("hex")}  ${name}\n`);
  }
  await Deno.writeTextFile(`${folder}/SHA256SUMS`, lines.join(""));
}

/** @returns What the arguments ask for, or `undefined` when they make no sense. */
function parsed(args: string[]): CompileOptions | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        "target": { type: "string", default: Deno.build.target },
        "output": { type: "string", default: "dist" },
        "entry": { type: "string", default: "main.ts" },
        "offline-pair": { type: "boolean", default: false },
        "help": { type: "boolean", default: false },
      },
    });
    return values.help ? undefined : { ...values, offlinePair: values["offline-pair"] };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return undefined;
  }
}

async function main(args: string[]): Promise<number> {
  const options = parsed(args);
  if (options === undefined) {
    console.error(USAGE);
    return args.includes("--help") ? 0 : 2;
  }
  const path = await compile(options);
  if (path === undefined) return 1;
  await writeChecksums(options.output);
  const megabytes = ((await Deno.stat(path)).size / 1e6).toFixed(1);
  console.error(`compile: ${path}, ${megabytes} MB`);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
