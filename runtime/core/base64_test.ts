import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from "./base64.ts";
import { WireError } from "./error.ts";

const UTF8 = new TextEncoder();

/** Source: RFC 4648, "Test Vectors". */
const VECTORS = [
  ["", ""],
  ["f", "Zg=="],
  ["fo", "Zm8="],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg=="],
  ["fooba", "Zm9vYmE="],
  ["foobar", "Zm9vYmFy"],
] as const;

test("toBase64 and fromBase64 equal the vectors of RFC 4648", () => {
  for (const [plain, text] of VECTORS) {
    equal(toBase64(UTF8.encode(plain)), text);
    deepEqual(fromBase64(text), UTF8.encode(plain));
  }
});

test("toBase64Url has the letters and the padding of RFC 7515", () => {
  // Source: RFC 7515, "Notes on Implementing base64url Encoding without Padding".
  const bytes = Uint8Array.of(3, 236, 255, 224, 193);
  equal(toBase64Url(bytes), "A-z_4ME");
  deepEqual(fromBase64Url("A-z_4ME"), bytes);
});

test("base64 of many bytes comes back", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index * 7);
  deepEqual(fromBase64(toBase64(bytes)), bytes);
  deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
});

test("fromBase64 takes no other text", () => {
  for (
    const text of ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Z-8=", "====", "Zg==Zg=="]
  ) {
    throws(() => fromBase64(text), WireError, text);
  }
  for (const text of ["A", "A+z_", "Zg==", "Zh", "Z "]) {
    throws(() => fromBase64Url(text), WireError, text);
  }
});
