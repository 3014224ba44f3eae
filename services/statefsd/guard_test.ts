/**
 * One test for each guard that only a rare image or failure reaches.
 *
 * @module
 */

import { allZero } from "@runtime/core/bytes.ts";
import { equal, ok } from "@tests/fakes/assert.ts";
import { ABOUT, bytesOf, formattedImage, opened, storeOn, textAt } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { checkImage } from "./fsck.ts";
import { encodeRecord } from "./record.ts";
import { encodeSuperblock } from "./superblock.ts";
import { walkLog } from "./walk.ts";

const A = "/state/app/a";

test("openStore refuses an image that lost a block outside its regions", async () => {
  const image = await formattedImage(10);
  equal((await opened(image.slice(0, 9 * 512))).result.status, "damaged");
});

test("openStore cuts off a torn tail: the image is clean afterwards", async () => {
  const image = await formattedImage(65);
  const { end } = await checkImage(image);
  image.set([0x46, 0x53, 0x58, 0x4e, 1], end);
  image.fill(7, 1024, 1500);
  equal((await checkImage(image)).tail, "torn");
  const { disk } = await storeOn(image);
  equal((await checkImage(disk.image)).tail, "clean");
});

test("a value whose key was deleted in the same log does not come back, mark or no mark", async () => {
  const { disk, store } = await storeOn(await formattedImage(65));
  equal(await store.put(A, bytesOf("v"), ABOUT), "ok");
  const image = disk.image;
  const { records, end } = walkLog(image.subarray(512));
  const old = records.find((record) => record.op === "put" && record.key === A);
  ok(old !== undefined);
  const deleted = encodeRecord({ op: "delete", key: A });
  image.set(deleted, 512 + end);
  image.set(encodeRecord(old), 512 + end + deleted.length);
  equal(textAt((await storeOn(image)).store, A), "rollback");
});

test("a transaction id does not come again after a compaction and a restart", async () => {
  const { disk, store } = await storeOn(await formattedImage(65));
  const begun = await store.begin(1n);
  ok(begun.status === "ok");
  equal(await store.abort(begun.transaction, 1n), "ok");
  equal(await store.compact(), "ok");
  const next = await (await storeOn(disk.image)).store.begin(1n);
  ok(next.status === "ok" && next.transaction > begun.transaction);
});

test("an old value that sorts behind the mark is still good after a compaction", async () => {
  const { disk, store } = await storeOn(await formattedImage(65));
  equal(await store.put("/state/z", bytesOf("v"), ABOUT), "ok");
  equal(await store.put(A, bytesOf("v"), ABOUT), "ok");
  equal(await store.delete(A), "ok");
  equal(await store.compact(), "ok");
  equal(textAt((await storeOn(disk.image)).store, "/state/z"), "=v");
});

test("a failure before block 0 leaves the old log in use, one at block 0 ends all writing", async () => {
  const image = await formattedImage(65);
  for (let failAt = 1; failAt <= 5; failAt++) {
    const { disk, store } = await storeOn(image, { failAt });
    equal(await store.compact(), "io_error");
    equal(store.stats.failed, failAt >= 4, `operation ${failAt}`);
    equal(await store.put(A, bytesOf("v"), ABOUT), failAt >= 4 ? "io_error" : "ok");
    equal(textAt((await storeOn(disk.image)).store, A), failAt >= 4 ? "not_found" : "=v");
  }
});

test("a log that is full can still delete while a transaction keeps it from compacting", async () => {
  const { store } = await storeOn(await formattedImage(65));
  const begun = await store.begin(1n);
  ok(begun.status === "ok");
  while (await store.put(A, new Uint8Array(300), ABOUT) === "ok");
  equal(await store.put(A, bytesOf("v"), ABOUT), "no_space");
  equal(await store.delete(A), "ok");
  equal(await store.abort(begun.transaction, 1n), "ok");
  equal(await store.put(A, bytesOf("v"), ABOUT), "ok");
});

test("a superblock that names another generation than its region is not believed", async () => {
  const image = await formattedImage(65);
  image.set(encodeSuperblock({ active: "a", generation: 2, entries: 2 }));
  equal((await opened(image)).result.status, "damaged");
  image.set(encodeSuperblock({ active: "a", generation: 1, entries: 3 }));
  equal((await opened(image)).result.status, "damaged");
});

test("without block 0, a region that is no snapshot may have been the log", async () => {
  const image = await formattedImage(65);
  image.fill(0, 0, 512);
  equal((await opened(image)).result.status, "ok");
  image[33 * 512] = 1;
  equal((await opened(image)).result.status, "damaged");
});

test("a blank disk is not formatted where an image is expected", async () => {
  const blank = new Uint8Array(65 * 512);
  for (const expected of [{ sequenceMin: 1n }, { imageId: new Uint8Array(16) }]) {
    const { disk, result } = await opened(blank, {}, expected);
    equal(result.status, "rollback");
    ok(allZero(disk.image));
  }
});
