import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import type { Batch, Changes } from "./batch.ts";
import type { JournalDisk } from "./journal_disk.ts";
import type { RandomSource } from "./random_source.ts";
import { type Envelope, envelopeLength, type Provenance, provenanceFits } from "./envelope.ts";
import {
  CHUNK_LENGTH_MAX,
  COMPACTION_BYTES_MIN,
  STORED_LENGTH_MAX,
  TRANSACTION_BYTES_MAX,
} from "./limits.ts";
import { LogWriter } from "./log_writer.ts";
import { pathFault, reserved, SEQUENCE_PATH, storedInClear } from "./path.ts";
import type { ListedUsage, QuotaExcess, QuotaLedger, QuotaUsage } from "./quota.ts";
import { encodeRecord } from "./record.ts";
import { SEAL_OVERHEAD } from "./sealed.ts";
import { encodeSequenceMark } from "./sequence_mark.ts";
import { beginGeneration, SNAPSHOT_OVERHEAD, snapshotOf } from "./snapshot.ts";
import { otherRegion, type RegionName, regionOf } from "./superblock.ts";
import { TransactionTable } from "./transaction_table.ts";
import type { StoredValue, ValueIndex } from "./value_index.ts";
import type { Vault } from "./vault.ts";
import { WriteQueue, type WriteStatus } from "./write_queue.ts";

/** Where an opened image stands. */
export interface StoreStart {
  readonly index: ValueIndex;
  readonly ledger: QuotaLedger;
  readonly vault: Vault;
  readonly writer: LogWriter;
  readonly active: RegionName;
  readonly generation: number;
  readonly sequence: bigint;
  readonly transaction: bigint;
}

export type GetResult =
  | ({ readonly status: "ok" } & Envelope)
  | { readonly status: "not_found" | "integrity" | "rollback" };

/** How a write of values ends. */
export type WriteOutcome = WriteStatus | QuotaExcess;

export type BeginResult =
  | { readonly status: "ok"; readonly transaction: bigint }
  | { readonly status: Exclude<WriteStatus, "ok"> };

/** Paths that a list asks for. */
export interface Page {
  readonly prefix: string;
  /** The last path of the page before; empty for the first page. */
  readonly after: string;
  readonly countMax: number;
}

export interface StoreStats {
  readonly keys: number;
  readonly liveBytes: number;
  readonly logBytes: number;
  /** Most bytes of a log. */
  readonly capacity: number;
  readonly generation: number;
  /** Largest sequence that is safe: a counter outside the image may hold it against an old image. */
  readonly sequence: bigint;
  /** Whether a failure has ended all writing until the image is opened anew. */
  readonly failed: boolean;
  /** Values that should be limits of an owner and are none. */
  readonly malformedLimits: number;
}

/** Values under paths, safe on a disk. Reads come from memory; writes are safe when they are `ok`. */
export class Store {
  readonly #disk: JournalDisk;
  readonly #random: RandomSource;
  readonly #index: ValueIndex;
  readonly #ledger: QuotaLedger;
  readonly #vault: Vault;
  readonly #queue: WriteQueue;
  readonly #transactions = new TransactionTable();
  #writer: LogWriter;
  #active: RegionName;
  #generation: number;
  /** The last one given out; what it was given to may fail. */
  #sequence: bigint;
  #safeSequence: bigint;
  #transaction: bigint;
  /** Off after a compaction that failed, until one that is asked for succeeds. */
  #compactsByItself = true;

  constructor(
    ports: { readonly disk: JournalDisk; readonly random: RandomSource },
    start: StoreStart,
  ) {
    this.#disk = ports.disk;
    this.#random = ports.random;
    this.#index = start.index;
    this.#ledger = start.ledger;
    this.#vault = start.vault;
    this.#writer = start.writer;
    this.#active = start.active;
    this.#generation = start.generation;
    this.#sequence = start.sequence;
    this.#safeSequence = start.sequence;
    this.#transaction = start.transaction;
    this.#queue = this.#createQueue();
  }

