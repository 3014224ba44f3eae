import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

import { DerKey, IMPORTED_COUNT_MAX, PublicKeys } from "./der.ts";

/** Any 32 bytes are a public key of X25519. */
function publicKey(seed: number): Uint8Array {
  return new Uint8Array(32).fill(seed);
}

test("PublicKeys imports a key once and knows it by its bytes", () => {
  const keys = new PublicKeys(DerKey.x25519Public);
  const seeds = Array.from({ length: IMPORTED_COUNT_MAX }, (_, index) => index + 1);
  const imported = seeds.map((seed) => keys.get(publicKey(seed)));
  equal(new Set(imported).size, IMPORTED_COUNT_MAX);
  deepEqual(
    seeds.map((seed) => keys.get(publicKey(seed)) === imported[seed - 1]),
    seeds.map(() => true),
  );
  for (const key of imported) equal(key.asymmetricKeyType, "x25519");
});

test("PublicKeys forgets the key that was used longest ago", () => {
  const keys = new PublicKeys(DerKey.x25519Public);
  const [first, second] = [keys.get(publicKey(1)), keys.get(publicKey(2))];
  for (let seed = 3; seed <= IMPORTED_COUNT_MAX; seed++) keys.get(publicKey(seed));
  equal(keys.get(publicKey(1)), first);
  keys.get(publicKey(100));
  equal(keys.get(publicKey(1)), first);
  equal(keys.get(publicKey(2)) === second, false);
});

test("PublicKeys keeps its own copy of a key", () => {
  const keys = new PublicKeys(DerKey.x25519Public);
  const bytes = publicKey(1);
  const first = keys.get(bytes);
  bytes.fill(2);
  equal(keys.get(bytes) === first, false);
  equal(keys.get(publicKey(1)), first);
  const spki = keys.get(bytes).export({ format: "der", type: "spki" });
  deepEqual(new Uint8Array(spki.subarray(-32)), publicKey(2));
});
