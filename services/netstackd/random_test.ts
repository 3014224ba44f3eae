import { InvariantError } from "@runtime/core/assert.ts";
import { fromHex } from "@runtime/core/hex.ts";
import { blake2sKeyed } from "@runtime/crypto/blake2s.ts";
import { deepEqual, equal, notDeepEqual, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { keyedRandom32, SEED_LENGTH } from "./random.ts";

function numbers(seed: Uint8Array, count: number): number[] {
  const next = keyedRandom32(seed);
  return Array.from({ length: count }, () => next());
}

test("keyedRandom32 is BLAKE2s, keyed by the seed, over a counter", () => {
  const seed = new Uint8Array(SEED_LENGTH).fill(7);
  const first = new DataView(blake2sKeyed(seed, new Uint8Array(8)).slice().buffer);
  const second = new DataView(blake2sKeyed(seed, fromHex("0100000000000000")).slice().buffer);
  const drawn = numbers(seed, 9);
  deepEqual(drawn.slice(0, 2), [first.getUint32(0, true), first.getUint32(4, true)]);
  equal(drawn[8], second.getUint32(0, true));
});

test("keyedRandom32 gives other numbers for another seed, and no number twice in a row", () => {
  const seed = new Uint8Array(SEED_LENGTH);
  const other = seed.slice();
  other[31] = 1;
  notDeepEqual(numbers(seed, 8), numbers(other, 8));
  equal(new Set(numbers(seed, 1000)).size, 1000);
});

test("keyedRandom32 takes a whole seed and nothing less", () => {
  throws(() => keyedRandom32(new Uint8Array(SEED_LENGTH - 1)), InvariantError);
});