  get stats(): StoreStats {
    return {
      keys: this.#index.size,
      liveBytes: this.#index.liveBytes,
      logBytes: this.#writer.end,
      capacity: this.#writer.capacity,
      generation: this.#generation,
      sequence: this.#safeSequence,
      failed: this.#queue.failed,
      malformedLimits: this.#ledger.malformed,
    };
  }

  /** Whether a failure has ended all writing until the image is opened anew. */
  get failed(): boolean {
    return this.#queue.failed;
  }

  /** The newest value that is safe on the disk, and what its writer said of it. */
  get(key: string): GetResult {
    const value = this.#index.get(key);
    if (value === undefined) return { status: "not_found" };
    if (value.fault !== undefined) return { status: value.fault };
    const envelope = this.#vault.open(key, value.stored);
    if (envelope === undefined) return { status: "integrity" };
    const { sequence, timestamp, subject, purpose, payload } = envelope;
    // A payload that was sealed lies in bytes of its own already.
    const own = storedInClear(key) ? payload.slice() : payload;
    return { status: "ok", sequence, timestamp, subject, purpose, payload: own };
  }

  /**
   * Paths in order, the store's own left out.
   *
   * @param shown Which of them count: a page of a caller's is filled with what that caller may see.
   */
  list({ prefix, after, countMax }: Page, shown: (path: string) => boolean): readonly string[] {
    const page: string[] = [];
    for (const path of this.#index.pathsAfter(prefix, after)) {
      if (page.length >= countMax) break;
      if (!reserved(path) && shown(path)) page.push(path);
    }
    return page;
  }

  /** What an owner takes, and may take: `subject:<name>` or `app:<id>`. */
  usage(owner: string): QuotaUsage {
    return this.#ledger.usage(owner);
  }

  /** Each owner that takes something or has limits of its own, in order. */
  usages(): readonly ListedUsage[] {
    return this.#ledger.list();
  }

