/** What a disk answers. `no_space`: the block kept what it held. */
export type BlockStatus = "ok" | "io_error" | "no_space";

/**
 * A disk of blocks of 512 bytes. What was written is safe once a later `flush` says `ok`; before,
 * any of it may be lost, in any order.
 */
export interface BlockDevice {
  readonly blockCount: number;
  readonly blockSize: 512;
  /** @param into 512 bytes, overwritten when the status is `ok`. */
  read(block: number, into: Uint8Array): Promise<BlockStatus>;
  /** @param bytes 512 bytes, not kept. */
  write(block: number, bytes: Uint8Array): Promise<BlockStatus>;
  flush(): Promise<BlockStatus>;
}

/** Where nonces come from. */
export interface RandomSource {
  /** Fresh bytes that nobody else got; `undefined` when there are none to be had. */
  draw(length: number): Promise<Uint8Array | undefined>;
}
