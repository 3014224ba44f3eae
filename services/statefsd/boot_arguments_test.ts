import { WireError } from "@runtime/core/error.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { stateArguments } from "./boot_arguments.ts";

const ID = "0102030405060708090a0b0c0d0e0f10";
const BYTES = Uint8Array.from({ length: 16 }, (_, at) => at + 1);

test("stateArguments reads what the boot says of the disk", () => {
  const sequenceMin = 2n ** 63n - 1n;
  const ids = { bootId: ID, deviceId: "ab", imageId: ID };
  const args = { persists: "yes", ...ids, sequenceMin: `${sequenceMin}` };
  deepEqual(stateArguments(args), {
    persists: true,
    bootId: BYTES,
    deviceId: "ab",
    imageId: BYTES,
    sequenceMin,
  });
});

test("stateArguments takes no word for a disk that forgets, of any image", () => {
  deepEqual(stateArguments({}), {
    persists: false,
    bootId: new Uint8Array(16),
    deviceId: undefined,
    imageId: undefined,
    sequenceMin: 0n,
  });
  for (const persists of ["", "no", "true", "YES"]) {
    equal(stateArguments({ persists }).persists, false, persists);
  }
});

test("stateArguments refuses ids and numbers that are none: a wrong one would open any image", () => {
  for (const id of ["0", "0g", ` ${ID}`]) {
    throws(() => stateArguments({ imageId: id }), WireError, id);
    throws(() => stateArguments({ bootId: id }), WireError, id);
  }
  throws(() => stateArguments({ sequenceMin: "many" }), SyntaxError);
});
