import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import {
  ABOUT,
  bytesOf,
  formattedImage,
  opened,
  recordKey,
  storeOn,
  textAt,
} from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { encodeRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { walkLog } from "./walk.ts";

const BLOCKS = 65;

/** The first names of a store. */
function listed(store: Store, countMax: number): readonly string[] {
  return store.list({ prefix: "/state/", after: "", countMax }, () => true);
}

test("Store lists page by page what is shown, and what came and went between two pages", async () => {
  const { store } = await storeOn(new Uint8Array(BLOCKS * 512));
  const put = (name: string) => store.put(`/state/${name}`, bytesOf(name), ABOUT);
  for (const name of ["b/2", "a", "b/10", "b", "c", "b/1", "ba"]) equal(await put(name), "ok");
  const names = (prefix: string, after: string, countMax: number, hidden = "none") =>
    store.list(
      { prefix: `/state/${prefix}`, after: after && `/state/${after}`, countMax },
      (path) => path !== `/state/${hidden}`,
    ).map((path) => path.slice("/state/".length));
  deepEqual(names("", "", 10), ["a", "b", "b/1", "b/10", "b/2", "ba", "c"]);
  deepEqual(names("b/", "", 2), ["b/1", "b/10"]);
  deepEqual(names("b/", "b/10", 2), ["b/2"]);
  deepEqual(names("b/", "b/2", 2), []);
  deepEqual(names("b", "a", 2), ["b", "b/1"]);
  deepEqual(names("b", "zzz", 2), []);
  deepEqual(names("", "", 2, "a"), ["b", "b/1"], "a page is as full as it can be");
  deepEqual(names("", "", 0), []);
  equal(await store.delete("/state/b/2"), "ok");
  deepEqual(names("b/", "", 5), ["b/1", "b/10"]);
  equal(await put("b/11"), "ok");
  deepEqual(names("b/", "b/10", 5), ["b/11"]);
  equal(await put("b/1"), "ok");
  deepEqual(names("b/", "", 5), ["b/1", "b/10", "b/11"]);
});

test("Store keeps values, deletes and lists over a restart", async () => {
  const { disk, store } = await storeOn(new Uint8Array(BLOCKS * 512));
  equal(await store.put("/state/app/a", bytesOf("one"), ABOUT), "ok");
  equal(await store.put("/state/boot/bootctl.v1", bytesOf("slot"), ABOUT), "ok");
  equal(await store.put("/state/app/b", bytesOf("two"), ABOUT), "ok");
  equal(await store.delete("/state/app/b"), "ok");
  equal(await store.delete("/state/app/b"), "not_found");
  const { store: again } = await storeOn(disk.image);
  deepEqual(listed(again, 10), ["/state/app/a", "/state/boot/bootctl.v1"]);
  deepEqual(listed(again, 1), ["/state/app/a"]);
  const value = again.get("/state/app/a");
  ok(value.status === "ok");
  deepEqual([value.subject, value.timestamp, textAt(again, "/state/app/a")], ["vfsd", 5n, "=one"]);
  equal(textAt(again, "/state/boot/bootctl.v1"), "=slot");
  equal(textAt(again, "/state/app/b"), "not_found");
});

test("Store flushes many puts of one turn together", async () => {
  const { disk, store } = await storeOn(await formattedImage(513));
  const before = disk.flushes;
  const puts = Array.from(
    { length: 100 },
    (_, index) => store.put(`/state/app/${index}`, bytesOf("v"), ABOUT),
  );
  deepEqual(new Set(await Promise.all(puts)), new Set(["ok"]));
  ok(disk.flushes - before <= 3, `${disk.flushes - before} flushes`);
  equal(store.stats.keys, 102);
});

test("Store shows a value when it is safe, not before", async () => {
  const { store } = await storeOn(await formattedImage(BLOCKS));
  const put = store.put("/state/app/a", bytesOf("v"), ABOUT);
  equal(textAt(store, "/state/app/a"), "not_found");
  await put;
  equal(textAt(store, "/state/app/a"), "=v");
});

test("Store takes no write after a failure, serves reads, and a reopen replays", async () => {
  const image = await formattedImage(BLOCKS);
  for (let failAt = 1; failAt < 4; failAt++) {
    const { disk, store } = await storeOn(image, { failAt });
    const large = new Uint8Array(600);
    equal(await store.put("/state/app/a", large, ABOUT), "io_error");
    equal(await store.put("/state/app/b", bytesOf("v"), ABOUT), "io_error");
    equal(await store.delete("/state/app/a"), "io_error");
    equal(await store.compact(), "io_error");
    equal(store.stats.failed, true);
    equal(textAt(store, "/state/app/a"), "not_found");
    const { store: again } = await storeOn(disk.image);
    equal(await again.put("/state/app/b", bytesOf("v"), ABOUT), "ok");
  }
});

test("Store counts no sequence that a write which failed or was refused was given", async () => {
  const image = await formattedImage(BLOCKS);
  const { disk, store } = await storeOn(image, { failAt: 1 });
  equal(await store.put("/state/app/a", new Uint8Array(600), ABOUT), "io_error");
  await storeOn(disk.image, {}, { sequenceMin: store.stats.sequence });
  const { disk: small, store: full } = await storeOn(image);
  equal(await full.put("/state/app/a", new Uint8Array(60_000), ABOUT), "no_space");
  await storeOn(small.image, {}, { sequenceMin: full.stats.sequence });
});

test("Store refuses what is no value: its reason says why", async () => {
  const { store } = await storeOn(await formattedImage(513));
  equal(await store.put("/other", bytesOf("v"), ABOUT), "invalid_key");
  equal(await store.put("/state/" + "k".repeat(256), bytesOf("v"), ABOUT), "key_too_long");
  equal(await store.put("/state/statefsd/seq.v1", bytesOf("v"), ABOUT), "access_denied");
  equal(await store.delete("/state/statefsd/image.v1"), "access_denied");
  const about = { ...ABOUT, subject: "s".repeat(65) };
  equal(await store.put("/state/app/a", bytesOf("v"), about), "malformed");
  const most = 65536 - 48 - 28 - 8;
  equal(await store.put("/state/app/a", new Uint8Array(most + 1), ABOUT), "value_too_large");
  equal(await store.put("/state/app/a", new Uint8Array(most), ABOUT), "ok");
});

test("Store that is full says so, reads, deletes, compacts and goes on", async () => {
  const { disk, store } = await storeOn(await formattedImage(41));
  const value = new Uint8Array(700);
  let count = 0;
  while (await store.put(`/state/app/${count}`, value, ABOUT) === "ok") count++;
  ok(count >= 6 && count < 20, `${count}`);
  equal(await store.put("/state/app/more", value, ABOUT), "no_space");
  equal(store.get("/state/app/0").status, "ok");
  for (let index = 0; index < count; index++) {
    equal(await store.delete(`/state/app/${index}`), "ok");
  }
  equal(await store.compact(), "ok");
  equal(await store.put("/state/app/more", value, ABOUT), "ok");
  const { store: again } = await storeOn(disk.image);
  deepEqual(listed(again, 10), ["/state/app/more"]);
});

test("Store on a disk whose host has no room refuses and keeps what it had", async () => {
  const image = await formattedImage(BLOCKS);
  const { disk, store } = await storeOn(image, { fullFrom: 4 });
  equal(await store.put("/state/app/a", bytesOf("a"), ABOUT), "ok");
  equal(await store.put("/state/app/b", new Uint8Array(2000), ABOUT), "no_space");
  equal(await store.put("/state/app/c", bytesOf("c"), ABOUT), "ok");
  const { store: again } = await storeOn(disk.image);
  deepEqual(listed(again, 10), ["/state/app/a", "/state/app/c"]);
});

test("Store compacts by itself, serves reads meanwhile, and goes on in the other region", async () => {
  const { disk, store } = await storeOn(await formattedImage(129));
  for (let index = 0; index < 60; index++) {
    const put = store.put("/state/app/a", new Uint8Array(400).fill(index), ABOUT);
    if (index > 0) equal(store.get("/state/app/a").status, "ok");
    equal(await put, "ok");
  }
  await store.sync();
  ok(store.stats.generation >= 2, `${store.stats.generation}`);
  const { store: again } = await storeOn(disk.image);
  deepEqual(again.get("/state/app/a"), store.get("/state/app/a"));
});

test("Store does not begin a generation that does not read back", async () => {
  let lies = false;
  const onRead = (block: number, bytes: Uint8Array) => {
    if (lies && block > 33) bytes[40] = (bytes[40] ?? 0) ^ 1;
  };
  const { disk, store } = await storeOn(await formattedImage(BLOCKS), { onRead });
  equal(await store.put("/state/app/a", bytesOf("v"), ABOUT), "ok");
  lies = true;
  equal(await store.compact(), "verify_failed");
  equal(await store.put("/state/app/b", bytesOf("w"), ABOUT), "ok");
  lies = false;
  const { store: again } = await storeOn(disk.image);
  equal(again.stats.generation, 1);
  deepEqual(listed(again, 10), ["/state/app/a", "/state/app/b"]);
  equal(await store.compact(), "ok");
  equal(store.stats.generation, 2);
});

test("transactions are whole, their owner's alone, and their ids never come again", async () => {
  const { disk, store } = await storeOn(await formattedImage(257));
  const begun = await store.begin(7n);
  ok(begun.status === "ok");
  const id = begun.transaction;
  equal(store.putChunk(id, 8n, { key: "/state/app/a", chunk: bytesOf("x") }), "not_found");
  equal(await store.commit(id, 8n, ABOUT), "not_found");
  equal(await store.abort(id, 8n), "not_found");
  equal(store.putChunk(id, 7n, { key: "/state/app/a", chunk: bytesOf("on") }), "ok");
  equal(store.putChunk(id, 7n, { key: "/state/app/a", chunk: bytesOf("e") }), "ok");
  equal(store.putChunk(id, 7n, { key: "/state/app/b", chunk: new Uint8Array(8192) }), "ok");
  equal(textAt(store, "/state/app/a"), "not_found");
  equal(await store.compact(), "no_space");
  equal(await store.commit(id, 7n, ABOUT), "ok");
  equal(textAt(store, "/state/app/a"), "=one");
  equal(await store.compact(), "ok");
  const left = await store.begin(7n);
  const { result } = await opened(disk.image);
  ok(result.status === "ok" && left.status === "ok");
  deepEqual([result.report.orphans, textAt(result.store, "/state/app/a")], [1, "=one"]);
  const next = await result.store.begin(7n);
  ok(next.status === "ok" && next.transaction > left.transaction && left.transaction > id);
  equal(await result.store.abort(next.transaction, 7n), "ok");
});

test("transactions have upstream's caps", async () => {
  const { store } = await storeOn(await formattedImage(2049));
  const ids: bigint[] = [];
  for (let count = 0; count < 8; count++) {
    const begun = await store.begin(1n);
    if (begun.status === "ok") ids.push(begun.transaction);
  }
  equal(ids.length, 8);
  equal((await store.begin(1n)).status, "transaction_limit");
  const [first = 0n, second = 0n, third = 0n] = ids;
  const chunk = new Uint8Array(8192);
  const add = (id: bigint, key: number) =>
    store.putChunk(id, 1n, { key: `/state/app/${key}`, chunk });
  equal(
    store.putChunk(first, 1n, { key: "/state/app/a", chunk: new Uint8Array(8193) }),
    "value_too_large",
  );
  for (let key = 0; key < 16; key++) equal(add(first, key), "ok");
  equal(add(first, 16), "transaction_limit");
  for (let key = 0; key < 16; key++) equal(add(second, key), "ok");
  equal(add(third, 0), "transaction_limit");
  equal(await store.abort(second, 1n), "ok");
  equal(add(third, 0), "ok");
  equal(await store.abort(first, 1n), "ok");
  for (let key = 1; key < 32; key++) {
    equal(store.putChunk(third, 1n, { key: `/state/app/${key}`, chunk: bytesOf("v") }), "ok");
  }
  const more = { key: "/state/app/more", chunk: bytesOf("v") };
  equal(store.putChunk(third, 1n, more), "transaction_limit");
  equal(await store.commit(third, 1n, ABOUT), "ok");
  equal(store.stats.keys, 34);
});

test("openStore refuses a foreign image, another key, an old image and a blank one", async () => {
  const { disk, store } = await storeOn(await formattedImage(BLOCKS));
  equal(await store.put("/state/app/a", bytesOf("v"), ABOUT), "ok");
  const old = disk.image;
  equal(await store.delete("/state/app/a"), "ok");
  const sequenceMin = store.stats.sequence;
  equal((await opened(old, {}, { recordKey: recordKey(8) })).result.status, "foreign");
  equal((await opened(old, {}, { imageId: new Uint8Array(16) })).result.status, "foreign");
  equal((await opened(old, {}, { sequenceMin })).result.status, "rollback");
  equal((await opened(disk.image, {}, { sequenceMin })).result.status, "ok");
  equal(
    (await opened(new Uint8Array(BLOCKS * 512), {}, { sequenceMin })).result.status,
    "rollback",
  );
  equal((await opened(new Uint8Array(8 * 512))).result.status, "unsupported");
});

test("openStore fails cleanly at each refused read, write and flush", async () => {
  for (let failAt = 0; failAt < 5; failAt++) {
    equal((await opened(new Uint8Array(BLOCKS * 512), { failAt })).result.status, "io_error");
  }
  const image = await formattedImage(BLOCKS);
  equal((await opened(image, { failAt: 0 })).result.status, "io_error");
  for (let failReadAt = 0; failReadAt < 2; failReadAt++) {
    equal((await opened(image, { failReadAt })).result.status, "io_error");
  }
  const none = { draw: () => Promise.resolve(undefined) };
  const blank = new Uint8Array(BLOCKS * 512);
  equal((await opened(blank, {}, { random: none })).result.status, "unavailable");
  const { store } = await storeOn(image, {}, { random: none });
  equal(await store.put("/state/app/a", bytesOf("v"), ABOUT), "unavailable");
});

/** Appends records to the log of an image, as one who has the disk but no key can. */
function forged(image: Uint8Array, records: readonly Uint8Array[]): Uint8Array {
  const changed = image.slice();
  let { end } = walkLog(image.subarray(512));
  for (const record of records) {
    changed.set(record, 512 + end);
    end += record.length;
  }
  return changed;
}

/** The stored bytes of a key's first PUT. */
function storedUnder(image: Uint8Array, key: string): Uint8Array {
  const { records } = walkLog(image.subarray(512));
  const record = records.find((found) => found.op === "put" && found.key === key);
  return record?.op === "put" ? record.value : new Uint8Array(0);
}

test("a value moved under another key, brought back or unsealed is named, not given out", async () => {
  const { disk, store } = await storeOn(await formattedImage(BLOCKS));
  const [a, b] = ["/state/app/a", "/state/app/b"];
  for (const text of ["one", "two"]) equal(await store.put(a, bytesOf(text), ABOUT), "ok");
  equal(await store.put(b, bytesOf("b"), ABOUT), "ok");
  equal(await store.delete(b), "ok");
  const [first, revoked] = [storedUnder(disk.image, a), storedUnder(disk.image, b)];
  const put = (key: string, value: Uint8Array) => encodeRecord({ op: "put", key, value });
  const after = async (...records: Uint8Array[]) =>
    (await storeOn(forged(disk.image, records))).store;
  equal(textAt(await after(put(b, first)), b), "integrity");
  equal(textAt(await after(put(a, first)), a), "rollback");
  equal(textAt(await after(put(b, revoked)), b), "rollback");
  equal(textAt(await after(put(a, bytesOf("raw"))), a), "integrity");
  const mended = await after(put(a, first));
  equal(await mended.put(a, bytesOf("new"), ABOUT), "ok");
  equal(textAt(mended, a), "=new");
});

test("a deleted key's value does not come back after a compaction", async () => {
  const { disk, store } = await storeOn(await formattedImage(BLOCKS));
  const key = "/state/app/z";
  equal(await store.put(key, bytesOf("v"), ABOUT), "ok");
  const revoked = storedUnder(disk.image, key);
  equal(await store.delete(key), "ok");
  for (let count = 0; count < 2; count++) equal(await store.compact(), "ok");
  const image = forged(disk.image, [encodeRecord({ op: "put", key, value: revoked })]);
  equal(textAt((await storeOn(image)).store, key), "rollback");
});
