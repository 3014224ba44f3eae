import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { fromHex } from "./hex.ts";
import { Reader } from "./reader.ts";

test("Reader reads every kind of integer in its own order", () => {
  const hex = "f0 f2f1 f1f2 f4f3f2f1 f1f2f3f4 f8f7f6f5f4f3f2f1 f1f2f3f4f5f6f7f8";
  const reader = new Reader(fromHex(hex.replaceAll(" ", "")));
  equal(reader.u8(), 0xf0);
  equal(reader.u16(), 0xf1f2);
  equal(reader.u16Be(), 0xf1f2);
  equal(reader.u32(), 0xf1f2f3f4);
  equal(reader.u32Be(), 0xf1f2f3f4);
  equal(reader.u64(), 0xf1f2f3f4f5f6f7f8n);
  equal(reader.u64Be(), 0xf1f2f3f4f5f6f7f8n);
  reader.end();
});

test("Reader.u64 is exact on both sides of 2^53", () => {
  for (const value of ["001fffffffffffff", "0020000000000001", "8000000000000001"]) {
    equal(new Reader(fromHex(value)).u64Be(), BigInt(`0x${value}`));
  }
});

test("Reader ends at the end of a view, not at that of its buffer", () => {
  const frame = fromHex("0102030405060708").subarray(2, 5);
  equal(new Reader(frame).u16(), 0x0403);
  for (const run of ["u32", "u32Be", "u64", "u64Be"] as const) {
    throws(() => new Reader(frame)[run](), { name: "WireError", code: "truncated", offset: 0 });
  }
  const reader = new Reader(frame);
  reader.u16();
  throws(() => reader.u16Be(), { name: "WireError", code: "truncated", offset: 2 });
  deepEqual(reader.rest(1), Uint8Array.of(5));
});

test("Reader.text reads UTF-8 of every length, and names where bad text starts", () => {
  for (const length of [0, 1, 47, 48, 49, 200]) {
    const text = "a".repeat(length);
    equal(new Reader(new TextEncoder().encode(text)).text(length), text);
  }
  const mixed = new TextEncoder().encode("\ufeffgr\u00fc\u00df \u{1f600}");
  equal(new Reader(mixed).text(mixed.length), "\ufeffgr\u00fc\u00df \u{1f600}");
  const reader = new Reader(fromHex("61" + "6180"));
  reader.u8();
  throws(() => reader.text(2), { name: "WireError", code: "not_utf8", offset: 1 });
});
