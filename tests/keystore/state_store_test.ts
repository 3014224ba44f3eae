/**
 * Keys in statefsd: which of its values are keys, and what its refusals mean.
 *
 * @module
 */

import { stateKeyStore } from "@services/keystored/keys/state_key_store.ts";
import { deepEqual, equal } from "../fakes/assert.ts";
import { type KeptState, keptState } from "../fakes/kept_state.ts";
import { keystoreOn, wishFor } from "../fakes/keystore.ts";
import { test } from "../fakes/test.ts";

const PLACE = { app: "mail", purpose: "k" };
const KEY = { app: "mail", key: "k" } as const;
const ROOT = "/state/keystore/";
const NOTHING = new Uint8Array(0);

test("stateKeyStore lists keys and marks, and takes no other value for one", async () => {
  const others = [
    "device.signing",
    "device.public",
    "mail/k",
    "mail/k/other",
    "mail/k/key/more",
    "Mail/k/key",
    "mail/K/key",
    "mail//key",
    `${"a".repeat(49)}/k/key`,
    `mail/${"p".repeat(33)}/key`,
  ].map((name) => ROOT + name);
  const own = [`${ROOT}mail/k/key`, `${ROOT}mail/k/destroy`, `${ROOT}calendar/k.x/key`];
  const values = new Map(
    [...others, ...own, "/state/app/mail/k/key"].map((name) => [name, NOTHING]),
  );
  const listed = await stateKeyStore(keptState(values)).list();
  deepEqual(listed, {
    places: [{ app: "calendar", purpose: "k.x" }, PLACE],
    marked: [PLACE],
  });
});

test("stateKeyStore reads every page of names", async () => {
  const names = Array.from({ length: 700 }, (_, index) => `${ROOT}mail/k${index}/key`);
  const listed = await stateKeyStore(keptState(new Map(names.map((name) => [name, NOTHING]))))
    .list();
  equal(listed?.places.length, 700);
  const broken: KeptState = {
    ...keptState(),
    listAfter: () => Promise.resolve({ status: "gone" }),
  };
  equal(await stateKeyStore(broken).list(), undefined);
});

test("stateKeyStore knows no key where there is none, and nothing where statefsd does not tell", async () => {
  deepEqual(await stateKeyStore(keptState()).get(PLACE), { status: "not_found" });
  for (const status of ["denied", "io_error", "no_reply", "gone"] as const) {
    const state: KeptState = { ...keptState(), get: () => Promise.resolve({ status }) };
    deepEqual(await stateKeyStore(state).get(PLACE), { status: "unavailable" });
  }
  for (const status of ["integrity", "rollback"] as const) {
    const state: KeptState = { ...keptState(), get: () => Promise.resolve({ status }) };
    deepEqual(await stateKeyStore(state).get(PLACE), { status: "damaged" });
  }
  for (const status of ["denied", "io_error", "no_space", "no_reply", "gone"] as const) {
    const state: KeptState = { ...keptState(), put: () => Promise.resolve({ status }) };
    deepEqual(await stateKeyStore(state).put(PLACE, NOTHING), { status: "unavailable" });
    deepEqual(await stateKeyStore(state).mark(PLACE), { status: "unavailable" });
  }
});

test("what statefsd has no room for is told with both numbers, and the key stays as it was", async () => {
  const values = new Map<string, Uint8Array>();
  const excess = { status: "quota_exceeded", used: 70n, limit: 80n } as const;
  let full = false;
  const kept = keptState(values);
  const state: KeptState = {
    ...kept,
    put: (request) => full ? Promise.resolve(excess) : kept.put(request),
  };
  const { client, ring } = await keystoreOn({ store: stateKeyStore(state) });
  await client.create(wishFor("k", "ed25519"));
  const before = new Map(values);
  full = true;
  const told = { status: "EDQUOTA", used: 70n, limit: 80n };
  deepEqual(await client.rotate(KEY), told);
  deepEqual(await client.destroy({ ...KEY, waitMs: 1_000n }), told);
  deepEqual(await client.create(wishFor("other", "ed25519")), told);
  deepEqual(await client.get({ app: "mail", key: "other" }), { status: "ENOENT" });
  equal(ring.names.count, 1);
  deepEqual(values, before);
  equal((await client.sign({ ...KEY, message: NOTHING })).status, "ok");
  full = false;
  equal((await client.rotate(KEY)).status, "ok");
});
