import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { test } from "@tests/fakes/test.ts";
import { HealthTests, PROPORTION_CUTOFF, PROPORTION_WINDOW, REPETITION_CUTOFF } from "./health.ts";

/** Bits of min-entropy that a byte is claimed to have. */
const ENTROPY_BITS = 8n;
/** The false-alarm bound is 2 to the minus this. */
const ALPHA_BITS = 60n;
const UTF8 = new TextEncoder();

/** Bytes of a healthy source: SHA-256 over a counter, so that a test repeats. */
function healthy(seed: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += 32) {
    bytes.set(sha256(UTF8.encode(`${seed}/${offset}`)).subarray(0, length - offset), offset);
  }
  return bytes;
}

/** Bytes until a test trips; `undefined` when `length` bytes pass. */
function trippedAfter(length: number, byteAt: (index: number) => number) {
  const health = new HealthTests();
  for (let index = 0; index < length; index++) {
    if (!health.judge(Uint8Array.of(byteAt(index)))) {
      return { bytes: health.judged, failure: health.failure };
    }
  }
  return undefined;
}

/** Most bytes that any of 24 seeded runs of a source takes. */
function worstOf(sourceOf: (noise: Uint8Array) => (index: number) => number): number {
  const length = 40_000;
  const runs = Array.from({ length: 24 }, (_, run) => {
    const noise = healthy(`run ${run}`, 2 * length);
    return trippedAfter(length, sourceOf(noise))?.bytes ?? Number.POSITIVE_INFINITY;
  });
  return Math.max(...runs);
}

function binomial(n: number, k: number): bigint {
  let value = 1n;
  for (let index = 1; index <= k; index++) value = value * BigInt(n - index + 1) / BigInt(index);
  return value;
}

/** P(X >= least) of X ~ Bin(n, 1/256), as a numerator over 256^n: exact. */
function tail(n: number, least: number): bigint {
  let sum = 0n;
  for (let k = least; k <= n; k++) sum += binomial(n, k) * 255n ** BigInt(n - k);
  return sum;
}

test("REPETITION_CUTOFF is 1 + the bound's bits over the entropy of a byte, rounded up", () => {
  equal(BigInt(REPETITION_CUTOFF), 1n + (ALPHA_BITS + ENTROPY_BITS - 1n) / ENTROPY_BITS);
});

test("PROPORTION_CUTOFF is one more than the critical value of the binomial, worked out exactly", () => {
  const whole = 256n ** BigInt(PROPORTION_WINDOW);
  const within = (value: number) => tail(PROPORTION_WINDOW, value + 1) * 2n ** ALPHA_BITS <= whole;
  let critical = 0;
  while (!within(critical)) critical += 1;
  equal(PROPORTION_CUTOFF, 1 + critical);
});

test("a healthy source is refused less than once in 10^9 GiB", () => {
  const bytes = 10n ** 9n * 2n ** 30n;
  // A run of the cutoff's length starts at a given byte with probability 256^-(cutoff - 1).
  const scale = 10n ** 6n;
  const repetitions = bytes * scale / 256n ** BigInt(REPETITION_CUTOFF - 1);
  // The window's first byte is counted itself: the others must match it cutoff - 1 times.
  const others = PROPORTION_WINDOW - 1;
  const windows = bytes / BigInt(PROPORTION_WINDOW);
  const proportions = windows * scale * tail(others, PROPORTION_CUTOFF - 1) /
    256n ** BigInt(others);
  ok(repetitions + proportions < scale, `${repetitions + proportions} per million`);
});

test("HealthTests passes four megabytes of a healthy source", () => {
  const health = new HealthTests();
  ok(health.judge(healthy("long", 4 << 20)));
  equal(health.failure, undefined);
});

test("HealthTests trips on a stuck or dead source within 9 bytes", () => {
  for (const stuck of [0, 0x5a, 0xff]) {
    deepEqual(trippedAfter(1_000, () => stuck), { bytes: 9, failure: "repetition" });
  }
});

test("HealthTests trips when a source gets stuck in the middle, 8 bytes later", () => {
  const before = healthy("before", 700);
  const last = before[699] ?? 0;
  const bytes = (index: number) => before[index] ?? last;
  deepEqual(trippedAfter(1_000, bytes), { bytes: 708, failure: "repetition" });
});

test("HealthTests trips on a short cycle: 49 bytes at period 2, 385 at period 16", () => {
  deepEqual(trippedAfter(1_000, (index) => index % 2), { bytes: 49, failure: "proportion" });
  deepEqual(trippedAfter(1_000, (index) => index % 16), { bytes: 385, failure: "proportion" });
});

test("HealthTests trips on biased sources within the bytes that the README states", () => {
  // One byte in two is zero; one in eight is; only four bits of a byte are alive.
  const half = worstOf((noise) => (index) =>
    (noise[2 * index] ?? 0) < 128 ? 0 : noise[2 * index + 1] ?? 0
  );
  const eighth = worstOf((noise) => (index) =>
    (noise[2 * index] ?? 0) < 32 ? 0 : noise[2 * index + 1] ?? 0
  );
  const nibble = worstOf((noise) => (index) => (noise[index] ?? 0) & 0x0f);
  ok(half <= 4_096, `half ${half}`);
  ok(eighth <= 32_768, `eighth ${eighth}`);
  ok(nibble <= 1_024, `nibble ${nibble}`);
});

test("HealthTests stays failed, and judges a byte at a time as well as many", () => {
  const health = new HealthTests();
  const bytes = Uint8Array.of(...healthy("head", 100), ...new Uint8Array(20), 1, 2, 3);
  equal(health.judge(bytes), false);
  equal(health.judge(healthy("later", 64)), false);
  equal(health.failure, "repetition");
  equal(trippedAfter(bytes.length, (index) => bytes[index] ?? 0)?.bytes, health.judged);
});

test("HealthTests refuses a buffer whose last byte trips a test", () => {
  const stuck = new HealthTests();
  equal(stuck.judge(new Uint8Array(REPETITION_CUTOFF)), false);
  deepEqual([stuck.failure, stuck.judged], ["repetition", REPETITION_CUTOFF]);
  const cycle = new HealthTests();
  const length = 2 * PROPORTION_CUTOFF - 1;
  equal(cycle.judge(Uint8Array.from({ length }, (_, index) => index % 2)), false);
  deepEqual([cycle.failure, cycle.judged], ["proportion", length]);
});

test("HealthTests counts across buffers, and refuses all that follow", () => {
  for (let head = 1; head < REPETITION_CUTOFF; head++) {
    const health = new HealthTests();
    equal(health.judge(new Uint8Array(head).fill(7)), true);
    equal(health.judge(new Uint8Array(REPETITION_CUTOFF - head).fill(7)), false);
    equal(health.judge(Uint8Array.of(8)), false);
    deepEqual([health.failure, health.judged], ["repetition", REPETITION_CUTOFF]);
  }
});
