import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { Secret } from "@runtime/core/secret.ts";
import { keyIdText } from "../client/key_id.ts";
import { HeldKey } from "./held_key.ts";
import { KeyIds, KeyNames } from "./key_names.ts";

test("KeyNames counts each key once, in order, and forgets what is not there", () => {
  const names = new KeyNames();
  for (const purpose of ["b", "a", "b"]) names.add({ app: "mail", purpose });
  names.add({ app: "calendar", purpose: "z" });
  deepEqual([names.count, names.countOf("mail"), names.countOf("none")], [3, 2, 0]);
  deepEqual(names.apps, ["calendar", "mail"]);
  deepEqual(names.placesOf("mail").map(({ purpose }) => purpose), ["a", "b"]);
  names.remove({ app: "calendar", purpose: "z" });
  names.remove({ app: "calendar", purpose: "z" });
  names.remove({ app: "none", purpose: "z" });
  deepEqual([names.count, names.apps], [2, ["mail"]]);
  equal(names.has({ app: "mail", purpose: "a" }), true);
});

const PLACE = { app: "mail", purpose: "a" };

/** A key of so many versions. */
function keyOf(count: number): HeldKey {
  const versions = Array.from({ length: count }, (_, index) => ({
    version: index + 1,
    createdMs: 1n,
    publicKey: new Uint8Array(32).fill(index),
  }));
  const secrets = versions.map(() => new Secret(new Uint8Array(32).fill(1)));
  return HeldKey.of(PLACE, {
    facts: {
      ...{ state: "active", before: "active", algorithm: "hkdf-sha256", uses: 8, flags: 0 },
      ...{ createdMs: 1n, changedMs: 1n, expiresMs: 0n, destroyMs: 0n },
      ...{ usesMax: 0n, used: 0n, lastUsedMs: 0n, minSign: 1, minOpen: 1, minVerify: 1 },
      ...{ creator: "", label: "", versions },
    },
    secrets,
  });
}

test("KeyIds forgets ids of versions that a key has no more", () => {
  const ids = new KeyIds();
  const key = keyOf(3);
  const names = key.versions.map(({ keyId }) => keyIdText(keyId));
  ok(ids.fill("mail", [key], ids.begin("mail")));
  const known = () => names.map((name) => ids.placeOf("mail", name) !== undefined);
  deepEqual(known(), [true, true, true]);
  ids.note(key.withNewest(1));
  deepEqual(known(), [false, false, true]);
  ids.note(key.destroyed({}));
  deepEqual(known(), [false, false, false]);
  ids.note(key);
  ids.doubt(PLACE);
  deepEqual([known(), ids.filled("mail")], [[false, false, false], false]);
});
