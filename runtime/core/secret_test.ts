import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { assert, InvariantError, unreachable } from "./assert.ts";
import { concatBytes, equalBytes, equalSecretBytes } from "./bytes.ts";
import { fnv1a64 } from "./fnv.ts";
import { fromHex, toHex } from "./hex.ts";
import { Secret } from "./secret.ts";

const BYTES = Uint8Array.of(0xde, 0xad, 0xbe, 0xef);

test("Secret shows its length wherever text is made of it, and never its bytes", () => {
  const secret = new Secret(BYTES.slice());
  const inspect = Symbol.for("Deno.customInspect");
  const shown = [
    `${secret}`,
    JSON.stringify({ secret }),
    String(Reflect.get(secret, inspect)?.call(secret)),
  ];
  for (const text of shown) {
    ok(text.includes("Secret(4 bytes)"), text);
    ok(
      !/de|ad|be|ef|222|173|190|239/.test(text.replaceAll("Secret", "").replace("secret", "")),
      text,
    );
  }
  deepEqual(Object.keys(secret), []);
});

test("Secret.wipe overwrites the bytes it owns, and ends their use", () => {
  const bytes = BYTES.slice();
  const secret = new Secret(bytes);
  deepEqual(secret.use((held) => held.slice()), BYTES);
  secret.wipe();
  secret.wipe();
  deepEqual(bytes, new Uint8Array(4));
  equal(secret.wiped, true);
  throws(() => secret.use(() => 0), InvariantError);
});

test("fromHex and toHex are each other's inverse, and hex is digits in pairs", () => {
  equal(toHex(BYTES), "deadbeef");
  deepEqual(fromHex("DEADbeef"), BYTES);
  deepEqual(fromHex(""), new Uint8Array(0));
  for (const text of ["d", "zz", "de ad", "0x12", "de\n", "+1"]) {
    throws(() => fromHex(text), { code: "value_out_of_range" }, text);
  }
});

test("equalBytes and equalSecretBytes look at every byte and at the length", () => {
  for (const equals of [equalBytes, equalSecretBytes]) {
    equal(equals(BYTES, BYTES.slice()), true);
    equal(equals(new Uint8Array(0), new Uint8Array(0)), true);
    equal(equals(BYTES, BYTES.subarray(0, 3)), false);
    for (let index = 0; index < 4; index++) {
      const other = BYTES.slice();
      other[index] = (other[index] ?? 0) ^ 1;
      equal(equals(BYTES, other), false);
    }
  }
});

test("concatBytes joins copies", () => {
  const joined = concatBytes(BYTES, new Uint8Array(0), BYTES.subarray(1, 2));
  deepEqual(joined, Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0xad));
  deepEqual(concatBytes(), new Uint8Array(0));
});

/** Source: draft-eastlake-fnv, "Test vectors": FNV-1a 64 of "", "a" and "foobar". */
test("fnv1a64 gives the published values", () => {
  equal(fnv1a64(""), 0xcbf29ce484222325n);
  equal(fnv1a64("a"), 0xaf63dc4c8601ec8cn);
  equal(fnv1a64("foobar"), 0x85944171f73967e8n);
});

test("assert and unreachable state a claim", () => {
  assert(true, "holds");
  throws(() => assert(false, "one is two"), /Invariant broken: one is two/);
  throws(() => unreachable(undefined as never, "no such branch"), InvariantError);
});
