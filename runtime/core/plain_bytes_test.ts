import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { isPlainBytes } from "./plain_bytes.ts";

class Below extends Uint8Array {}

test("isPlainBytes takes arrays of bytes, over whatever memory", () => {
  const grows = new ArrayBuffer(8, { maxByteLength: 16 });
  const all = [new Uint8Array(0), new Uint8Array(2_000).subarray(7, 9), new Uint8Array(grows)];
  for (const bytes of [...all, new Uint8Array(new SharedArrayBuffer(4))]) {
    equal(isPlainBytes(bytes), true);
  }
});

test("isPlainBytes refuses what could run code of its maker's, or lie about its length", () => {
  const lying = Object.defineProperty(new Uint8Array(4), "length", { get: () => 5 });
  const elsewhere = Object.defineProperty(new Uint8Array(4), "buffer", { value: {} });
  const liars = [
    ...[lying, elsewhere, new Below(4), new Proxy(new Uint8Array(4), {})],
    ...[Object.create(Uint8Array.prototype), new Float64Array(4), new Uint8ClampedArray(4)],
    ...[new ArrayBuffer(4), { length: 4 }, [1, 2], "four", 4, null, undefined],
  ];
  for (const liar of liars) equal(isPlainBytes(liar), false);
});
