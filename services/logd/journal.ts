import { utf8Length } from "@runtime/core/utf8.ts";

/** Records that the journal keeps. */
export const JOURNAL_RECORDS_MAX = 1_024;
/** Bytes that the journal keeps, {@linkcode RECORD_OVERHEAD_BYTES} a record included. */
export const JOURNAL_BYTES_MAX = 256 * 1_024;
/** What a record is charged beside its text. Source: Open Nexus OS, logd, "journal". */
export const RECORD_OVERHEAD_BYTES = 64;

/** What a sender says. */
export interface LogText {
  /** Index into `LEVELS`. */
  readonly level: number;
  readonly scope: string;
  readonly message: string;
  /** Lines `key=value`. */
  readonly fields: string;
}

/** A record of either ring, as readers get it. */
export interface LogRecord extends LogText {
  /** From 1, rising by one with each record that its ring took. */
  readonly recordId: number;
  /** Nanoseconds on the node's clock, each later than the one before. */
  readonly timestampNs: number;
  readonly sid: bigint;
  readonly sender: string;
}

/** Where and when a record was taken. */
export type Stamp = Pick<LogRecord, "sid" | "sender"> & { readonly nowNs: number };

/** What an append tells its sender. */
export interface Kept {
  readonly recordId: number;
  /** Records that the ring has let go since boot. */
  readonly dropped: number;
}

/** Counters of a ring. */
export interface RingStats {
  /** Records taken since boot. */
  readonly total: number;
  readonly dropped: number;
  readonly usedRecords: number;
  readonly usedBytes: number;
}

/** Times of a ring: each is later than the one before, also when the clock stands still. */
export class RisingTime {
  #lastNs = 0;

  next(nowNs: number): number {
    this.#lastNs = Math.max(this.#lastNs + 1, nowNs);
    return this.#lastNs;
  }
}

/** A ring of records, bounded in number and bytes: the oldest leaves when a new one needs room. */
export class Journal {
  readonly #slots: ({ readonly record: LogRecord; readonly size: number } | undefined)[] =
    new Array(
      JOURNAL_RECORDS_MAX,
    );
  readonly #time = new RisingTime();
  /** Records taken so far; the next one's id is one more. */
  #total = 0;
  #used = 0;
  #bytes = 0;

  append(text: LogText, { sid, sender, nowNs }: Stamp): Kept {
    const size = sizeOf(text);
    while (this.#used === JOURNAL_RECORDS_MAX || this.#bytes + size > JOURNAL_BYTES_MAX) {
      this.#dropOldest();
    }
    this.#total += 1;
    const record = {
      ...text,
      recordId: this.#total,
      timestampNs: this.#time.next(nowNs),
      sid,
      sender,
    };
    this.#slots[slotOf(record.recordId)] = { record, size };
    this.#used += 1;
    this.#bytes += size;
    return { recordId: this.#total, dropped: this.#total - this.#used };
  }

  stats(): RingStats {
    const dropped = this.#total - this.#used;
    return { total: this.#total, dropped, usedRecords: this.#used, usedBytes: this.#bytes };
  }

  /** Records behind an id, oldest first. */
  *after(recordId: number): Generator<LogRecord> {
    const oldest = this.#total - this.#used + 1;
    for (let id = Math.max(oldest, recordId + 1); id <= this.#total; id++) {
      const slot = this.#slots[slotOf(id)];
      if (slot !== undefined) yield slot.record;
    }
  }

  /** Records from a time on, oldest first. */
  *since(timestampNs: number): Generator<LogRecord> {
    for (const record of this.after(0)) if (record.timestampNs >= timestampNs) yield record;
  }

  #dropOldest(): void {
    const index = slotOf(this.#total - this.#used + 1);
    this.#bytes -= this.#slots[index]?.size ?? 0;
    this.#slots[index] = undefined;
    this.#used -= 1;
  }
}

function slotOf(recordId: number): number {
  return recordId % JOURNAL_RECORDS_MAX;
}

function sizeOf({ scope, message, fields }: LogText): number {
  return RECORD_OVERHEAD_BYTES + utf8Length(scope) + utf8Length(message) +
    utf8Length(fields);
}
