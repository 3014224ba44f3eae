import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { toHex } from "../core/hex.ts";
import { hmacSha256 } from "./hmac.ts";

test("hmacSha256 equals RFC 4231, test case 2, in one part and in two", () => {
  const [key, first, second] = ["Jefe", "what do ya want ", "for nothing?"]
    .map((text) => new TextEncoder().encode(text));
  const tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  const empty = new Uint8Array(0);
  equal(toHex(hmacSha256(key ?? empty, first ?? empty, second ?? empty)), tag);
  const whole = new TextEncoder().encode("what do ya want for nothing?");
  equal(toHex(hmacSha256(key ?? empty, whole)), tag);
});

test("hmacSha256 equals RFC 4231, test case 6, whose key is longer than a block", () => {
  const text = "Test Using Larger Than Block-Size Key - Hash Key First";
  equal(
    toHex(hmacSha256(new Uint8Array(131).fill(0xaa), new TextEncoder().encode(text))),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  );
});
