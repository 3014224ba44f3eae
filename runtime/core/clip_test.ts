import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { clipped } from "./clip.ts";

test("clipped keeps whole characters within so many bytes", () => {
  equal(clipped("abc", 3), "abc");
  equal(clipped("abcd", 3), "abc");
  equal(clipped("", 3), "");
  equal(clipped("\u00e4\u00e4", 3), "\u00e4");
  equal(clipped("a\u{1f600}", 4), "a");
  equal(clipped("a\u{1f600}", 5), "a\u{1f600}");
  equal(clipped("\u00e4".repeat(64), 64), "\u00e4".repeat(32));
});
