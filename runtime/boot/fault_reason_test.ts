import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { REASON_LENGTH_MAX, tellableReason } from "./fault_reason.ts";

test("tellableReason leaves a name as it is, and of anything else what is one short line", () => {
  equal(tellableReason("TypeError"), "TypeError");
  equal(tellableReason("x\ndaemon=keystored\r\0\u007f\u0085\u2028"), "x?daemon=keystored?????");
  equal(tellableReason("a\ud800b"), "a\ufffdb");
  for (const character of ["x", "\u00e4", "\u{1f600}"]) {
    const told = tellableReason(character.repeat(1_000));
    const bytes = new TextEncoder().encode(told).length;
    equal(bytes <= REASON_LENGTH_MAX && bytes > REASON_LENGTH_MAX - 4, true, character);
  }
});
