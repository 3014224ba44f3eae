import { assert } from "@runtime/core/assert.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { decodeKeyRecord, encodeKeyRecord, FLAG } from "./key_record.ts";
import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import { HeldKey } from "./held_key.ts";
import type { KeyClock } from "./key_clock.ts";
import { type KeyPlace, type KeyStore, type KeyWrite, pathOf } from "./key_store.ts";
import { type KeyRefusal, type Outcome, quota } from "./outcome.ts";

/** Keys that are held in memory; the one that was used longest ago goes first. */
export const HELD_MAX = 2_048;

/** Draws bytes from rngd; `undefined` when it gives none. */
export type DrawBytes = (length: number) => Promise<Uint8Array | undefined>;

/** What cells stand on. */
export interface CellPorts {
  readonly store: KeyStore;
  readonly draw: DrawBytes;
  readonly time: KeyClock;
  readonly kek: Secret;
  /** Whether keys that were made from a seed are taken: never in production. */
  readonly takesTestKeys: boolean;
  /** Hears of a key that is there and is not taken. */
  readonly refused: (place: KeyPlace, why: "damaged" | "test_key") => void;
}

/** Counters that were not written, of the life of a key that began at a time. */
interface Ahead {
  readonly createdMs: bigint;
  readonly used: bigint;
  readonly lastUsedMs: bigint;
}

/** A place in memory: its key, and what goes on there. */
class Cell {
  readonly place: KeyPlace;
  /** `undefined`: not read, or nobody knows any more. `null`: there is none. */
  key: HeldKey | null | undefined;
  /** The last of those that have the cell to themselves; `undefined` when nobody has. */
  tail: Promise<void> | undefined;
  /** Whether its counters are newer than its record. */
  dirty = false;
  /** What was counted before nobody knew any more what is there. */
  ahead: Ahead | undefined;

  constructor(place: KeyPlace) {
    this.place = place;
  }
}

/**
 * Keys by their places. Work that changes a key, or waits for its store, has the key to itself, one
 * after the other; work that does neither runs at once unless somebody has.
 */
export class KeyCells {
  readonly #ports: CellPorts;
  /** In the order of their last use. */
  readonly #cells = new Map<string, Cell>();

  constructor(ports: CellPorts) {
    this.#ports = ports;
  }

  /** Runs `work` on a key that it does not change; at once when the key is in memory and free. */
  use<T>(
    place: KeyPlace,
    work: (key: HeldKey | null) => T | KeyRefusal,
  ): T | KeyRefusal | Promise<T | KeyRefusal> {
    const cell = this.#touch(place);
    if (cell.tail === undefined && cell.key !== undefined) return work(cell.key);
    return this.alone(place, (key) => Promise.resolve(work(key)));
  }

  /** Runs `work` when nobody else has the key; others wait until it is over. */
  async alone<T>(
    place: KeyPlace,
    work: (key: HeldKey | null) => Promise<T | KeyRefusal>,
  ): Promise<T | KeyRefusal> {
    const cell = this.#touch(place);
    const before = cell.tail;
    const turn = Promise.withResolvers<void>();
    cell.tail = turn.promise;
    try {
      await before;
      if (cell.key === undefined) {
        const read = await this.#read(place);
        if (typeof read === "string") return { status: read };
        this.#take(cell, read);
      }
      return cell.key === undefined ? { status: "unavailable" } : await work(cell.key);
    } finally {
      if (cell.tail === turn.promise) cell.tail = undefined;
      turn.resolve();
      this.#evict();
    }
  }

  /** Keeps a key in the place of the one before. Only for who has it alone. */
  async replace(next: HeldKey): Promise<Outcome<Record<never, never>>> {
    const cell = this.#touch(next.place);
    assert(cell.tail !== undefined, "who changes a key has it alone");
    const written = await this.#write(next);
    if (written.status === "ok") {
      cell.key?.wipeBut(next);
      cell.key = next;
      cell.dirty = false;
      return { status: "ok" };
    }
    next.wipeBut(cell.key ?? undefined);
    if (written.status === "quota_exceeded") return quota(written.used, written.limit);
    // Which of both lies there is read before it is used again.
    if (written.status === "unavailable") this.#doubt(cell);
    return { status: "unavailable" };
  }

