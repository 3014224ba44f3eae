/**
 * What a writer that is killed does to a store: the same operations for the same seed and round, so
 * that who judges the image knows them without being told.
 *
 * @module
 */

import { choices } from "@tests/fakes/random.ts";

/** One thing that is asked of a store. */
export type StateOperation =
  | { readonly kind: "put"; readonly key: string; readonly text: string }
  | { readonly kind: "delete"; readonly key: string }
  /** A transaction over all keys, and how it ends. */
  | {
    readonly kind: "commit" | "abort";
    readonly keys: readonly string[];
    readonly text: string;
  }
  | { readonly kind: "compact" };

/** Operations are counted from 0 over the whole round. */
export type NumberedOperation = StateOperation & { readonly number: number };

/** Operations that are asked for at once; the next step begins when all of them were answered. */
export type StateStep = readonly NumberedOperation[];

/** What a revocation leaves, for ever. */
export const REVOKED = "revoked";
/** Writes that may share one flush. */
export const TOGETHER_MAX = 32;
/** Blocks of an image: regions of 256 KiB, which hold all values several times over. */
export const BLOCK_COUNT = 1025;

/** From one round's seed to the next one's. */
const SEED_STEP = 1_009;
const SINGLE_KEYS = 12;
const GROUPS = 4;
const TEXT_LENGTH_MAX = 3_000;
/** Longer than one chunk of a transaction. */
const LONG_TEXT_LENGTH = 9_000;

/** Whether a key is a revocation: it is set once and never changes again. */
export function isRevocation(key: string): boolean {
  return key.endsWith("/revoked");
}

/** The steps of a round, without end. */
export function* stateSteps(seed: number, round: number): Generator<StateStep> {
  const choose = choices(seed + SEED_STEP * round);
  const revokeAt = choose(8);
  let number = 0;
  for (let index = 0;; index++) {
    const operations = index === revokeAt ? [revocation(round)] : chosenStep(choose);
    yield operations.map((operation) => numbered(operation, { round, number: number++ }));
  }
}

/** Each text says which operation wrote it. */
function numbered(
  operation: StateOperation,
  { round, number }: { readonly round: number; readonly number: number },
): NumberedOperation {
  if (!("text" in operation) || operation.text === REVOKED) return { ...operation, number };
  const text = `${round}.${number}`.padEnd(operation.text.length, ".");
  return { ...operation, text, number };
}

function revocation(round: number): StateOperation {
  return { kind: "put", key: `/state/keystore/${round}/revoked`, text: REVOKED };
}

type Choose = (below: number) => number;

function chosenStep(choose: Choose): StateOperation[] {
  const kind = choose(16);
  if (kind === 0) return [{ kind: "compact" }];
  if (kind < 7) return [chosenWrite(choose, chosenKey(choose))];
  if (kind < 10) {
    return many(1 + choose(TOGETHER_MAX), () => chosenWrite(choose, chosenKey(choose)));
  }
  const groups = many(1 + choose(GROUPS), (index) => chosenTransaction(choose, index));
  return [...groups, ...many(choose(4), () => chosenWrite(choose, singleKey(choose)))];
}

function many(
  count: number,
  one: (index: number) => StateOperation,
): StateOperation[] {
  return Array.from({ length: count }, (_, index) => one(index));
}

function chosenWrite(choose: Choose, key: string): StateOperation {
  if (choose(4) === 0) return { kind: "delete", key };
  return { kind: "put", key, text: textOf(choose(3) === 0 ? choose(TEXT_LENGTH_MAX) : choose(60)) };
}

/** Transactions of one step have no key in common, with each other or with other writes. */
function chosenTransaction(choose: Choose, group: number): StateOperation {
  const keys = groupKeys(group);
  const length = choose(6) === 0 ? LONG_TEXT_LENGTH : choose(600);
  return { kind: choose(5) === 0 ? "abort" : "commit", keys, text: textOf(length) };
}

function chosenKey(choose: Choose): string {
  const keys = groupKeys(choose(GROUPS));
  return choose(4) === 0 ? keys[choose(keys.length)] ?? singleKey(choose) : singleKey(choose);
}

function singleKey(choose: Choose): string {
  const index = choose(SINGLE_KEYS);
  return `/state/${index % 4 === 0 ? "boot" : "app"}/single/${index}`;
}

/** Sealed values and one in the clear. */
function groupKeys(group: number): readonly string[] {
  return ["app/first", "boot/second", "app/third"].map((key) => `/state/${key}/${group}`);
}

function textOf(length: number): string {
  return ".".repeat(length);
}
