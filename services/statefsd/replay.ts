/**
 * From records to values.
 *
 * Source: Open Nexus OS, statefs journal v2, "replay"; `docs/state_format.md`, "Replay".
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import type { Envelope } from "./envelope.ts";
import { INDEX_BYTES_MAX, KEYS_MAX } from "./limits.ts";
import { OpenTransactions } from "./open_transactions.ts";
import { reserved, SEQUENCE_PATH, storedInClear } from "./path.ts";
import { putLength, type StateRecord } from "./record.ts";
import { decodeSequenceMark } from "./sequence_mark.ts";
import { type StoredValue, ValueIndex } from "./value_index.ts";
import type { Vault } from "./vault.ts";

/** What a replay counts beside values. */
export interface ReplayCounts {
  integrity: number;
  rollback: number;
  /** DELETEs that no mark bears out: nobody with the key made them. */
  forgedDeletes: number;
  /** Records of transactions that did not begin, or exceeded a cap. */
  ignored: number;
}

type Judgement = Pick<StoredValue, "sequence" | "subject" | "fault">;

/** Of a value that does not open. */
const UNREADABLE: Judgement = { sequence: 0n, subject: "", fault: "integrity" };

/** The state that a log makes, record by record. */
export class LogState {
  readonly values = new ValueIndex();
  readonly transactions = new OpenTransactions();
  readonly counts: ReplayCounts = { integrity: 0, rollback: 0, forgedDeletes: 0, ignored: 0 };
  readonly #vault: Vault | undefined;
  /** Largest sequence of a key, also of a deleted one whose values are not sealed. */
  readonly #marks = new Map<string, bigint>();
  /** No sealed value of a key without a mark has a sequence this small. */
  #floor = 0n;
  #snapshotLeft = 0;
  /** The key that the record before deletes, being a mark: its DELETE may follow. */
  #deleted = "";
  /** The key of a DELETE before this record, for which a mark that does not say may stand. */
  #unproven: string | undefined;
  sequence = 0n;
  transaction = 0n;
  generation = 0;
  /** Whether there was room for every key and its value. */
  complete = true;

  /** @param vault Judges values; without one, all of them pass. */
  constructor(vault: Vault | undefined) {
    this.#vault = vault;
  }

  /** Whether each value that the last checkpoint announced was there. */
  get snapshotComplete(): boolean {
    return this.#snapshotLeft === 0;
  }

  apply(record: StateRecord): void {
    const isMark = record.op === "put" && record.key === SEQUENCE_PATH;
    if (!isMark) this.#refuseUnproven();
    const deleted = this.#deleted;
    this.#deleted = "";
    switch (record.op) {
      case "put":
        this.put(record.key, record.value);
        // What the mark did not prove nothing will.
        return this.#refuseUnproven();
      case "delete":
        return this.#delete(record.key, deleted);
      case "checkpoint":
        return this.#restart(record.generation, record.entries);
      case "prepare":
        return this.#prepare(record.transaction);
      case "payload":
        return this.#count(this.transactions.add(record.transaction, record.key, record.chunk));
      case "commit":
        return this.#commit(record.transaction);
      case "abort":
        return void this.transactions.take(record.transaction);
      case "sync":
    }
  }

  /** Has no records any more. */
  finish(): void {
    this.#refuseUnproven();
    this.values.detach();
  }

