import { deepEqual, equal, notDeepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostEntropy } from "./entropy.ts";
import { seededEntropy } from "./entropy_seeded.ts";

const drawn = (seed: string, length: number) => {
  const bytes = new Uint8Array(length);
  equal(seededEntropy(seed).fill(bytes), length);
  return bytes;
};

/** Longest run of one byte. */
function longestRun(bytes: Uint8Array): number {
  let longest = 0;
  let run = 0;
  bytes.forEach((byte, index) => {
    run = byte === bytes[index - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}

test("hostEntropy fills shared memory past one chunk of the host", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(200_000));
  equal(hostEntropy().fill(bytes), bytes.length);
  for (let offset = 0; offset < bytes.length; offset += 10_000) {
    ok(bytes.subarray(offset, offset + 10_000).some((byte) => byte !== 0));
  }
});

test("hostEntropy gives nothing for an empty target", () => {
  equal(hostEntropy().fill(new Uint8Array(0)), 0);
});

test("seededEntropy gives the same bytes for the same seed, however they are asked for", () => {
  const whole = drawn("seed", 1000);
  const source = seededEntropy("seed");
  const parts = new Uint8Array(1000);
  for (const [from, to] of [[0, 1], [1, 8], [8, 500], [500, 1000]]) {
    source.fill(parts.subarray(from, to));
  }
  deepEqual(parts, whole);
});

test("seededEntropy gives other bytes for other seeds", () => {
  notDeepEqual(drawn("seed", 32), drawn("seee", 32));
  notDeepEqual(drawn("", 32), drawn("0", 32));
});

/* Cutoffs of SP 800-90B 4.4 for 8 bits per byte and alpha 2^-60, as rngd's: a run of 9, and in
   windows of 512 bytes 25 times the first one. */
test("seededEntropy passes repetition and adaptive proportion over a megabyte", () => {
  const bytes = drawn("health", 1 << 20);
  ok(longestRun(bytes) < 9);
  for (let start = 0; start < bytes.length; start += 512) {
    const first = bytes[start];
    ok(bytes.subarray(start, start + 512).filter((byte) => byte === first).length < 25);
  }
});

test("seededEntropy spreads evenly over the byte values", () => {
  const counts = new Array<number>(256).fill(0);
  for (const byte of drawn("spread", 1 << 20)) counts[byte] = (counts[byte] ?? 0) + 1;
  // 4096 expected; 400 is more than six standard deviations.
  for (const count of counts) ok(Math.abs(count - 4096) < 400);
});
