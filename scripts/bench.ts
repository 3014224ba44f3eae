/**
 * Runs the benches, each in a process of its own, one after the other.
 *
 *     deno task bench [--only NAME,...] [--rounds N] [--compare | --save]
 *
 * `--compare` sets the sessions' ratios beside those of `tests/bench/baseline.json`; `--save` makes
 * the run the new baseline. Not part of the gate: figures move with the machine.
 *
 * @module
 */

import { parseArgs } from "node:util";

const BASELINE = "tests/bench/baseline.json";
const SESSIONS = "sessions";

/** How each bench is started. `bench`: by `deno bench`; otherwise it prints tables of its own. */
const BENCHES: Readonly<Record<string, readonly string[]>> = {
  noise: ["run", "-A", "tests/bench/noise_bench.ts"],
  capnp: ["bench", "-A", "tests/bench/capnp_bench.ts"],
  stack: ["run", "-A", "tests/bench/stack_bench.ts"],
  virtio: ["run", "-A", "tests/bench/virtio_bench.ts"],
  blk: ["run", "-A", "tests/bench/blk_bench.ts"],
  state: ["run", "-A", "tests/bench/state_bench.ts"],
  "state-node": ["run", "-A", "tests/bench/state_node_bench.ts"],
  netstackd: ["run", "-A", "tests/bench/netstackd_bench.ts"],
  session: ["bench", "-A", "tests/bench/session_bench.ts"],
  [SESSIONS]: ["run", "-A", "tests/bench/session_e2e_bench.ts"],
};

/** What the sessions' bench writes. */
export interface Report {
  readonly deno: string;
  /** Figure of each contender, by job. */
  readonly figures: Readonly<Record<string, Readonly<Partial<Record<string, number>>>>>;
  readonly coldStartMs?: number | undefined;
}

/** The ratio of ours to libp2p's in each job; jobs that either lacks are left out. */
export function ratiosOf({ figures }: Report): ReadonlyMap<string, number> {
  const ratios = new Map<string, number>();
  for (const [job, { nexus, libp2p }] of Object.entries(figures)) {
    if (nexus !== undefined && libp2p !== undefined && libp2p > 0) ratios.set(job, nexus / libp2p);
  }
  return ratios;
}

/** A line a job: the ratio before, now, and how much that is. */
export function comparison(before: Report, now: Report): readonly string[] {
  const earlier = ratiosOf(before);
  return [...ratiosOf(now)].map(([job, ratio]) => {
    const old = earlier.get(job);
    const change = old === undefined ? "new" : `${((ratio / old - 1) * 100).toFixed(0)} %`;
    const was = old === undefined ? "-" : `${old.toFixed(2)}x`;
    return `${job.padEnd(12)} ${was.padStart(7)} ${`${ratio.toFixed(2)}x`.padStart(7)} ${change}`;
  });
}

async function start(args: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success;
}

async function runSessions(options: { rounds: string; compare: boolean; save: boolean }) {
  const path = options.save ? BASELINE : await Deno.makeTempFile({ suffix: ".json" });
  const args = ["--rounds", options.rounds, "--json", path];
  const success = await start([...BENCHES[SESSIONS] ?? [], ...args]);
  if (!success || !options.compare) return success;
  const before: Report = JSON.parse(await Deno.readTextFile(BASELINE));
  const now: Report = JSON.parse(await Deno.readTextFile(path));
  console.log(`\nratio to libp2p: ${BASELINE}, this run, change`);
  for (const line of comparison(before, now)) console.log(line);
  return success;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "2" },
      compare: { type: "boolean", default: false },
      save: { type: "boolean", default: false },
    },
  });
  const names = values.only?.split(",") ?? Object.keys(BENCHES);
  const unknown = names.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    console.error(`bench: there is no ${unknown[0]}; there are ${Object.keys(BENCHES).join(", ")}`);
    Deno.exit(2);
  }
  let failed = 0;
  for (const name of names) {
    console.log(`\n== ${name}`);
    const success = name === SESSIONS
      ? await runSessions(values)
      : await start(BENCHES[name] ?? []);
    if (!success) failed += 1;
  }
  Deno.exit(failed === 0 ? 0 : 1);
}
