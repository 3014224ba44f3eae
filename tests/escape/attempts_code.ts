/** The host's names, modules that are not a daemon's, clocks, waiting and shared memory. */

import { OUTSIDE } from "../lockdown/outside.ts";
import { tryAll } from "../lockdown/escapes.ts";
import { tryImports } from "../lockdown/imports.ts";
import type { Attempt } from "./loot.ts";

const ROOT = import.meta.url.slice(0, -"tests/escape/attempts_code.ts".length);

/** Builtins, by either name. */
const BUILTINS = ["fs", "node:fs", "node:os", "node:worker_threads", "node:inspector", "node:vm"];

/** Of the product, but of no daemon's graph. */
const FOREIGN = ["main.ts", "hw/board/machine.ts", "hw/host/sockets.ts", "services/nx/up.ts"];

/** Modules of the isolate's own entry: the engine gives whoever names one what it has loaded. */
const ENTRY = ["runtime/kernel/outlet.ts", "runtime/boot/isolate_entry.ts", "hw/host/wire.ts"];

/** Reads of the clock, to find its grain. */
const READS = 20_000;

function grain(read: () => number): number {
  let least = Infinity;
  for (let left = READS, last = read(); left > 0; left--) {
    const now = read();
    if (now > last) least = Math.min(least, now - last);
    last = now;
  }
  return least;
}

export const CODE_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "the host's names": () => Object.getOwnPropertyNames(globalThis),
  "every escape": () => {
    const tried = Object.entries(tryAll());
    return tried.filter(([, outcome]) => outcome === "out").map(([name]) => name);
  },
  "modules outside": async () =>
    (await tryImports([...BUILTINS, ...OUTSIDE, ...FOREIGN.map((path) => ROOT + path)])).loaded,
  "modules of the entry": async () => (await tryImports(ENTRY.map((path) => ROOT + path))).loaded,
  "the clock's grain": ({ clock }) => grain(() => clock.nowNs()),
  "other clocks": () => Object.keys(Atomics).concat(Object.getOwnPropertyNames(Atomics)).sort(),
};
