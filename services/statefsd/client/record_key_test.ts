import { WireError } from "@runtime/core/error.ts";
import { Secret } from "@runtime/core/secret.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { checkOf, decodeKeyFile, encodeKeyFile, passphraseOf } from "./record_key.ts";
import { StateFailure } from "./state_failure.ts";

const UTF8 = new TextEncoder();

test("passphraseOf takes the first line and overwrites what was read", () => {
  for (const [text, line] of [["12345678", "12345678"], ["123456 8\r\nx", "123456 8\r"]] as const) {
    const bytes = UTF8.encode(text);
    const secret = passphraseOf(bytes, "/p");
    deepEqual(secret.use((own) => new TextDecoder().decode(own)), line);
    ok(bytes.every((byte) => byte === 0));
  }
  for (const text of ["", "\n12345678", "1234567", "x".repeat(1025)]) {
    const bytes = UTF8.encode(text);
    throws(() => passphraseOf(bytes, "/p"), StateFailure);
    ok(bytes.every((byte) => byte === 0));
  }
});

test("a key file is read as it was written, with or without its line feed, and in no other form", () => {
  const key = new Secret(Uint8Array.from({ length: 32 }, (_, index) => index * 7));
  const file = encodeKeyFile(key);
  equal(file.at(-1), 0x0a);
  for (const form of [file, file.subarray(0, 64)]) {
    deepEqual(encodeKeyFile(decodeKeyFile(form)), file);
  }
  const changed = (at: number, byte: number) => file.map((old, index) => index === at ? byte : old);
  const bad = [file.subarray(0, 63), file.subarray(0, 62), changed(64, 0x30), changed(9, 0x47)];
  for (const form of bad) throws(() => decodeKeyFile(form), WireError);
});

test("checkOf tells keys apart and is no part of one", () => {
  const [one, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const [a, b] = [checkOf(new Secret(one)), checkOf(new Secret(other))];
  deepEqual([a.length, a.join() === b.join(), a.join() === one.subarray(16).join()], [
    16,
    false,
    false,
  ]);
});
