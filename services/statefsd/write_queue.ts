import type { DiskStatus } from "@runtime/core/ports.ts";
import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import type { RandomSource } from "./random_source.ts";
import { Batch, type BatchRoom } from "./batch.ts";
import { BATCH_WRITES_MAX, QUEUE_WRITES_MAX } from "./limits.ts";
import type { LogWriter } from "./log_writer.ts";
import type { QuotaLedger } from "./quota.ts";
import type { ValueIndex } from "./value_index.ts";

/**
 * How a write ends. `io_error`: the disk failed, and until the store is opened anew no write is
 * taken. `unavailable`: no nonce was to be had. `busy`: too many writes wait.
 */
export type WriteStatus =
  | "ok"
  | "not_found"
  | "access_denied"
  | "value_too_large"
  | "key_too_long"
  | "invalid_key"
  | "malformed"
  | "io_error"
  | "no_space"
  | "verify_failed"
  | "unavailable"
  | "transaction_limit"
  | "busy";

/** A write that waits for its turn. `Refusal`: why it may be refused beside a status. */
export interface Write<Refusal = never> {
  /** Values that it may seal. */
  readonly nonceCount: number;
  readonly urgent: boolean;
  /** Adds the write to a batch, or says why not. */
  stage(batch: Batch, room: BatchRoom): WriteStatus | Refusal;
}

interface Waiting extends Pick<Write, "nonceCount" | "urgent"> {
  /** Writes nothing itself: it waits for a compaction. */
  readonly compacts: boolean;
  /** Adds the write to a batch, or keeps why not. @returns Whether there was room for it. */
  stage(batch: Batch, room: BatchRoom): boolean;
  /** Ends the write as it was staged; one that was added, with the status of its batch. */
  end(batchStatus: WriteStatus): void;
  /** Ends the write, staged or not. */
  resolve(status: WriteStatus): void;
  /** Ends it with a bug: whoever waits for it faults. */
  reject(bug: unknown): void;
}

/** What the queue writes to. */
export interface WriteTarget {
  readonly index: ValueIndex;
  readonly ledger: QuotaLedger;
  readonly random: RandomSource;
  writer(): LogWriter;
  /** Makes room; the status says whether it did. `lost` ends all writing. */
  compact(): Promise<WriteStatus | "lost">;
  /** Whether a compaction would make room. */
  compactionHelps(): boolean;
  /** Whether it is time to compact. */
  compactionDue(): boolean;
}

/** Writes in order, as many as wait under one flush. After a failure it takes none. */
export class WriteQueue {
  readonly #target: WriteTarget;
  #waiting: Waiting[] = [];
  #running = false;
  #failed = false;

  constructor(target: WriteTarget) {
    this.#target = target;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Takes a write; it is safe when the status is `ok`. */
  submit<Refusal = never>(write: Write<Refusal>): Promise<WriteStatus | Refusal> {
    return this.#submit(write, false);
  }

  /** Compacts when every write before it is through. */
  compact(): Promise<WriteStatus> {
    return this.#submit({ nonceCount: 0, urgent: true, stage: () => "no_space" }, true);
  }

  #submit<Refusal>(
    write: Write<Refusal>,
    compacts: boolean,
  ): Promise<WriteStatus | Refusal> {
    if (this.#failed) return Promise.resolve("io_error");
    if (this.#waiting.length >= QUEUE_WRITES_MAX) return Promise.resolve("busy");
    const waiter = Promise.withResolvers<WriteStatus | Refusal>();
    this.#waiting.push(waitingOf(write, compacts, waiter));
    if (!this.#running) void this.#run();
    return waiter.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Writes of the same turn share the first flush.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#next(this.#waiting.splice(0, BATCH_WRITES_MAX));
    this.#running = false;
  }

  /** Nobody waits for the queue itself: what is thrown here ends those that wait for their writes. */
  async #next(writes: readonly Waiting[]): Promise<void> {
    try {
      await this.#writeBatch(writes);
      if (!this.#failed && this.#target.compactionDue()) await this.#compact();
    } catch (bug) {
      this.#failed = true;
      for (const { reject } of [...writes, ...this.#waiting.splice(0)]) reject(bug);
    }
  }

  async #writeBatch(writes: readonly Waiting[]): Promise<void> {
    const refused = await this.#written(writes);
    if (refused.length === 0) return;
    const asked = refused.some(({ compacts }) => compacts);
    const made = asked || this.#target.compactionHelps() ? await this.#compact() : "no_space";
    for (const write of refused) {
      if (made === "ok" && !write.compacts) await this.#writeAlone(write);
      else write.resolve(this.#failed ? "io_error" : made);
    }
  }

  async #writeAlone(write: Waiting): Promise<void> {
    const refused = await this.#written([write]);
    for (const { resolve } of refused) resolve("no_space");
  }

  /** Writes what there is room for. @returns What there was no room for, undecided. */
  async #written(writes: readonly Waiting[]): Promise<readonly Waiting[]> {
    if (this.#failed) return settle(writes, "io_error");
    const nonceCount = writes.reduce((total, write) => total + write.nonceCount, 0);
    const nonces = await this.#draw(nonceCount * XCHACHA_NONCE_LENGTH);
    if (nonces === undefined) return settle(writes, "unavailable");
    const batch = new Batch(this.#target, nonces);
    const staged = new Set(writes.filter((write) => this.#staged(write, batch)));
    const status = batch.empty ? "ok" : await this.#append(batch);
    for (const write of staged) write.end(status);
    return writes.filter((write) => !staged.has(write));
  }

  #staged(write: Waiting, batch: Batch): boolean {
    const { end, capacity } = this.#target.writer();
    return write.stage(batch, { logEnd: end, capacity, urgent: write.urgent });
  }

  async #draw(length: number): Promise<Uint8Array | undefined> {
    if (length === 0) return new Uint8Array(0);
    const nonces = await this.#target.random.draw(length);
    return nonces?.length === length ? nonces : undefined;
  }

  async #append(batch: Batch): Promise<DiskStatus> {
    const status = await this.#target.writer().append(batch.finish());
    if (status === "ok") batch.apply();
    if (status === "io_error") this.#failed = true;
    return status;
  }

  async #compact(): Promise<WriteStatus> {
    if (this.#failed) return "io_error";
    const status = await this.#target.compact();
    if (status !== "lost") return status;
    this.#failed = true;
    return "io_error";
  }
}

function waitingOf<Refusal>(
  { nonceCount, urgent, stage }: Write<Refusal>,
  compacts: boolean,
  { resolve, reject }: PromiseWithResolvers<WriteStatus | Refusal>,
): Waiting {
  let outcome: WriteStatus | Refusal = "ok";
  return {
    nonceCount,
    urgent,
    compacts,
    stage(batch, room) {
      outcome = stage(batch, room);
      return outcome !== "no_space";
    },
    end: (batchStatus) => resolve(outcome === "ok" ? batchStatus : outcome),
    resolve,
    reject,
  };
}

/** Tells every writer the same. @returns None that are left undecided. */
function settle(writes: readonly Waiting[], status: WriteStatus): readonly Waiting[] {
  for (const { resolve } of writes) resolve(status);
  return [];
}
