import { putLength } from "./record.ts";

/** Why a value that is there is not given out. */
export type ValueFault = "integrity" | "rollback";

/** A value as it lies on the disk. */
export interface StoredValue {
  readonly stored: Uint8Array;
  readonly sequence: bigint;
  /** Who wrote it; empty when nobody is named, or when that cannot be read. */
  readonly subject: string;
  readonly fault: ValueFault | undefined;
}

/** Every value by its path, as stored: memory holds no plaintext. */
export class ValueIndex {
  readonly #values = new Map<string, StoredValue>();
  #liveBytes = 0;
  #storedBytes = 0;
  /** All paths in order, until one comes or goes: page after page is read between two changes. */
  #sorted: readonly string[] | undefined;

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
    const before = this.#values.get(key);
    if (before === undefined) {
      this.#sorted = undefined;
      this.#liveBytes += putLength(key, 0);
    }
    this.#values.set(key, value);
    const more = value.stored.length - (before?.stored.length ?? 0);
    this.#liveBytes += more;
    this.#storedBytes += more;
  }

  delete(key: string): void {
    const before = this.#values.get(key);
    if (before === undefined) return;
    this.#sorted = undefined;
    this.#values.delete(key);
    this.#liveBytes -= putLength(key, before.stored.length);
    this.#storedBytes -= before.stored.length;
  }

  clear(): void {
    this.#values.clear();
    this.#sorted = undefined;
    this.#liveBytes = 0;
    this.#storedBytes = 0;
  }

  /** Copies the values out of what they are views into. */
  detach(): void {
    for (const [key, value] of this.#values) {
      this.#values.set(key, { ...value, stored: value.stored.slice() });
    }
  }

  paths(): IterableIterator<string> {
    return this.#values.keys();
  }

  entries(): IterableIterator<[string, StoredValue]> {
    return this.#values.entries();
  }

  /** Paths that begin so, behind `after`, in the order of their UTF-16 code units. */
  *pathsAfter(prefix: string, after: string): Generator<string> {
    const sorted = this.#sorted ??= [...this.#values.keys()].sort();
    for (let at = placeOf(sorted, prefix, after); at < sorted.length; at++) {
      const path = sorted[at] ?? "";
      if (!path.startsWith(prefix)) return;
      yield path;
    }
  }
}

/** Where the first path stands that is not in front of `prefix`, and behind `after`. */
function placeOf(sorted: readonly string[], prefix: string, after: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const path = sorted[middle] ?? "";
    if (path < prefix || path <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
