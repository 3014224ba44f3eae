/**
 * Reading another daemon's heap: through a module's state, through everything that is reached from
 * what a daemon is given, through prototypes that others use, through the stack.
 *
 * @module
 */

import { toHex } from "@runtime/core/hex.ts";
import { type Anything, type Attempt, type Loot, outcomeOf } from "./loot.ts";

/** Objects that a walk looks at, at most. */
const WALK_MAX = 200_000;

/** Where nothing was taken away, the world is too large to be walked through. */
const WORLD = "Deno" in globalThis ? [] : [globalThis];

/** What a victim keeps: a module of one heap has it for all who share that heap. */
const kept: Uint8Array[] = [];
/** What went through the prototypes that were taken over. */
const overheard: string[] = [];
let restore: (() => void)[] = [];

export const HEAP_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "keep a secret": (_, hex) => kept.push(bytesOf(hex)),
  "look into the module": (_, hex) => kept.some((bytes) => toHex(bytes) === hex),
  "walk everything": (loot, hex) => walk([loot, kept, ...WORLD], hex),
  "overhear": () => TAKEN.map(([holder, key]) => outcomeOf(() => takeOver(holder, key))),
  "what was overheard": (_, hex) => {
    for (const undo of restore.splice(0)) undo();
    return overheard.some((each) => each.includes(hex));
  },
  "look up the stack": () => STACK.map((attempt) => outcomeOf(attempt)),
};

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

interface Found {
  /** Names of the classes below which something lies that is not the language's own. */
  readonly classes: readonly string[];
  /** Lengths of all shared memory. */
  readonly shared: readonly number[];
  /** Whether the secret is there. */
  readonly secret: boolean;
}

/** Looks at everything that is reached by properties, symbols, prototypes and getters. */
function walk(roots: readonly unknown[], secret: string): Found {
  const seen = new Set<object>();
  const pending: unknown[] = [...roots];
  const classes = new Set<string>();
  const shared = new Map<object, number>();
  let found = false;
  while (pending.length > 0 && seen.size < WALK_MAX) {
    const next = pending.pop();
    if (!isObject(next) || seen.has(next)) continue;
    seen.add(next);
    const name = outcomeOf(() => next.constructor.name);
    if (typeof name === "string" && !(name in globalThis)) classes.add(name);
    if (ArrayBuffer.isView(next)) {
      const { buffer } = next;
      if (buffer instanceof SharedArrayBuffer) shared.set(buffer, buffer.byteLength);
      else found ||= toHex(new Uint8Array(buffer)).includes(secret);
      continue;
    }
    pending.push(...reachedFrom(next));
  }
  return { classes: [...classes].sort(), shared: [...shared.values()], secret: found };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null || typeof value === "function";
}

function reachedFrom(holder: object): unknown[] {
  const keys = Reflect.ownKeys(holder);
  const entries = holder instanceof Map || holder instanceof Set ? [...holder] : [];
  const values = keys.map((key) => outcomeOf(() => Reflect.get(holder, key)));
  return [Object.getPrototypeOf(holder), ...entries.flat(), ...values];
}

const TYPED: object = Object.getPrototypeOf(Uint8Array.prototype);

/** What the kernel and other daemons call with bytes in their hands. */
const TAKEN: readonly (readonly [object, string])[] = [
  [TYPED, "set"],
  [TYPED, "slice"],
  [TYPED, "subarray"],
];

/** Puts a function that listens in the place of one that others use. */
function takeOver(holder: object, key: string): string {
  const found = Object.getOwnPropertyDescriptor(holder, key);
  const own: unknown = found?.value;
  if (found === undefined || typeof own !== "function") return "nothing";
  const value = function (this: unknown, ...args: unknown[]): unknown {
    for (const each of [this, ...args]) {
      if (each instanceof Uint8Array && each.length < 512 && overheard.length < 100_000) {
        overheard[overheard.length] = toHex(each);
      }
    }
    return Reflect.apply(own, this, args);
  };
  Object.defineProperty(holder, key, { ...found, value });
  restore = [...restore, () => void Object.defineProperty(holder, key, found)];
  return "taken over";
}

function called(): unknown {
  return Object.getOwnPropertyDescriptor(called, "caller")?.value;
}

/** Ways to those who called. */
const STACK: readonly (() => unknown)[] = [
  () => called(),
  () => (called as unknown as Anything)["caller"],
  () => (called as unknown as Anything)["arguments"],
  () => {
    const seen: unknown[] = [];
    const holder = Error as unknown as Anything;
    const before = holder["prepareStackTrace"];
    holder["prepareStackTrace"] = (_: unknown, sites: readonly Anything[]) => {
      for (const site of sites) seen.push((site["getThis"] as () => unknown).call(site));
      return "";
    };
    void new Error("looked").stack;
    holder["prepareStackTrace"] = before;
    return seen.length > 0 ? "call sites" : "nothing";
  },
  () =>
    (Error as unknown as { captureStackTrace(on: object): void }).captureStackTrace({}) ?? "cut",
];

/** What {@linkcode walk} is told of. */
export type { Found, Loot };
