// INSECURE: anyone who knows the seed text knows every byte. For `--profile test` alone.
import type { EntropySource } from "@runtime/core/ports.ts";

const MASK_64 = (1n << 64n) - 1n;
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/**
 * A source whose bytes follow from a text: same seed, same bytes, on every host.
 *
 * It is a statistical generator (xoshiro256**, its state expanded by SplitMix64 from the text's
 * FNV-1a), healthy for rngd's tests and worthless against anyone who wants to guess.
 * The stream does not depend on how it is cut into calls.
 *
 * Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators".
 */
export function seededEntropy(seed: string): EntropySource {
  const next = xoshiro256(splitMix64(fnv1a64(seed)));
  const block = new DataView(new ArrayBuffer(8));
  let used = 8;
  return {
    fill(bytes) {
      for (let index = 0; index < bytes.length; index++) {
        if (used === 8) {
          block.setBigUint64(0, next(), true);
          used = 0;
        }
        bytes[index] = block.getUint8(used++);
      }
      return bytes.length;
    },
  };
}

function fnv1a64(text: string): bigint {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text)) {
    hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & MASK_64;
  }
  return hash;
}

function splitMix64(seed: bigint): () => bigint {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK_64;
    let mixed = state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
    return mixed ^ (mixed >> 31n);
  };
}

function xoshiro256(seed: () => bigint): () => bigint {
  let [s0, s1, s2, s3] = [seed(), seed(), seed(), seed()];
  return () => {
    const result = (rotated((s1 * 5n) & MASK_64, 7n) * 9n) & MASK_64;
    const shifted = (s1 << 17n) & MASK_64;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotated(s3, 45n);
    return result;
  };
}

function rotated(word: bigint, count: bigint): bigint {
  return ((word << count) | (word >> (64n - count))) & MASK_64;
}
