/**
 * How an operation on a block device ended. `unsupported`: the device does not do that. `expired`:
 * time was up; what was asked for may or may not happen later, and until a flush that is asked for
 * afterwards has succeeded nobody knows.
 */
export type BlockStatus = "ok" | "io_error" | "unsupported" | "expired";

/** An answer with a value, or why there is none. */
export type BlockAnswer<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: Exclude<BlockStatus, "ok"> };

/**
 * A disk in use, in sectors of 512 bytes. A range is whole sectors inside the device; anything else
 * is a bug of the caller. Calls may overlap: they are under way at the same time and end in any order,
 * so one that must see another's effect waits for its end first.
 *
 * Each call takes an `expiry`, which ends the wait when it resolves; without one it waits for ever. A
 * call rejects only when the device broke the rules, and so does every later one.
 */
export interface BlockDevice {
  readonly sectorCount: number;
  readonly readOnly: boolean;
  /** What the device calls itself, at most 20 letters. */
  id(expiry?: Promise<unknown>): Promise<BlockAnswer<string>>;
  read(
    sector: number,
    count: number,
    expiry?: Promise<unknown>,
  ): Promise<BlockAnswer<Uint8Array<ArrayBuffer>>>;
  /**
   * Writes `bytes`, which stay as they are until it resolves. They are durable after a flush that was
   * asked for later. A long write may be cut: when it fails, any of its sectors may be written.
   */
  write(sector: number, bytes: Uint8Array, expiry?: Promise<unknown>): Promise<BlockStatus>;
  /** Makes every write durable that had ended with `ok` before the call. */
  flush(expiry?: Promise<unknown>): Promise<BlockStatus>;
  /** Gives sectors up: they read as anything until they are written. */
  discard(sector: number, count: number, expiry?: Promise<unknown>): Promise<BlockStatus>;
  writeZeroes(sector: number, count: number, expiry?: Promise<unknown>): Promise<BlockStatus>;
}