  async #write(next: HeldKey): Promise<KeyWrite | { readonly status: "no_nonce" }> {
    const { store, draw, kek } = this.#ports;
    const nonce = await draw(XCHACHA_NONCE_LENGTH);
    if (nonce === undefined) return { status: "no_nonce" };
    const { place } = next;
    const seal = { kek, app: place.app, path: pathOf(place) };
    return await store.put(place, encodeKeyRecord(next.record, seal, nonce));
  }

  /** Takes note that a key was used: its counters are written later. */
  used(key: HeldKey): void {
    key.usage.used += 1n;
    key.usage.lastUsedMs = this.#ports.time.nowMs();
    this.#touch(key.place).dirty = true;
  }

  /** Writes counters that were not written yet. */
  async flush(): Promise<void> {
    const dirty = [...this.#cells.values()].filter((cell) => cell.dirty);
    for (const { place } of dirty) {
      await this.alone(place, async (current) => {
        return current === null ? { status: "ok" } : await this.replace(current);
      });
    }
  }

  /** What keystored holds in memory is overwritten. */
  wipe(): void {
    for (const cell of this.#cells.values()) this.#forget(cell);
    this.#cells.clear();
  }

  #touch(place: KeyPlace): Cell {
    const path = pathOf(place);
    const cell = this.#cells.get(path) ?? new Cell(place);
    this.#cells.delete(path);
    this.#cells.set(path, cell);
    return cell;
  }

  /** A key that does not open is none that can be used, and none that may be made anew. */
  async #read(place: KeyPlace): Promise<HeldKey | null | undefined | "damaged"> {
    const { store, kek, time, takesTestKeys, refused } = this.#ports;
    const read = await store.get(place);
    if (read.status === "not_found") return null;
    if (read.status === "unavailable") return undefined;
    const seal = { kek, app: place.app, path: pathOf(place) };
    const record = read.status === "ok" ? decodeKeyRecord(read.record, seal) : undefined;
    if (record === undefined) {
      refused(place, "damaged");
      return "damaged";
    }
    time.seen(record.facts.changedMs);
    time.seen(record.facts.lastUsedMs);
    const key = HeldKey.of(place, record);
    if (takesTestKeys || (record.facts.flags & FLAG.test) === 0) return key;
    key.wipeBut(undefined);
    refused(place, "test_key");
    return "damaged";
  }

  /** What was counted goes on, unless the key is another one by now. */
  #take(cell: Cell, key: HeldKey | null | undefined): void {
    cell.key = key;
    const { ahead } = cell;
    if (key === undefined || ahead === undefined) return;
    cell.ahead = undefined;
    cell.dirty = key !== null && key.facts.createdMs === ahead.createdMs;
    if (key === null || !cell.dirty) return;
    const { usage } = key;
    if (ahead.used > usage.used) usage.used = ahead.used;
    if (ahead.lastUsedMs > usage.lastUsedMs) usage.lastUsedMs = ahead.lastUsedMs;
  }

  /** Nobody knows any more what the store has. */
  #doubt(cell: Cell): void {
    const { key } = cell;
    this.#forget(cell);
    if (key === null || key === undefined) return;
    cell.ahead = { createdMs: key.facts.createdMs, ...key.usage };
    cell.dirty = true;
  }

  #forget(cell: Cell): void {
    cell.key?.wipeBut(undefined);
    cell.key = undefined;
    cell.dirty = false;
  }

  #evict(): void {
    for (const [path, cell] of this.#cells) {
      if (this.#cells.size <= HELD_MAX) return;
      if (cell.tail !== undefined || cell.dirty) continue;
      this.#forget(cell);
      this.#cells.delete(path);
    }
  }
}
