import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import { INDEX_BYTES_MAX, KEYS_MAX, RESERVE_BYTES } from "./limits.ts";
import type { QuotaExcess, QuotaLedger } from "./quota.ts";
import { type Growth, type Growths, growthsOf } from "./quota_owner.ts";
import { encodeRecord, putLength, RECORD_OVERHEAD } from "./record.ts";
import { SNAPSHOT_OVERHEAD } from "./snapshot.ts";
import type { StoredValue, ValueIndex } from "./value_index.ts";

/** Room that a batch has. */
export interface BatchRoom {
  readonly logEnd: number;
  readonly capacity: number;
  /** Whether the reserve may be used: by what makes room, or ends something. */
  readonly urgent: boolean;
}

/** What a batch changes when it is safe. */
export interface BatchTarget {
  readonly index: ValueIndex;
  readonly ledger: QuotaLedger;
}

/** A value for each key that a change sets; `undefined` for one that it deletes. */
export type Changes = ReadonlyMap<string, StoredValue | undefined>;

/** Writes that become safe together, and the values as they will be then. */
export class Batch {
  readonly #index: ValueIndex;
  readonly #ledger: QuotaLedger;
  readonly #nonces: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  readonly #changes = new Map<string, StoredValue | undefined>();
  readonly #then: (() => void)[] = [];
  /** By what each owner will have grown. */
  readonly #growths = new Map<string, Growth>();
  #noncesUsed = 0;
  #length = 0;
  #liveDelta = 0;
  #keyDelta = 0;

  /** @param nonces Fresh bytes, 24 for each value that may be sealed. */
  constructor({ index, ledger }: BatchTarget, nonces: Uint8Array) {
    this.#index = index;
    this.#ledger = ledger;
    this.#nonces = nonces;
  }

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  /** The value of a key once the batch is safe. */
  get(key: string): StoredValue | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#index.get(key);
  }

  /** A nonce that no other value got. */
  nonce(): Uint8Array {
    const start = this.#noncesUsed++ * XCHACHA_NONCE_LENGTH;
    const nonce = this.#nonces.subarray(start, start + XCHACHA_NONCE_LENGTH);
    assert(nonce.length === XCHACHA_NONCE_LENGTH, "a nonce was drawn for each value");
    return nonce;
  }

  /**
   * Adds a write: all its records or, when there is no room, none.
   *
   * @param then Runs when the batch is safe.
   */
  add(
    records: readonly Uint8Array[],
    changes: Changes,
    room: BatchRoom,
    then?: () => void,
  ): "ok" | "no_space" {
    return this.#add(this.#growthsOf(changes), { records, changes, room, then });
  }

  /** Adds a write as `add` does, unless an owner would come above its hard limit. */
  addWithinQuotas(
    records: readonly Uint8Array[],
    changes: Changes,
    room: BatchRoom,
    then?: () => void,
  ): "ok" | "no_space" | QuotaExcess {
    const growths = this.#growthsOf(changes);
    return this.#ledger.excess(growths, this.#growths) ??
      this.#add(growths, { records, changes, room, then });
  }

  #add(
    growths: Growths,
    { records, changes, room, then }: {
      readonly records: readonly Uint8Array[];
      readonly changes: Changes;
      readonly room: BatchRoom;
      readonly then: (() => void) | undefined;
    },
  ): "ok" | "no_space" {
    const length = records.reduce((total, record) => total + record.length, 0);
    const [live, keys] = this.#deltaOf(changes);
    if (!this.#fits(length, room) || !this.#grows(live, keys, room)) return "no_space";
    this.#parts.push(...records);
    this.#note(growths);
    for (const [key, value] of changes) this.#changes.set(key, value);
    this.#length += length;
    this.#liveDelta += live;
    this.#keyDelta += keys;
    if (then !== undefined) this.#then.push(then);
    return "ok";
  }

  /** The bytes to append: every write, and SYNC. */
  finish(): Uint8Array {
    return concatBytes(...this.#parts, encodeRecord({ op: "sync" }));
  }

  /** Makes the values what the disk now says they are. */
  apply(): void {
    for (const [key, value] of this.#changes) {
      this.#ledger.change(key, this.#index.get(key), value);
      if (value === undefined) this.#index.delete(key);
      else this.#index.set(key, value);
    }
    this.#ledger.grew(this.#growths);
    for (const then of this.#then) then();
  }

  #growthsOf(changes: Changes): Growths {
    const steps = [...changes].map(([key, value]) => [key, this.get(key), value] as const);
    return growthsOf(steps);
  }

  #note(growths: Growths): void {
    for (const [owner, { total, refusable }] of growths) {
      const before = this.#growths.get(owner) ?? { total: 0, refusable: 0 };
      this.#growths.set(owner, {
        total: before.total + total,
        refusable: before.refusable + refusable,
      });
    }
  }

  #fits(length: number, { logEnd, capacity, urgent }: BatchRoom): boolean {
    const kept = urgent ? 0 : reserveOf(capacity);
    return logEnd + this.#length + length + RECORD_OVERHEAD + kept <= capacity;
  }

  /** A snapshot of all values must fit its region with the reserve to spare. */
  #grows(live: number, keys: number, { capacity }: BatchRoom): boolean {
    if (live <= 0 && keys <= 0) return true;
    const liveBytes = this.#index.liveBytes + this.#liveDelta + live;
    return liveBytes + SNAPSHOT_OVERHEAD + reserveOf(capacity) <= capacity &&
      liveBytes <= INDEX_BYTES_MAX && this.#index.size + this.#keyDelta + keys <= KEYS_MAX;
  }

  #deltaOf(changes: Changes): readonly [number, number] {
    let live = 0;
    let keys = 0;
    for (const [key, value] of changes) {
      const before = this.get(key);
      live += lengthOf(key, value) - lengthOf(key, before);
      keys += Number(value !== undefined) - Number(before !== undefined);
    }
    return [live, keys];
  }
}

/** Bytes at the end of a region that only urgent writes use; a quarter of a small one. */
export function reserveOf(capacity: number): number {
  return Math.min(RESERVE_BYTES, capacity >>> 2);
}

function lengthOf(key: string, value: StoredValue | undefined): number {
  return value === undefined ? 0 : putLength(key, value.stored.length);
}
