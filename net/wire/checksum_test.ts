import { fromHex } from "@runtime/core/hex.ts";
import { equal } from "@tests/fakes/assert.ts";
import { dice } from "@tests/fakes/link.ts";
import { test } from "@tests/fakes/test.ts";
import { CHECKSUM_LENGTH_MAX, finishSum, sumOf } from "./checksum.ts";

/** The obvious way: 16-bit words from the front, end-around carry at once. */
function slowSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) {
    sum += (bytes[index] ?? 0) * 256 + (bytes[index + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Both forms of zero of ones' complement are the same number. */
function canonical(sum: number): number {
  return sum === 0xffff ? 0 : sum;
}

test("sumOf() gives the sum of RFC 1071's example", () => {
  const bytes = fromHex("0001f203f4f5f6f7");
  equal(sumOf(bytes, 0, bytes.length), 0xddf2);
  equal(finishSum(0xddf2), 0x220d);
});

test("sumOf() equals the slow sum at every alignment, length and kind of memory", () => {
  const numbers = dice(1);
  for (const buffer of [new ArrayBuffer(300), new SharedArrayBuffer(300)]) {
    const bytes = numbers.fill(new Uint8Array(buffer));
    for (let base = 0; base < 4; base++) {
      const view = new Uint8Array(buffer, base, 290);
      for (let start = 0; start < 5; start++) {
        for (let length = 0; length < 140; length++) {
          const slow = slowSum(bytes.slice(base + start, base + start + length));
          equal(canonical(sumOf(view, start, start + length)), canonical(slow));
        }
      }
    }
  }
});

test("sumOf() does not overflow at its longest run of ones", () => {
  const bytes = new Uint8Array(CHECKSUM_LENGTH_MAX).fill(0xff);
  for (let cut = 0; cut < 4; cut++) {
    bytes[cut] = 0xff;
    const slow = slowSum(bytes.slice(cut));
    equal(canonical(sumOf(bytes, cut, bytes.length)), canonical(slow));
  }
  bytes[60_000] = 0xfe;
  equal(canonical(sumOf(bytes, 0, bytes.length)), canonical(slowSum(bytes)));
});
