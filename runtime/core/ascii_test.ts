import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { ASCII_LENGTH_MAX, isAscii, readAscii, writeAscii } from "./ascii.ts";

const UTF8 = new TextEncoder();
const ALL = String.fromCharCode(...Array.from({ length: 0x80 }, (_, code) => code));

test("readAscii gives back what writeAscii wrote, every letter, again and again", () => {
  const texts = [...ALL, "", "identity.key.sign", "a".repeat(ASCII_LENGTH_MAX)];
  for (let round = 0; round < 3; round++) {
    for (const text of texts) {
      const bytes = new Uint8Array(text.length + 2).fill(0x7f);
      equal(isAscii(text), true);
      writeAscii(text, bytes, 1);
      equal(readAscii(bytes, 1, text.length), text);
    }
  }
});

test("readAscii tells texts of one hash apart", () => {
  // 31 * 65 + 98 = 31 * 66 + 67.
  for (const text of ["Ab", "BC", "Ab", "Abab", "BCBC", "AbBC", "BCAb"]) {
    equal(readAscii(UTF8.encode(text), 0, text.length), text);
  }
});

test("readAscii tells thousands of texts apart", () => {
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 5000; index++) {
      const text = `name-${index}`;
      equal(readAscii(UTF8.encode(text), 0, text.length), text);
    }
  }
});

test("readAscii and isAscii leave other letters and long texts to the platform", () => {
  equal(readAscii(Uint8Array.of(0x61, 0x80), 0, 2), undefined);
  equal(readAscii(new Uint8Array(65).fill(0x61), 0, 65), undefined);
  equal(readAscii(Uint8Array.of(0x61), 0, 2), undefined);
  equal(isAscii("a\u0080"), false);
  equal(isAscii("a".repeat(65)), false);
});
