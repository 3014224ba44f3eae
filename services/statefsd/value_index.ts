import { putLength } from "./record.ts";

/** Why a value that is there is not given out. */
export type ValueFault = "integrity" | "rollback";

/** A value as it lies on the disk. */
export interface StoredValue {
  readonly stored: Uint8Array;
  readonly sequence: bigint;
  readonly fault: ValueFault | undefined;
}

/** Every value by its path, as stored: memory holds no plaintext. */
export class ValueIndex {
  readonly #values = new Map<string, StoredValue>();
  #liveBytes = 0;
  #storedBytes = 0;

  get size(): number {
    return this.#values.size;
  }

  /** Bytes that the values take in a snapshot. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes of the values in memory. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  get(key: string): StoredValue | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: StoredValue): void {
    this.delete(key);
    this.#values.set(key, value);
    this.#liveBytes += putLength(key, value.stored.length);
    this.#storedBytes += value.stored.length;
  }

  delete(key: string): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#liveBytes -= putLength(key, value.stored.length);
    this.#storedBytes -= value.stored.length;
  }

  clear(): void {
    this.#values.clear();
    this.#liveBytes = 0;
    this.#storedBytes = 0;
  }

  entries(): IterableIterator<[string, StoredValue]> {
    return this.#values.entries();
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }
}
