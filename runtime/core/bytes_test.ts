import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { indexOfBytes } from "./bytes.ts";

test("indexOfBytes finds the first place, also behind one that only begins so", () => {
  const whole = Uint8Array.of(1, 1, 2, 1, 2, 3, 1, 2, 3);
  const places = [[1, 2, 3], [1], [3, 1], [2, 3], [3, 4], [2, 3, 1, 2, 3, 1], []]
    .map((part) => indexOfBytes(whole, Uint8Array.from(part)));
  deepEqual(places, [3, 0, 5, 4, -1, -1, 0]);
});
