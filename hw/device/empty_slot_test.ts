import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { EMPTY_SLOT } from "./empty_slot.ts";

test("an empty slot identifies itself and is otherwise silent", () => {
  deepEqual([0, 4, 8, 0xc, 0x10, 0x34, 0x70, 0x100].map((offset) => EMPTY_SLOT.read(offset, 4)), [
    0x74726976,
    2,
    0,
    0x534f584e,
    0,
    0,
    0,
    0,
  ]);
  equal(EMPTY_SLOT.read(0, 1), 0);
  EMPTY_SLOT.write(0x70, 4, 1);
  equal(EMPTY_SLOT.read(0x70, 4), 0);
});
