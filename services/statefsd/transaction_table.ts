import { TRANSACTIONS_MAX } from "./limits.ts";
import { OpenTransactions } from "./open_transactions.ts";
import type { WriteStatus } from "./write_queue.ts";

/** A chunk of a value. */
export interface Chunk {
  readonly key: string;
  readonly chunk: Uint8Array;
}

/** Transactions of a running store, each usable by the one who began it alone. */
export class TransactionTable {
  readonly #open = new OpenTransactions();
  readonly #owners = new Map<bigint, bigint>();
  /** Places taken: those that begin, are open, or are being ended. */
  #taken = 0;

  /** Transactions whose PREPARE is or may be in the log without its end. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes a place for a transaction that begins. */
  reserve(): boolean {
    if (this.#taken >= TRANSACTIONS_MAX) return false;
    this.#taken += 1;
    return true;
  }

  /** Gives a place back. */
  release(): void {
    this.#taken -= 1;
  }

  begin(id: bigint, owner: bigint): void {
    this.#open.begin(id);
    this.#owners.set(id, owner);
  }

  /** What is refused leaves the transaction as it was. */
  add(id: bigint, owner: bigint, { key, chunk }: Chunk): WriteStatus {
    if (this.#owners.get(id) !== owner) return "not_found";
    if (!this.#open.fits(id, key, chunk.length)) return "transaction_limit";
    this.#open.add(id, key, chunk);
    return "ok";
  }

  /** Open transactions of an owner. */
  ofOwner(owner: bigint): readonly bigint[] {
    return [...this.#owners].flatMap(([id, each]) => each === owner ? [id] : []);
  }

  /** Ends a transaction in memory; its place is taken until its end is in the log. */
  close(id: bigint, owner: bigint): ReadonlyMap<string, Uint8Array> | "not_found" {
    if (this.#owners.get(id) !== owner) return "not_found";
    this.#owners.delete(id);
    return this.#open.take(id) ?? new Map();
  }
}
