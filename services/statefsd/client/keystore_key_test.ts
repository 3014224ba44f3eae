import { Secret } from "@runtime/core/secret.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { newKeystoreKey, unwrapKeystoreKey, wrapKeystoreKey } from "./keystore_key.ts";
import { WRAPPED_KEY_LENGTH } from "./state_facts.ts";

const key = (byte: number) => new Secret(new Uint8Array(32).fill(byte));
const bytesOf = (secret: Secret | undefined) => secret?.use((bytes) => bytes.slice());

test("keystored's key opens under the record key that wrapped it, and with no byte changed", () => {
  const wrapped = wrapKeystoreKey(key(1), key(2), new Uint8Array(24).fill(3));
  equal(wrapped.length, WRAPPED_KEY_LENGTH);
  deepEqual(bytesOf(unwrapKeystoreKey(wrapped, key(2))), new Uint8Array(32).fill(1));
  equal(unwrapKeystoreKey(wrapped, key(4)), undefined);
  for (let at = 0; at < wrapped.length; at++) {
    equal(unwrapKeystoreKey(wrapped.with(at, (wrapped[at] ?? 0) ^ 1), key(2)), undefined);
  }
});

test("newKeystoreKey draws another key each time", () => {
  let drawn = 0;
  const entropy = {
    fill(bytes: Uint8Array) {
      for (let at = 0; at < bytes.length; at++) bytes[at] = ++drawn & 0xff;
      return bytes.length;
    },
  };
  const [a, b] = [1, 2].map(() => newKeystoreKey(entropy, key(2), "/s"));
  ok(a !== undefined && b !== undefined);
  ok(bytesOf(unwrapKeystoreKey(a, key(2)))?.[0] !== bytesOf(unwrapKeystoreKey(b, key(2)))?.[0]);
});
