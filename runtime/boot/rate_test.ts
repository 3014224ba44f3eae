import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { Rate } from "./rate.ts";

const MS = 1e6;

test("Rate allows a burst, then so many in a second, and saves up no more than the burst", () => {
  let nowNs = 0;
  const rate = new Rate({ burst: 3, perSecond: 10 }, () => nowNs);
  const taken = () => {
    let count = 0;
    while (rate.take()) count += 1;
    return count;
  };
  equal(taken(), 3);
  nowNs = 99 * MS;
  equal(taken(), 0);
  nowNs = 200 * MS;
  equal(taken(), 2);
  nowNs = 60_000 * MS;
  equal(taken(), 3);
});
