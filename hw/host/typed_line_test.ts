import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { TypedLine } from "./typed_line.ts";

/** Types a text, and tells the line and how the last key ended it. */
function typed(text: string, lengthMax = 16) {
  const line = new TypedLine(lengthMax);
  const [end] = [...new TextEncoder().encode(text)].map((byte) => line.type(byte)).slice(-1);
  return { text: new TextDecoder().decode(line.line), end, tooLong: line.tooLong, line };
}

test("TypedLine ends at Enter, at Ctrl-D, and at the keys that interrupt", () => {
  deepEqual(["a\r", "a\n", "a\u0004", "a\u0003", "a\u001c", "a"].map((text) => typed(text).end), [
    "entered",
    "entered",
    "ended",
    "interrupted",
    "interrupted",
    "more",
  ]);
});

test("TypedLine takes back a character, however many bytes it has, and all", () => {
  equal(typed("ab\u007fc").text, "ac");
  equal(typed("ab\u0008c").text, "ac");
  equal(typed("a\u00fc\u{1f600}\u007f\u007fb").text, "ab");
  equal(typed("\u007f\u007fa").text, "a");
  equal(typed("abc\u0015d").text, "d");
});

test("TypedLine takes no key that is no character", () => {
  equal(typed("a\u0001\u001a\tb").text, "ab");
});

test("TypedLine holds so many bytes, says that there were more, and forgets it with them", () => {
  deepEqual([typed("12345678", 8).tooLong, typed("12345678", 8).text], [false, "12345678"]);
  deepEqual([typed("123456789", 8).tooLong, typed("123456789\r", 8).end], [true, "entered"]);
  deepEqual(typed("123456789\u0015ab", 8).tooLong, false);
});

test("TypedLine is overwritten when it is done with", () => {
  const { line } = typed("secret");
  line.wipe();
  deepEqual(line.line, new Uint8Array(0));
  for (const byte of [1, 2, 3]) line.read(byte);
  deepEqual([...line.line], [1, 2, 3], "a byte of a pipe is no key");
  equal(line.read(0x0a), "entered");
});
