import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { BACKOFF_MAX_MS, BACKOFF_MIN_MS, backoffMs } from "./backoff.ts";

test("backoffMs doubles up to its bound and stays there", () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 7, 60, 1e9].map((failures) => backoffMs(failures, 0));
  deepEqual(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
});

test("backoffMs stays between half a wait and a whole one, whatever is drawn", () => {
  for (let failures = 0; failures < 40; failures++) {
    for (const random of [0, 0.25, 0.5, 0.999999]) {
      const wait = backoffMs(failures, random);
      ok(wait >= BACKOFF_MIN_MS / 2 && wait <= BACKOFF_MAX_MS, `${failures} ${random}`);
    }
  }
});

test("backoffMs spreads nodes that lost one peer together", () => {
  equal(new Set([0, 0.2, 0.4, 0.6, 0.8].map((random) => backoffMs(5, random))).size, 5);
});
