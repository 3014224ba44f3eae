import type { Secret } from "@runtime/core/secret.ts";
import type { Provenance } from "./envelope.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { type OpenedStore, type OpenFault, openStore } from "./open_store.ts";
import type { ListedUsage, QuotaPorts, QuotaUsage } from "./quota.ts";
import type { RandomSource } from "./random_source.ts";
import type { BeginResult, GetResult, Page, Store, StoreStats, WriteOutcome } from "./store.ts";
import type { WriteStatus } from "./write_queue.ts";

/** What a store is opened from, again and again. */
export interface LivePorts {
  readonly disk: JournalDisk;
  readonly random: RandomSource;
  readonly recordKey: Secret;
  readonly quotas: QuotaPorts;
  /** Told once, when the disk has failed: nothing is written until the store is opened anew. */
  readonly failed: () => void;
}

type Opened = Extract<OpenedStore, { readonly status: "ok" }>;

/**
 * The store of a daemon, which can be opened anew while others use it: reads go on from the old one,
 * writes wait, and what was open in it is dropped.
 */
export class LiveStore {
  readonly #ports: LivePorts;
  readonly #imageId: Uint8Array;
  #store: Store;
  /** Resolves when no opening is under way. */
  #settled: Promise<unknown> = Promise.resolve();
  #opening = false;
  #told = false;

  constructor(ports: LivePorts, { store, imageId }: Pick<Opened, "store" | "imageId">) {
    this.#ports = ports;
    this.#store = store;
    this.#imageId = imageId;
  }

  get stats(): StoreStats {
    return this.#store.stats;
  }

  get(key: string): GetResult {
    return this.#store.get(key);
  }

  list(page: Page, shown: (path: string) => boolean): readonly string[] {
    return this.#store.list(page, shown);
  }

  put(key: string, payload: Uint8Array, about: Provenance): Promise<WriteOutcome> {
    return this.#write((store) => store.put(key, payload, about));
  }

  delete(key: string): Promise<WriteStatus> {
    return this.#write((store) => store.delete(key));
  }

  sync(): Promise<WriteStatus> {
    return this.#write((store) => store.sync());
  }

  begin(owner: bigint): Promise<BeginResult> {
    return this.#write((store) => store.begin(owner));
  }

  /** Adds to a transaction in memory. Of one that an opening dropped there is nothing to add to. */
  putChunk(
    transaction: bigint,
    owner: bigint,
    chunk: Parameters<Store["putChunk"]>[2],
  ): WriteStatus {
    return this.#store.putChunk(transaction, owner, chunk);
  }

  commit(transaction: bigint, owner: bigint, about: Provenance): Promise<WriteOutcome> {
    return this.#write((store) => store.commit(transaction, owner, about));
  }

  abort(transaction: bigint, owner: bigint): Promise<WriteStatus> {
    return this.#write((store) => store.abort(transaction, owner));
  }

  compact(): Promise<WriteStatus> {
    return this.#write((store) => store.compact());
  }

  /** Ends every transaction of an owner that is gone. */
  release(owner: bigint): Promise<void> {
    return this.#write((store) => store.release(owner));
  }

  usage(owner: string): QuotaUsage {
    return this.#store.usage(owner);
  }

  usages(): readonly ListedUsage[] {
    return this.#store.usages();
  }

  /** Replays the disk: the same image, no older than it was. After a failure the store is as before. */
  reopen(): Promise<"ok" | OpenFault> {
    const opened = this.#settled.then(() => this.#reopen());
    this.#settled = opened;
    return opened;
  }

  async #reopen(): Promise<"ok" | OpenFault> {
    this.#opening = true;
    try {
      // Writes under way end first; those that come now wait. What the disk was too slow for may
      // happen until a later flush is through.
      await this.#store.sync();
      if (await this.#ports.disk.flush() !== "ok") return "io_error";
      const { sequence: sequenceMin } = this.#store.stats;
      const opened = await openStore({ ...this.#ports, imageId: this.#imageId, sequenceMin });
      if (opened.status !== "ok") return opened.status;
      this.#store.wipe();
      this.#store = opened.store;
      return "ok";
    } finally {
      this.#opening = false;
    }
  }

  async #write<T>(work: (store: Store) => Promise<T>): Promise<T> {
    while (this.#opening) await this.#settled;
    const result = await work(this.#store);
    if (this.#store.failed && !this.#told) this.#ports.failed();
    this.#told = this.#store.failed;
    return result;
  }
}
