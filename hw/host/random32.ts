import type { EntropySource } from "@runtime/core/ports.ts";

/** Random integers 0..2^32-1 out of an entropy source, 4 bytes each. */
export function random32Of(source: EntropySource): () => number {
  const word = new Uint32Array(1);
  const bytes = new Uint8Array(word.buffer);
  return () => {
    for (let filled = 0; filled < bytes.length;) filled += source.fill(bytes.subarray(filled));
    return word[0] ?? 0;
  };
}
