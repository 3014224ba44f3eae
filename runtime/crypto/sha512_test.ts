import { createHash } from "node:crypto";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { toHex } from "../core/hex.ts";
import { Sha512, sha512 } from "./sha512.ts";

const UTF8 = new TextEncoder();

test("sha512 equals the examples of FIPS 180", () => {
  equal(
    toHex(sha512(UTF8.encode("abc"))),
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  );
  equal(
    toHex(sha512(new Uint8Array(0))),
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" +
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
  );
});

test("Sha512 of pieces is that of the whole, as the platform has it", () => {
  const whole = Uint8Array.from({ length: 1_000 }, (_, index) => index * 11);
  const wanted = new Uint8Array(createHash("sha512").update(whole).digest());
  for (const size of [1, 127, 128, 129, 999, 1_000]) {
    const hash = new Sha512();
    for (let at = 0; at < whole.length; at += size) hash.update(whole.subarray(at, at + size));
    deepEqual(hash.digest(), wanted, String(size));
  }
});
