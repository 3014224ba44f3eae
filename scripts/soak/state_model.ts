import { Secret } from "@runtime/core/secret.ts";
import { checkImage } from "@services/statefsd/fsck.ts";
import { MemoryDisk } from "@services/statefsd/memory_disk.ts";
import { openStore } from "@services/statefsd/open_store.ts";
import type { Store } from "@services/statefsd/store.ts";
import {
  isRevocation,
  type NumberedOperation,
  REVOKED,
  type StateOperation,
  type StateStep,
} from "./state_workload.ts";

/** An answer that the writer passed on. */
export interface Answer {
  readonly number: number;
  readonly status: string;
  /** The store's largest sequence by then. */
  readonly sequence: bigint;
}

/** What a writer's life left. */
export interface WriterLife {
  /** What it was to do, without end or as long as it lived. */
  readonly steps: Iterable<StateStep>;
  readonly answers: readonly Answer[];
  /** The image as it lay there afterwards; `undefined` when there is none. */
  readonly image: Uint8Array | undefined;
}

/** A value, or that there is none. */
type Held = string | undefined;

const TEXT = new TextDecoder();

/** The record key of every image here: it is no secret. */
export function soakKey(): Secret {
  return new Secret(new Uint8Array(32).fill(9));
}

/**
 * What an image must hold: what the last look at it showed, and what was acknowledged since. A step
 * begins when the one before was answered, so that at most one step is in doubt.
 */
export class StateModel {
  #held = new Map<string, string>();
  #sequence = 0n;

  /**
   * Judges what a writer left, and takes what it finds for what must be there from now on.
   *
   * @throws {Error} that says what was wrong.
   */
  async judge({ steps, answers, image }: WriterLife): Promise<void> {
    const doubt = this.#acknowledge(steps, answers);
    if (image === undefined || image.every((byte) => byte === 0)) {
      must(answers.length === 0 && this.#sequence === 0n, "the image is gone");
      return;
    }
    const { exitCode } = await checkImage(image, soakKey());
    must(exitCode !== 2, "fsck found the image beyond repair: exit code 2");
    const store = await opened(image, this.#sequence);
    try {
      this.#compare(store, doubt, new Set(answers.map(({ number }) => number)));
    } finally {
      store.wipe();
    }
  }

  /** Applies each step that was answered as a whole. @returns The one that was not. */
  #acknowledge(steps: Iterable<StateStep>, answers: readonly Answer[]): StateStep {
    const statuses = new Map<number, string>();
    for (const { number, status, sequence } of answers) {
      statuses.set(number, status);
      if (sequence > this.#sequence) this.#sequence = sequence;
    }
    for (const step of steps) {
      for (const operation of step) mustBeGood(operation, statuses.get(operation.number));
      if (!step.every(({ number }) => statuses.has(number))) return step;
      for (const operation of step) {
        for (const [key, value] of outcomeOf(operation)) set(this.#held, key, value);
      }
    }
    return [];
  }

  #compare(store: Store, doubt: StateStep, answered: ReadonlySet<number>): void {
    const found = valuesOf(store);
    for (const operation of doubt) {
      if (operation.kind === "commit") this.#whole(operation, found);
    }
    const allowed = this.#allowed(doubt, answered);
    for (const key of new Set([...this.#held.keys(), ...found.keys(), ...allowed.keys()])) {
      const may = allowed.get(key) ?? [this.#held.get(key)];
      const value = found.get(key);
      if (may.includes(value)) continue;
      const what = isRevocation(key) && may.length === 1 ? "a revocation is undone: " : "";
      throw new Error(`${what}${key} holds ${shown(value)}, not ${may.map(shown).join(" or ")}`);
    }
    this.#held = found;
    this.#sequence = store.stats.sequence;
  }

  /** Of a transaction in doubt there is all or nothing. */
  #whole({ keys, text, number }: Transaction, found: ReadonlyMap<string, string>): void {
    const changed = keys.filter((key) => found.get(key) === text).length;
    const whole = changed === 0 || changed === keys.length;
    must(whole, `half a transaction: ${changed} of ${keys.length} values of operation ${number}`);
  }

  /** For each key of a step in doubt: its newest acknowledged value, and each that may have followed. */
  #allowed(doubt: StateStep, answered: ReadonlySet<number>): ReadonlyMap<string, readonly Held[]> {
    const allowed = new Map<string, readonly Held[]>();
    for (const operation of doubt) {
      for (const [key, value] of outcomeOf(operation)) {
        const before = allowed.get(key) ?? [this.#held.get(key)];
        allowed.set(key, answered.has(operation.number) ? [value] : [...before, value]);
      }
    }
    return allowed;
  }
}

type Transaction = Extract<NumberedOperation, { readonly kind: "commit" | "abort" }>;

/** What an operation leaves under which keys. */
function outcomeOf(operation: StateOperation): readonly (readonly [string, Held])[] {
  switch (operation.kind) {
    case "put":
      return [[operation.key, operation.text]];
    case "delete":
      return [[operation.key, undefined]];
    case "commit":
      return operation.keys.map((key) => [key, operation.text]);
    default:
      return [];
  }
}

/** Nothing stands in the way of these operations; only what is deleted need not be there. */
function mustBeGood({ kind, number }: NumberedOperation, status: string | undefined): void {
  const good = status === undefined || status === "ok" ||
    kind === "delete" && status === "not_found";
  must(good, `operation ${number}, ${kind}, ended as ${status}`);
}

/** Opens a copy of the image: the next writer is to find it as the last one left it. */
async function opened(image: Uint8Array, sequenceMin: bigint): Promise<Store> {
  const random = {
    draw: (length: number) => Promise.resolve(crypto.getRandomValues(new Uint8Array(length))),
  };
  const ports = { disk: new MemoryDisk(image.slice()), random, recordKey: soakKey(), sequenceMin };
  const result = await openStore(ports);
  if (result.status !== "ok") throw new Error(`the image does not open: ${result.status}`);
  return result.store;
}

/** Each value of the image; one that fails is under its status. */
function valuesOf(store: Store): Map<string, string> {
  const found = new Map<string, string>();
  for (const key of store.list({ prefix: "/", after: "", countMax: Infinity }, () => true)) {
    const value = store.get(key);
    found.set(key, value.status === "ok" ? TEXT.decode(value.payload) : `(${value.status})`);
  }
  return found;
}

function set(held: Map<string, string>, key: string, value: Held): void {
  if (value === undefined) held.delete(key);
  else held.set(key, value);
}

/** Enough of a value to tell which operation wrote it. */
function shown(value: Held): string {
  if (value === undefined) return "nothing";
  const [start = ""] = value.split("..", 1);
  return value === REVOKED ? value : `${start} (${value.length} letters)`;
}

function must(holds: boolean, why: string): void {
  if (!holds) throw new Error(why);
}
