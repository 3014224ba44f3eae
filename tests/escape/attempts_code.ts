/** The host's names, modules that are not a daemon's, clocks, waiting and shared memory. */

import { OUTSIDE } from "../lockdown/outside.ts";
import { tryAll } from "../lockdown/escapes.ts";
import { tryImports } from "../lockdown/imports.ts";
import type { Anything, Attempt } from "./loot.ts";

const ROOT = import.meta.url.slice(0, -"tests/escape/attempts_code.ts".length);

/** Builtins, by either name. */
const BUILTINS = ["fs", "node:fs", "node:os", "node:worker_threads", "node:inspector", "node:vm"];

/** Of the product, but of no daemon's graph. */
const FOREIGN = ["main.ts", "hw/board/machine.ts", "hw/host/sockets.ts", "services/nx/up.ts"];

/** Reads of the clock, to find its grain. */
const READS = 20_000;

function grain(read: () => number): number {
  let least = Infinity;
  let last = read();
  for (let left = READS; left > 0; left--) {
    const now = read();
    if (now > last) least = Math.min(least, now - last);
    last = now;
  }
  return least;
}

/** Classes of a module of the isolate's own entry: the engine gives whoever names it what it has. */
async function changeable(address: string): Promise<readonly string[]> {
  const source = encodeURIComponent("export default (name) => import(name);");
  const { default: load } = await import(`data:text/javascript,${source}`);
  const { loaded } = await tryImports([address]);
  if (loaded.length === 0) return ["not loaded"];
  const classes = Object.entries<unknown>(await load(address)).filter(([, value]) =>
    isClass(value)
  );
  const open = classes.filter(([, value]) => !Object.isFrozen((value as Anything)["prototype"]));
  return [`${classes.length} classes`, ...open.map(([name]) => name)];
}

function isClass(value: unknown): boolean {
  return typeof value === "function" && String(value).startsWith("class");
}

export const CODE_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "the host's names": () => Object.getOwnPropertyNames(globalThis),
  "every escape": () => {
    const tried = Object.entries(tryAll());
    return tried.filter(([, outcome]) => outcome === "out").map(([name]) => name);
  },
  "modules outside": async () =>
    (await tryImports([...BUILTINS, ...OUTSIDE, ...FOREIGN.map((path) => ROOT + path)])).loaded,
  "parts of the kernel": (_, path) => changeable(ROOT + path),
  "the clock's grain": ({ clock }) => grain(() => clock.nowNs()),
  "other clocks": () => Object.keys(Atomics).concat(Object.getOwnPropertyNames(Atomics)).sort(),
};
