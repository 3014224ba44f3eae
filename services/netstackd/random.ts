import { assert } from "@runtime/core/assert.ts";
import { BLAKE2S_LENGTH, blake2sKeyed } from "@runtime/crypto/blake2s.ts";

/** Bytes of the seed. */
export const SEED_LENGTH = 32;

/**
 * Random 32-bit numbers from one seed: keyed BLAKE2s over a counter, eight numbers from each digest.
 *
 * Whoever sees some of the numbers learns nothing of the others, so an initial sequence number cannot
 * be guessed from those of earlier connections.
 *
 * @param seed {@linkcode SEED_LENGTH} bytes from the entropy authority. Kept.
 * @returns 0..2^32-1, another one at each call.
 *
 * Source: RFC 6528, "Proposed Initial Sequence Number Generation Algorithm" (the aim, met without its
 * clock: every number is unpredictable on its own).
 */
export function keyedRandom32(seed: Uint8Array): () => number {
  assert(seed.length === SEED_LENGTH, "a seed has 32 bytes");
  const counter = new DataView(new ArrayBuffer(8));
  let block = new DataView(new ArrayBuffer(BLAKE2S_LENGTH));
  let offset = BLAKE2S_LENGTH;
  let blocks = 0n;
  return () => {
    if (offset === BLAKE2S_LENGTH) {
      counter.setBigUint64(0, blocks++, true);
      block = viewOf(blake2sKeyed(seed, new Uint8Array(counter.buffer)));
      offset = 0;
    }
    const value = block.getUint32(offset, true);
    offset += 4;
    return value;
  };
}

function viewOf(bytes: Uint8Array): DataView<ArrayBuffer> {
  const copy = bytes.slice();
  return new DataView(copy.buffer);
}
