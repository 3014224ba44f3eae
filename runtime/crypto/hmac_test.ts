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
