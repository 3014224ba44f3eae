/**
 * Which key a name leads to, when a store fails meanwhile, and what waits for its end.
 *
 * @module
 */

import { keyIdText } from "@services/keystored/client/key_id.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { faultyKeyStore } from "../fakes/faulty_key_store.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  setClock,
  wishFor,
} from "../fakes/keystore.ts";
import { settle } from "../fakes/settle.ts";
import { test } from "../fakes/test.ts";
import { turnedStore, Turnstile } from "../fakes/turnstile.ts";

const KEY = { app: "mail", key: "k" } as const;

async function newestId({ client }: Keystore): Promise<string> {
  const told = await client.get(KEY);
  ok(told.status === "ok");
  return keyIdText(told.keyId);
}

function byId({ client }: Keystore, key: string) {
  return client.get({ app: "mail", key });
}

test("a version whose writing ended unknown is found by its id, also by who asked before", async () => {
  const store = faultyKeyStore(memoryKeyStore(), { at: 1, made: true, cut: false });
  const keystore = await keystoreOn({ store });
  await keystore.client.create(wishFor("k", "ed25519"));
  equal((await byId(keystore, await newestId(keystore))).status, "ok");
  equal((await keystore.client.rotate(KEY)).status, "unavailable");
  equal((await byId(keystore, await newestId(keystore))).status, "ok");
});

test("a version whose writing ended unknown while ids were read is found by its id", async () => {
  const memory = memoryKeys();
  const setup = await keystoreOn({ store: memoryKeyStore(memory) });
  for (const purpose of ["k", "z"]) await setup.client.create(wishFor(purpose, "ed25519"));
  const first = await newestId(setup);
  const turnstile = new Turnstile();
  const faulty = faultyKeyStore(memoryKeyStore(memory), { at: 0, made: true, cut: false });
  const keystore = await keystoreOn({ store: turnedStore(faulty, turnstile) });
  const named = byId(keystore, first);
  await settle();
  const rotated = keystore.client.rotate(KEY);
  // The key is read and rotated while the ids wait for the other.
  await turnstile.drain((count) => count - 1);
  deepEqual([(await named).status, (await rotated).status], ["ok", "unavailable"]);
  const second = newestId(keystore);
  await turnstile.drain(() => 0);
  const again = byId(keystore, await second);
  await turnstile.drain(() => 0);
  equal((await again).status, "ok");
});

test("a key that was not written after all counts for nothing once somebody looked", async () => {
  for (const look of ["use", "change"] as const) {
    const store = faultyKeyStore(memoryKeyStore(), { at: 0, made: false, cut: false });
    const { client, ring } = await keystoreOn({ store });
    equal((await client.create(wishFor("k", "ed25519"))).status, "unavailable");
    const looked = look === "use" ? await client.get(KEY) : await client.revoke(KEY);
    equal(looked.status, "ENOENT");
    deepEqual([ring.names.count, ring.names.countOf("mail"), ring.names.apps], [0, 0, []]);
  }
});

test("an id of an earlier life, or of a version that is gone, leads nowhere: not to the key", async () => {
  const clock = setClock();
  const memory = memoryKeys();
  const keystore = await keystoreOn({ store: memoryKeyStore(memory), clock });
  const { client } = keystore;
  await client.create(wishFor("k", "ed25519"));
  const ids = [await newestId(keystore)];
  equal((await byId(keystore, ids[0] ?? "")).status, "ok");
  await client.rotate(KEY);
  ids.push(await newestId(keystore));
  await client.trim({ ...KEY, keep: 1 });
  await client.destroy({ ...KEY, waitMs: 1_000n });
  clock.ms += 1_000;
  await client.create(wishFor("k", "ed25519"));
  const again = await keystoreOn({ store: memoryKeyStore(memory), clock });
  for (const { client } of [keystore, again]) {
    for (const key of ids) {
      const named = { app: "mail", key };
      equal((await client.get(named)).status, "ENOENT");
      equal((await client.sign({ ...named, message: new Uint8Array(1) })).status, "ENOENT");
      equal((await client.revoke(named)).status, "ENOENT");
    }
  }
  const told = await client.get(KEY);
  ok(told.status === "ok" && told.state === 0);
});