  /** Takes a value, judged by its path's rules. Keeps `stored`, which may be a view into the log. */
  put(key: string, stored: Uint8Array): void {
    if (!this.#hasRoom(key, stored.length)) {
      this.complete = false;
      return;
    }
    const value = this.#judged(key, stored);
    if (value.fault !== undefined) this.counts[value.fault] += 1;
    this.values.set(key, value);
    if (this.#snapshotLeft > 0) this.#snapshotLeft -= 1;
  }

  #hasRoom(key: string, length: number): boolean {
    const before = this.values.get(key);
    const more = putLength(key, length) - (before ? putLength(key, before.stored.length) : 0);
    if (this.values.liveBytes + more > INDEX_BYTES_MAX) return false;
    if (before !== undefined || this.#marks.has(key)) return true;
    return Math.max(this.#marks.size, this.values.size) < KEYS_MAX;
  }

  /** DELETE bears no seal: it counts behind the mark that says the same. Without a key all count. */
  #delete(key: string, deleted: string): void {
    if (this.#vault === undefined) return this.remove(key);
    if (key !== deleted) this.#unproven = key;
  }

  /**
   * The value that a forged DELETE was to hide is not given out: the DELETE may lie where a newer one
   * lay. Nor is it after a compaction, which writes what memory holds.
   */
  #refuseUnproven(): void {
    const key = this.#unproven;
    if (key === undefined) return;
    this.#unproven = undefined;
    this.counts.forgedDeletes += 1;
    const value = this.values.get(key);
    if (value === undefined || reserved(key)) return;
    const stored = new Uint8Array(value.stored.length);
    this.values.set(key, { ...UNREADABLE, stored });
  }

  /** The sequence of a sealed value goes into the floor: its key needs no mark any more. */
  remove(key: string): void {
    this.values.delete(key);
    const mark = this.#marks.get(key);
    if (mark === undefined || storedInClear(key)) return;
    this.#marks.delete(key);
    if (mark > this.#floor) this.#floor = mark;
  }

  #judged(key: string, stored: Uint8Array): StoredValue {
    if (this.#vault === undefined) return { stored, sequence: 0n, subject: "", fault: undefined };
    const mark = this.#marks.get(key);
    // A mark also for a value that does not open: it keeps its key counted.
    if (mark === undefined) this.#marks.set(key, 0n);
    const judge = (envelope: Envelope) => this.#accepted(key, envelope, mark);
    const { sequence, subject, fault } = this.#vault.inspect(key, stored, judge) ?? UNREADABLE;
    return { stored, sequence, subject, fault };
  }

  #accepted(
    key: string,
    { sequence, subject, payload }: Envelope,
    mark: bigint | undefined,
  ): Judgement {
    if (sequence > 0n && this.#stale(key, sequence, mark)) {
      return { sequence, subject, fault: "rollback" };
    }
    if (sequence > 0n) this.#marks.set(key, sequence);
    if (sequence > this.sequence) this.sequence = sequence;
    if (key === SEQUENCE_PATH) this.#mark(payload, sequence);
    return { sequence, subject, fault: undefined };
  }

  /** A snapshot lists values of every age: its keys are judged against each other alone. */
  #stale(key: string, sequence: bigint, mark: bigint | undefined): boolean {
    if (mark !== undefined && mark > 0n) return sequence <= mark;
    return this.#snapshotLeft === 0 && !storedInClear(key) && !reserved(key) &&
      sequence <= this.#floor;
  }

  #mark(payload: Uint8Array, sequence: bigint): void {
    const mark = markOf(payload);
    if (mark === undefined) return;
    this.#deleteBy(mark.deleted, sequence);
    if (mark.sequence > this.#floor) this.#floor = mark.sequence;
    if (mark.sequence > this.sequence) this.sequence = mark.sequence;
    if (mark.transaction > this.transaction) this.transaction = mark.transaction;
  }

  /** A mark deletes no value that is newer than itself: it does not lie where it lay. */
  #deleteBy(deleted: string | undefined, sequence: bigint): void {
    const key = deleted ?? this.#unproven ?? "";
    if (key === "" || (this.#marks.get(key) ?? 0n) >= sequence) return;
    this.remove(key);
    this.#deleted = deleted ?? "";
    if (deleted === undefined) this.#unproven = undefined;
  }

  #restart(generation: number, entries: number): void {
    this.values.clear();
    this.#marks.clear();
    this.transactions.clear();
    this.generation = generation;
    this.#snapshotLeft = entries;
  }

  /** An id that was seen before does not begin again. */
  #prepare(id: bigint): void {
    if (id <= this.transaction) return this.#count(false);
    this.transaction = id;
    this.#count(this.transactions.begin(id));
  }

  #commit(id: bigint): void {
    const values = this.transactions.take(id);
    this.#count(values !== undefined);
    for (const [key, stored] of values ?? []) this.put(key, stored);
  }

  #count(known: boolean): void {
    if (!known) this.counts.ignored += 1;
  }
}

function markOf(payload: Uint8Array): ReturnType<typeof decodeSequenceMark> | undefined {
  try {
    return decodeSequenceMark(payload);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** The state that records make, one after the other. It holds nothing of the log. */
export function replay(records: readonly StateRecord[], vault?: Vault): LogState {
  const state = new LogState(vault);
  for (const record of records) state.apply(record);
  state.finish();
  return state;
}
