import {
  CHUNK_LENGTH_MAX,
  STORED_LENGTH_MAX,
  TRANSACTION_BYTES_MAX,
  TRANSACTION_KEYS_MAX,
  TRANSACTIONS_BYTES_MAX,
  TRANSACTIONS_MAX,
} from "./limits.ts";

interface Transaction {
  readonly values: Map<string, Uint8Array>;
  bytes: number;
  /** A cap was exceeded: it is never applied. */
  poisoned: boolean;
}

/**
 * Transactions that began and did not end, within upstream's caps. A cap that is exceeded poisons its
 * transaction alone.
 *
 * Source: Open Nexus OS, statefs journal v2, "transactions".
 */
export class OpenTransactions {
  readonly #open = new Map<bigint, Transaction>();
  #bytes = 0;

  get count(): number {
    return this.#open.size;
  }

  get ids(): readonly bigint[] {
    return [...this.#open.keys()];
  }

  /** @returns Whether there was room for one more, and none of this id. */
  begin(id: bigint): boolean {
    if (this.#open.size >= TRANSACTIONS_MAX || this.#open.has(id)) return false;
    this.#open.set(id, { values: new Map(), bytes: 0, poisoned: false });
    return true;
  }

  has(id: bigint): boolean {
    return this.#open.has(id);
  }

  /** Whether a chunk of so many bytes stays within every cap. */
  fits(id: bigint, key: string, length: number): boolean {
    const transaction = this.#open.get(id);
    if (transaction === undefined || transaction.poisoned) return false;
    const before = transaction.values.get(key);
    if (before === undefined && transaction.values.size >= TRANSACTION_KEYS_MAX) return false;
    return length <= CHUNK_LENGTH_MAX && transaction.bytes + length <= TRANSACTION_BYTES_MAX &&
      this.#bytes + length <= TRANSACTIONS_BYTES_MAX &&
      (before?.length ?? 0) + length <= STORED_LENGTH_MAX;
  }

  /** Adds a chunk behind the earlier ones of its key, or poisons the transaction. */
  add(id: bigint, key: string, chunk: Uint8Array): boolean {
    const transaction = this.#open.get(id);
    if (transaction === undefined) return false;
    if (!this.fits(id, key, chunk.length)) {
      transaction.poisoned = true;
      return false;
    }
    const before = transaction.values.get(key) ?? new Uint8Array(0);
    const joined = new Uint8Array(before.length + chunk.length);
    joined.set(before);
    joined.set(chunk, before.length);
    transaction.values.set(key, joined);
    transaction.bytes += chunk.length;
    this.#bytes += chunk.length;
    return true;
  }

  /** Ends a transaction. @returns Its values, or `undefined` for one that is unknown or poisoned. */
  take(id: bigint): ReadonlyMap<string, Uint8Array> | undefined {
    const transaction = this.#open.get(id);
    if (transaction === undefined) return undefined;
    this.#open.delete(id);
    this.#bytes -= transaction.bytes;
    return transaction.poisoned ? undefined : transaction.values;
  }

  /** What a transaction holds; `undefined` for one that is unknown or poisoned. */
  values(id: bigint): ReadonlyMap<string, Uint8Array> | undefined {
    const transaction = this.#open.get(id);
    return transaction?.poisoned ? undefined : transaction?.values;
  }

  clear(): void {
    this.#open.clear();
    this.#bytes = 0;
  }
}