test("a mark without a key that waits for its end is taken away, and one that cannot be told is not", async () => {
  const memory = memoryKeys();
  const clock = setClock();
  const { client } = await keystoreOn({ store: memoryKeyStore(memory), clock });
  for (const purpose of ["k", "waits"]) await client.create(wishFor(purpose, "ed25519"));
  await client.destroy({ app: "mail", key: "waits", waitMs: 5_000n });
  memory.marks.add("/state/keystore/mail/k/key");
  memory.marks.add("/state/keystore/mail/none/key");
  memory.marks.add("/state/keystore/mail/broken/key");
  memory.records.set("/state/keystore/mail/broken/key", new Uint8Array(9));
  const { ring } = await keystoreOn({ store: memoryKeyStore(memory), clock });
  await ring.tend();
  deepEqual(
    [...memory.marks],
    ["waits", "broken"].map((name) => `/state/keystore/mail/${name}/key`),
  );
  clock.ms += 5_000;
  const before = memory.records.get("/state/keystore/mail/waits/key")?.length ?? 0;
  await ring.tend();
  deepEqual([...memory.marks], ["/state/keystore/mail/broken/key"]);
  // Nobody asked for the key: its secret of 32 bytes is gone all the same.
  equal(memory.records.get("/state/keystore/mail/waits/key")?.length, before - 32);
});

test("a list goes on behind a key, over applications, and knows nothing of keys that are not there", async () => {
  const memory = memoryKeys();
  const setup = await keystoreOn({ store: memoryKeyStore(memory) });
  const places = ["a/m", "a/z", "b/a", "b/m", "c/a"];
  for (const place of places) {
    const [app = "", purpose = ""] = place.split("/");
    await setup.client.create({ ...wishFor(purpose, "hkdf-sha256"), app });
  }
  const { client } = await keystoreOn({ store: memoryKeyStore(memory) });
  // It was listed, and is not there when it is read.
  memory.records.delete("/state/keystore/b/m/key");
  const listed = async (app: string, after: string, countMax: number) => {
    const page = await client.list({ app, after, countMax });
    ok(page.status === "ok", page.status);
    return [page.keys.map(({ app, purpose }) => `${app}/${purpose}`).join(" "), page.more];
  };
  deepEqual(await listed("", "", 9), ["a/m a/z b/a c/a", 0]);
  deepEqual(await listed("", "b/a", 9), ["c/a", 0]);
  deepEqual(await listed("", "a/m", 1), ["a/z", 1]);
  deepEqual(await listed("", "a/n", 9), ["a/z b/a c/a", 0]);
  deepEqual(await listed("b", "", 9), ["b/a", 0]);
  deepEqual(await listed("a", "a/z", 9), ["", 0]);
  deepEqual(await listed("none", "", 9), ["", 0]);
  equal((await client.list({ app: "", after: "c/a", countMax: 9 })).status, "ok");
});

test("a key that does not open keeps nobody from the others, and is told of", async () => {
  const memory = memoryKeys();
  const { client } = await keystoreOn({ store: memoryKeyStore(memory) });
  const made = await client.create(wishFor("good", "ed25519"));
  ok(made.status === "ok");
  await client.create(wishFor("bad", "ed25519"));
  memory.records.set("/state/keystore/mail/bad/key", new Uint8Array(3));
  const refused: string[] = [];
  const fresh = await keystoreOn({
    store: memoryKeyStore(memory),
    refused: ({ app, purpose }, why) => void refused.push(`${app}/${purpose} ${why}`),
  });
  const page = await fresh.client.list({ app: "mail", after: "", countMax: 9 });
  ok(page.status === "ok");
  deepEqual(page.keys.map(({ purpose }) => purpose), ["good"]);
  const byId = await fresh.client.get({ app: "mail", key: keyIdText(made.keyId) });
  equal(byId.status, "ok");
  equal((await fresh.client.get({ app: "mail", key: "bad" })).status, "damaged");
  deepEqual(new Set(refused), new Set(["mail/bad damaged"]));
});
