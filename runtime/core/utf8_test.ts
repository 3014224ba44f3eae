import fc from "fast-check";
import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { utf8Length } from "./utf8.ts";

const UTF8 = new TextEncoder();

test("utf8Length is the platform's length, at every border of it", () => {
  const borders = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff];
  const texts = borders.map((point) => String.fromCodePoint(point));
  for (const text of ["", ...texts, texts.join("")]) {
    equal(utf8Length(text), UTF8.encode(text).length);
  }
});

test("utf8Length counts lone surrogates as the platform replaces them", () => {
  for (
    const text of [
      "\ud800",
      "\udc00",
      "\ud800a",
      "a\udfff\ud800",
      "\ud800\ud800\udc00",
      "\udc00\ud800",
    ]
  ) {
    equal(utf8Length(text), UTF8.encode(text).length, JSON.stringify(text));
  }
});

test("utf8Length is the platform's length for any units", () => {
  const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 });
  fc.assert(fc.property(units, (codes) => {
    const text = String.fromCharCode(...codes);
    equal(utf8Length(text), UTF8.encode(text).length);
  }));
});
