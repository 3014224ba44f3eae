/**
 * Sessions from process to process over loopback TCP: this project's whole nodes beside js-libp2p
 * and plain Deno TCP, in one run.
 *
 *     deno run -A tests/bench/session_e2e_bench.ts [--json FILE] [--rounds N] [--only NAME,...]
 *
 * The figures of each contender are the best of its rounds, which alternate between contenders.
 * Ping-pong and single dials run with both ends on one CPU (`taskset`, where there is one): across
 * CPUs the cost of waking an idle one drowns everything. Throughput is not pinned.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Job } from "./measure.ts";
import { coldStart, Ends } from "./bench_process.ts";

const CONTENDERS = { nexus: "end_nexus.ts", libp2p: "end_libp2p.ts", tcp: "end_tcp.ts" } as const;
type Name = keyof typeof CONTENDERS;

interface Entry {
  readonly job: Job;
  /** Both ends on one CPU. */
  readonly pinned: boolean;
  readonly unit: string;
  readonly text: string;
  /** Wanted of libp2p's figure; 0 where nothing is. */
  readonly bar: number;
}

const JOBS: readonly Entry[] = [
  { job: "dial", pinned: true, unit: "/s", text: "connect + handshake, one at a time", bar: 2 },
  { job: "dial4", pinned: false, unit: "/s", text: "connect + handshake, four at a time", bar: 2 },
  { job: "echo64", pinned: true, unit: "rt/s", text: "round trips, 64 B", bar: 0.5 },
  {
    job: "echo64w16",
    pinned: false,
    unit: "rt/s",
    text: "round trips, 64 B, 16 at a time",
    bar: 0,
  },
  { job: "echo64k", pinned: false, unit: "MB/s", text: "64 KiB echoed, each way", bar: 0.5 },
  { job: "oneWay64k", pinned: false, unit: "MB/s", text: "64 KiB one way", bar: 0.5 },
];

/** Runs of a cold start, of which the middle one counts. */
const COLD_STARTS = 7;

type Figures = Record<string, Partial<Record<Name, number>>>;

async function run(names: readonly Name[], jobs: readonly Job[], rounds: number): Promise<Figures> {
  const figures: Figures = {};
  for (const entry of JOBS.filter(({ job }) => jobs.includes(job))) {
    const { job, pinned } = entry;
    const row: Partial<Record<Name, number>> = {};
    for (let round = 0; round < rounds; round++) {
      for (const name of names) {
        const value = await Ends.measure({ file: CONTENDERS[name], job, pinned });
        row[name] = Math.max(row[name] ?? 0, value);
      }
    }
    figures[entry.job] = row;
    print(entry, row);
  }
  return figures;
}

function print({ text, unit, bar, pinned }: Entry, row: Partial<Record<Name, number>>): void {
  const cell = (value: number | undefined) =>
    (value === undefined ? "-" : `${value.toFixed(0)} ${unit}`).padStart(13);
  const ratio = row.nexus !== undefined && row.libp2p !== undefined
    ? `${(row.nexus / row.libp2p).toFixed(2)}x`
    : "-";
  const cells = [row.nexus, row.libp2p, row.tcp].map(cell).join(" ");
  const place = pinned ? "one CPU" : "free";
  const wanted = bar > 0 ? `bar ${bar}x` : "";
  console.log(`${text.padEnd(38)} ${place.padEnd(8)} ${cells} ${ratio.padStart(7)}  ${wanted}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      json: { type: "string" },
      rounds: { type: "string", default: "2" },
      only: { type: "string" },
      jobs: { type: "string" },
    },
  });
  const names = (values.only?.split(",") ?? Object.keys(CONTENDERS)) as Name[];
  const jobs = (values.jobs?.split(",") ?? JOBS.map(({ job }) => job)) as Job[];
  console.log(`Deno ${Deno.version.deno}, best of ${values.rounds}`);
  const heads = ["this", "libp2p", "plain TCP"].map((head) => head.padStart(13)).join(" ");
  console.log(`${"".padEnd(38)} ${"".padEnd(8)} ${heads}   ratio`);
  const figures = await run(names, jobs, Number(values.rounds));
  const coldStartMs = jobs.length > 1 ? await coldStart(CONTENDERS.nexus, COLD_STARTS) : undefined;
  if (coldStartMs !== undefined) {
    console.log(`cold start to "init: ready": ${coldStartMs.toFixed(0)} ms (bar 500 ms)`);
  }
  if (values.json !== undefined) {
    const report = { deno: Deno.version.deno, figures, coldStartMs };
    await Deno.writeTextFile(values.json, JSON.stringify(report, null, 2) + "\n");
  }
}
