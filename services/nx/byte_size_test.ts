import { InvalidArgumentError } from "commander";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { bytesOption, parseBytes } from "./byte_size.ts";

test("parseBytes reads bytes and the three units, and nothing that a number cannot hold", () => {
  const sizes = ["0", "65536", "64KiB", "1MiB", "4GiB", "8388607GiB"].map(parseBytes);
  deepEqual(sizes, [0, 65_536, 65_536, 1 << 20, 2 ** 32, 8_388_607 * 2 ** 30]);
  equal(parseBytes("9007199254740991"), Number.MAX_SAFE_INTEGER);
  for (
    const text of ["", "KiB", "-1", "1.5MiB", "1 KiB", "1kib", "1TiB", "0x10", "9007199254740992"]
  ) equal(parseBytes(text), undefined, text);
  equal(parseBytes("8388608GiB"), undefined);
  throws(() => bytesOption("much"), InvalidArgumentError);
});
