import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { crc32c } from "./crc32c.ts";
import { fromHex } from "./hex.ts";

/** RFC 3720, appendix B.4, whose bytes of a sum are in the order in which they are sent. */
const EXAMPLES: readonly (readonly [string, Uint8Array, number])[] = [
  ["32 bytes of zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 bytes of ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["32 bytes that rise", Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ["32 bytes that fall", Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  [
    "an iSCSI read command",
    fromHex(
      "01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000",
    ),
    0xd9963a56,
  ],
];

for (const [what, bytes, sum] of EXAMPLES) {
  test(`crc32c equals RFC 3720 for ${what}`, () => equal(crc32c(bytes), sum));
}

test("crc32c of the digits is the check value, in one piece and in two", () => {
  const digits = new TextEncoder().encode("123456789");
  equal(crc32c(digits), 0xe3069283);
  for (let cut = 0; cut <= digits.length; cut++) {
    equal(crc32c(digits.subarray(cut), crc32c(digits.subarray(0, cut))), 0xe3069283);
  }
});
