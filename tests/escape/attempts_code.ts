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

const IMPORT = `data:text/javascript,${
  encodeURIComponent("export default (name) => import(name);")
}`;

/** Classes of a module of the isolate's own entry: the engine gives whoever names it what it has. */
async function changeable(address: string): Promise<readonly string[]> {
  const { loaded } = await tryImports([address]);
  if (loaded.length === 0) return ["not loaded"];
  const { default: load } = await import(IMPORT);
  const classes = Object.entries<unknown>(await load(address)).filter(([, value]) =>
    isClass(value)
  );
  const open = classes.filter(([, value]) => !Object.isFrozen((value as Anything)["prototype"]));
  return [`${classes.length} classes`, ...open.map(([name]) => name)];
}

/** Whoever has a port of his own could listen in on all others, through what they are made of. */
async function portsChangeable(): Promise<readonly string[]> {
  const { default: load } = await import(IMPORT);
  const { hostWires } = await load(`${ROOT}hw/host/wire.ts`);
  const [{ port }] = hostWires().pair();
  const behind: object[] = [];
  for (let next: object | null = port; next !== null; next = Object.getPrototypeOf(next)) {
    behind.push(next);
  }
  port.close();
  const open = behind.slice(1).filter((prototype) => !Object.isFrozen(prototype));
  return [`${behind.length - 1} prototypes`, ...open.map(({ constructor: { name } }) => name)];
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
  "what ports are made of": portsChangeable,
  "parts of the kernel": (_, path) => changeable(ROOT + path),
  "the clock's grain": ({ clock }) => grain(() => clock.nowNs()),
  "other clocks": () => Object.keys(Atomics).concat(Object.getOwnPropertyNames(Atomics)).sort(),
};