  put(key: string, payload: Uint8Array, about: Provenance): Promise<WriteOutcome> {
    const fault = this.#putFault(key, { ...about, payload, sequence: 0n });
    if (fault !== undefined) return Promise.resolve(fault);
    const kept = payload.slice();
    return this.#queue.submit({
      nonceCount: 1,
      urgent: false,
      stage: (batch, room) => {
        const value = this.#stored(key, { ...about, payload: kept, sequence: 0n }, batch);
        const record = encodeRecord({ op: "put", key, value: value.stored });
        const changes: Changes = new Map([[key, value]]);
        return batch.addWithinQuotas([record], changes, room, () => this.#safe(changes));
      },
    });
  }

  /** Deletes a key for good. The mark is what deletes; DELETE says so to whoever has no key. */
  delete(key: string): Promise<WriteStatus> {
    const fault = keyFault(key);
    if (fault !== undefined) return Promise.resolve(fault);
    return this.#queue.submit({
      nonceCount: 1,
      urgent: true,
      stage: (batch, room) => {
        if (batch.get(key) === undefined) return "not_found";
        const mark = this.#mark(batch.nonce(), key);
        const records = [
          encodeRecord({ op: "put", key: SEQUENCE_PATH, value: mark.stored }),
          encodeRecord({ op: "delete", key }),
        ];
        const changes: Changes = new Map([[key, undefined], [SEQUENCE_PATH, mark]]);
        return batch.add(records, changes, room, () => this.#safe(changes));
      },
    });
  }

  /** Waits until every write before it is decided; each `ok` was safe already. */
  sync(): Promise<WriteStatus> {
    return this.#queue.submit({ nonceCount: 0, urgent: true, stage: () => "ok" });
  }

  /** Begins a transaction that `owner` alone may use. Its id was never given out before. */
  async begin(owner: bigint): Promise<BeginResult> {
    let transaction = 0n;
    const status = await this.#queue.submit({
      nonceCount: 0,
      urgent: false,
      stage: (batch, room) => {
        if (!this.#transactions.reserve()) return "transaction_limit";
        transaction = ++this.#transaction;
        const record = encodeRecord({ op: "prepare", transaction });
        const added = batch.add([record], new Map(), room, () => {
          this.#transactions.begin(transaction, owner);
        });
        if (added !== "ok") this.#transactions.release();
        return added;
      },
    });
    if (status !== "ok") return { status };
    return { status, transaction };
  }

  /** Adds a chunk behind the earlier ones of its key. Nothing is written before the commit. */
  putChunk(
    transaction: bigint,
    owner: bigint,
    { key, chunk }: { readonly key: string; readonly chunk: Uint8Array },
  ): WriteStatus {
    const fault = keyFault(key);
    if (fault !== undefined) return fault;
    if (chunk.length > CHUNK_LENGTH_MAX) return "value_too_large";
    return this.#transactions.add(transaction, owner, { key, chunk });
  }

  /** Makes all values of a transaction visible at once, or none. */
  commit(transaction: bigint, owner: bigint, about: Provenance): Promise<WriteOutcome> {
    const values = this.#transactions.close(transaction, owner);
    if (typeof values === "string") return Promise.resolve(values);
    const fault = this.#commitFault(values, about);
    if (fault !== undefined) return this.#endUnwritten(transaction, fault);
    return this.#queue.submit({
      nonceCount: values.size,
      urgent: true,
      stage: (batch, room) => {
        const changes = this.#committed(values, about, batch);
        const records = commitRecords(transaction, changes);
        const done = () => {
          this.#safe(changes);
          this.#transactions.release();
        };
        return batch.addWithinQuotas(records, changes, { ...room, urgent: false }, done);
      },
    }).then((outcome) => {
      return outcome === "ok" ? outcome : this.#endUnwritten(transaction, outcome);
    });
  }

  abort(transaction: bigint, owner: bigint): Promise<WriteStatus> {
    const values = this.#transactions.close(transaction, owner);
    if (typeof values === "string") return Promise.resolve(values);
    return this.#endUnwritten(transaction, "ok");
  }

  /** Aborts what an owner that is gone has left open. */
  async release(owner: bigint): Promise<void> {
    await Promise.all(this.#transactions.ofOwner(owner).map((each) => this.abort(each, owner)));
  }

  /** Writes all values to the other region and goes on there. Needs that no transaction is open. */
  compact(): Promise<WriteStatus> {
    return this.#queue.compact();
  }

  /** Overwrites the keys in memory. The store must not be used afterwards. */
  wipe(): void {
    this.#vault.wipe();
  }

  /** Writes ABORT; when even that fails, the next replay discards the transaction. */
  async #endUnwritten<T>(transaction: bigint, outcome: T | "ok"): Promise<T | WriteStatus> {
    const record = encodeRecord({ op: "abort", transaction });
    const written = await this.#queue.submit({
      nonceCount: 0,
      urgent: true,
      stage: (batch, room) => batch.add([record], new Map(), room),
    });
    this.#transactions.release();
    return outcome === "ok" ? written : outcome;
  }

  #commitFault(
    values: ReadonlyMap<string, Uint8Array>,
    about: Provenance,
  ): WriteStatus | undefined {
    let length = 0;
    for (const [key, payload] of values) {
      const envelope = { ...about, payload, sequence: 0n };
      const fault = this.#putFault(key, envelope);
      if (fault !== undefined) return fault;
      length += storedLength(envelope);
    }
    return length > TRANSACTION_BYTES_MAX ? "transaction_limit" : undefined;
  }

  #committed(values: ReadonlyMap<string, Uint8Array>, about: Provenance, batch: Batch): Changes {
    const changes = new Map<string, StoredValue>();
    for (const [key, payload] of values) {
      changes.set(key, this.#stored(key, { ...about, payload, sequence: 0n }, batch));
    }
    return changes;
  }

  #putFault(key: string, envelope: Envelope): WriteStatus | undefined {
    const fault = keyFault(key);
    if (fault !== undefined) return fault;
    if (!provenanceFits(envelope)) return "malformed";
    return storedLength(envelope) > STORED_LENGTH_MAX ? "value_too_large" : undefined;
  }

  #stored(key: string, envelope: Envelope, batch: Batch): StoredValue {
    const sequence = ++this.#sequence;
    const stored = this.#vault.store(key, { ...envelope, sequence }, batch.nonce());
    return { stored, sequence, subject: envelope.subject, fault: undefined };
  }

  /** Values are on the disk now, of which the last one has the largest sequence. */
  #safe(changes: Changes): void {
    this.#safeSequence = [...changes.values()].at(-1)?.sequence ?? this.#safeSequence;
  }

  #createQueue(): WriteQueue {
    return new WriteQueue({
      index: this.#index,
      ledger: this.#ledger,
      random: this.#random,
      compact: () => this.#compact(),
      writer: () => this.#writer,
      compactionHelps: () => this.#writer.end > this.#index.liveBytes + SNAPSHOT_OVERHEAD,
      compactionDue: () =>
        this.#compactsByItself && this.#transactions.taken === 0 &&
        this.#writer.end >= COMPACTION_BYTES_MIN &&
        this.#writer.end >= 2 * this.#index.liveBytes,
    });
  }

  /** Runs with no write under way. Gets go on from memory. */
  async #compact(): Promise<WriteStatus | "lost"> {
    if (this.#transactions.taken > 0) return "no_space";
    const nonce = await this.#random.draw(XCHACHA_NONCE_LENGTH);
    if (nonce?.length !== XCHACHA_NONCE_LENGTH) return "unavailable";
    this.#index.set(SEQUENCE_PATH, this.#mark(nonce, ""));
    const active = otherRegion(this.#active);
    const snapshot = snapshotOf(this.#generation + 1, this.#index);
    const begun = await beginGeneration(this.#disk, active, snapshot);
    this.#compactsByItself = typeof begun !== "string";
    if (typeof begun === "string") return begun;
    this.#safeSequence = this.#sequence;
    this.#active = active;
    this.#generation = snapshot.generation;
    this.#writer = new LogWriter(this.#disk, regionOf(active, this.#disk.blockCount), begun);
    return "ok";
  }

  /** What must be known for ever, as a value of its own, and the key that it deletes, if any. */
  #mark(nonce: Uint8Array, deleted: string): StoredValue {
    const sequence = ++this.#sequence;
    const payload = encodeSequenceMark({ sequence, transaction: this.#transaction, deleted });
    const envelope = { sequence, timestamp: 0n, subject: "", purpose: "", payload };
    return {
      stored: this.#vault.store(SEQUENCE_PATH, envelope, nonce),
      sequence,
      subject: "",
      fault: undefined,
    };
  }
}

/** Why nobody may write a key; `undefined` when somebody may. */
function keyFault(key: string): WriteStatus | undefined {
  return pathFault(key) ?? (reserved(key) ? "access_denied" : undefined);
}

function storedLength(envelope: Envelope): number {
  return envelopeLength(envelope) + SEAL_OVERHEAD;
}

/** The end of a transaction: its values in chunks, and COMMIT. */
function commitRecords(transaction: bigint, changes: Changes): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  for (const [key, value] of changes) {
    const stored = value?.stored ?? new Uint8Array(0);
    for (let offset = 0; offset < stored.length; offset += CHUNK_LENGTH_MAX) {
      const chunk = stored.subarray(offset, offset + CHUNK_LENGTH_MAX);
      records.push(encodeRecord({ op: "payload", key, transaction, chunk }));
    }
  }
  return [...records, encodeRecord({ op: "commit", transaction })];
}
