import { KEYS_MAX } from "../limits.ts";
import { OpenTransactions } from "../open_transactions.ts";
import type { StateRecord } from "../record.ts";
import { ValueIndex } from "../value_index.ts";
import { upstreamSequence } from "./upstream_values.ts";

/**
 * The state that upstream makes of a log's records: sequences rise for each name by itself, DELETE
 * needs no proof, and a transaction may begin with any id.
 *
 * Source: Open Nexus OS, `userspace/statefs/src/journal_v2.rs`, "replay".
 */
export class UpstreamState {
  /** Stored values, each with the sequence that it says it has. */
  readonly values = new ValueIndex();
  readonly transactions = new OpenTransactions();
  /** Largest sequence that each name had. */
  readonly #newest = new Map<string, bigint>();
  /** Records of transactions that did not begin, or exceeded a cap. */
  ignored = 0;
  /** Whether there was room for every name. */
  complete = true;

  apply(record: StateRecord): void {
    switch (record.op) {
      case "put":
        return this.#put(record.key, record.value);
      case "delete":
        return this.values.delete(record.key);
      case "checkpoint":
        this.values.clear();
        return this.transactions.clear();
      case "prepare":
        this.#count(this.transactions.take(record.transaction) === undefined);
        return this.#count(this.transactions.begin(record.transaction));
      case "payload":
        return this.#count(this.transactions.add(record.transaction, record.key, record.chunk));
      case "commit":
        return this.#commit(record.transaction);
      case "abort":
        return void this.transactions.take(record.transaction);
      case "sync":
    }
  }

  /** Whether an earlier value of a name had a larger sequence than the one that it has now. */
  rolledBack(key: string): boolean {
    return (this.values.get(key)?.sequence ?? 0n) < (this.#newest.get(key) ?? 0n);
  }

  #put(key: string, stored: Uint8Array): void {
    const sequence = upstreamSequence(key, stored);
    const newest = this.#newest.get(key) ?? 0n;
    if (!this.#hasRoom(key)) return;
    if (sequence > newest) this.#newest.set(key, sequence);
    this.values.set(key, { stored, sequence, subject: "", fault: undefined });
  }

  #hasRoom(key: string): boolean {
    const known = this.values.get(key) !== undefined;
    if (!known && this.values.size >= KEYS_MAX || this.#newest.size >= KEYS_MAX) {
      this.complete = false;
    }
    return this.complete;
  }

  #commit(id: bigint): void {
    const values = this.transactions.take(id);
    this.#count(values !== undefined);
    for (const [key, stored] of values ?? []) this.#put(key, stored);
  }

  #count(known: boolean): void {
    if (!known) this.ignored += 1;
  }
}
