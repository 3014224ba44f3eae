import { concatBytes } from "@runtime/core/bytes.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import {
  ABOUT,
  bytesOf,
  formattedImage,
  opened,
  recordKey,
  risingRandom,
  storeOn,
} from "@tests/fakes/statefs.ts";
import { LossyDisk } from "@tests/fakes/lossy_disk.ts";
import { test } from "@tests/fakes/test.ts";
import { checkImage } from "./fsck.ts";
import { encodeImageId } from "./image_id.ts";
import { KEYS_MAX } from "./limits.ts";
import { IMAGE_ID_PATH } from "./path.ts";
import { encodeRecord } from "./record.ts";
import { type Rekeyed, rekeyed, type RekeyInput } from "./rekey.ts";
import { encodeSuperblock } from "./superblock.ts";
import type { Store } from "./store.ts";

const PATHS = ["/state/app/a", "/state/app/ä", "/state/boot/b", "/state/keystore/k"];

/** An image with values of every kind, a deleted one, and a transaction that nobody ended. */
async function oldImage() {
  const { disk, store } = await storeOn(await formattedImage(129));
  for (const [index, path] of PATHS.entries()) {
    const about = { subject: `s${index}`, purpose: `p${index}`, timestamp: BigInt(index) << 40n };
    equal(await store.put(path, bytesOf("x".repeat(700 * index)), about), "ok");
  }
  equal(await store.put("/state/app/gone", bytesOf("x"), ABOUT), "ok");
  equal(await store.delete("/state/app/gone"), "ok");
  const begun = await store.begin(1n);
  ok(begun.status === "ok");
  return { image: disk.image, store, transaction: begun.transaction };
}

async function rekey(image: Uint8Array, change: Partial<RekeyInput> = {}) {
  const { imageId } = await checkImage(image);
  ok(imageId !== undefined);
  return await rekeyed({
    ...{ disk: new LossyDisk(image), imageId, random: risingRandom(7) },
    ...{ recordKey: recordKey(), newKey: recordKey(1) },
    ...change,
  });
}

function written({ writes }: Rekeyed, blocks: number): Uint8Array {
  const image = new Uint8Array(blocks * 512);
  for (const { block, bytes } of writes) image.set(bytes, block * 512);
  return image;
}

function valuesOf(store: Store) {
  return PATHS.map((path) => store.get(path));
}

test("rekeyed gives an image with the same values and envelopes, under the new key alone", async () => {
  const { image, store, transaction } = await oldImage();
  const result = await rekey(image);
  ok(result.status === "ok");
  const next = written(result, 129);
  const report = await checkImage(next, recordKey(1));
  deepEqual([report.exitCode, report.tail, report.keys, report.repair], [0, "clean", 6, []]);
  deepEqual([report.imageId, result.keys], [result.imageId, 6]);
  equal((await opened(next)).result.status, "foreign");
  const { store: again } = await storeOn(next, {}, { recordKey: recordKey(1) });
  const values = valuesOf(again);
  deepEqual(values, valuesOf(store));
  ok(values.every(({ status }) => status === "ok"));
  equal(again.get("/state/app/gone").status, "not_found");
  ok(again.stats.sequence > store.stats.sequence && again.stats.sequence === result.sequence);
  ok(again.stats.generation > store.stats.generation);
  const begun = await again.begin(1n);
  ok(begun.status === "ok" && begun.transaction > transaction);
});

test("rekeyed draws a nonce for each value and keeps nothing sealed as it was", async () => {
  const { image } = await oldImage();
  const [one, two] = [await rekey(image), await rekey(image, { random: risingRandom(99) })];
  ok(one.status === "ok" && two.status === "ok");
  const text = (result: Rekeyed) => new TextDecoder("latin1").decode(result.writes[0]?.bytes);
  const seals = (whole: string) => new Set(whole.split("NXR2").slice(1).map((s) => s.slice(4, 28)));
  equal(seals(text(one)).size, 4);
  const old = new TextDecoder("latin1").decode(image);
  for (const seal of seals(text(one))) ok(!old.includes(seal) && !text(two).includes(seal));
});

test("rekeyed refuses what it cannot judge, and says why", async () => {
  const { image } = await oldImage();
  const status = async (change: Partial<RekeyInput>, of = image) =>
    (await rekey(of, change)).status;
  equal(await status({ recordKey: recordKey(3) }), "foreign");
  equal(await status({ imageId: new Uint8Array(16) }), "foreign");
  equal(await status({ disk: new LossyDisk(new Uint8Array(129 * 512)) }), "foreign");
  equal(await status({ disk: new LossyDisk(image, { failReadAt: 0 }) }), "io_error");
  equal(await status({ disk: new LossyDisk(image.slice(0, 127 * 512)) }), "damaged");
  const broken = image.slice();
  broken[512 + 300] = (broken[512 + 300] ?? 0) ^ 1;
  equal(await status({ disk: new LossyDisk(broken) }), "damaged");
  for (const good of [0, 1, 3]) {
    let draws = 0;
    const draw = (length: number) =>
      Promise.resolve(draws++ < good ? new Uint8Array(length) : undefined);
    equal(await status({ random: { draw } }), "unavailable");
  }
});

/** An image whose snapshot holds these records and the image's id. */
function imageWith(puts: readonly Uint8Array[], blockCount: number): Uint8Array {
  const value = encodeImageId({ imageId: new Uint8Array(16), blockCount });
  const named = encodeRecord({ op: "put", key: IMAGE_ID_PATH, value });
  const entries = puts.length + 1;
  const head = encodeRecord({ op: "checkpoint", generation: 1, entries });
  const image = new Uint8Array(blockCount * 512);
  image.set(encodeSuperblock({ active: "a", generation: 1, entries }));
  image.set(concatBytes(head, named, ...puts, encodeRecord({ op: "sync" })), 512);
  return image;
}

test("rekeyed refuses an image without a mark, one too full, and upstream's first layout", async () => {
  equal((await rekey(imageWith([], 9))).status, "damaged");
  const value = new Uint8Array(0);
  const puts = Array.from(
    { length: KEYS_MAX },
    (_, index) => encodeRecord({ op: "put", key: `/state/a/${index}`, value }),
  );
  const full = imageWith(puts, 2 * KEYS_MAX);
  equal((await rekey(full)).status, "unsupported");
  equal((await opened(full)).result.status, "unsupported");
  const long = Array.from(
    { length: 513 },
    (_, index) =>
      encodeRecord({ op: "put", key: `/state/a/${index}`, value: new Uint8Array(65_500) }),
  );
  const large = imageWith(long, 140_000);
  equal((await rekey(large)).status, "unsupported");
  equal((await opened(large)).result.status, "unsupported");
  const legacy = new Uint8Array(9 * 512);
  legacy.set(imageWith([], 9).subarray(512, 1024));
  const disk = new LossyDisk(legacy);
  equal((await rekey(legacy, { disk, imageId: new Uint8Array(16) })).status, "unsupported");
});

test("rekeyed makes no forged or older value good", async () => {
  const { disk, store } = await storeOn(await formattedImage(129));
  equal(await store.put("/state/boot/b", bytesOf("old"), ABOUT), "ok");
  const { end } = await checkImage(disk.image);
  equal(await store.put("/state/boot/b", bytesOf("new"), ABOUT), "ok");
  const image = disk.image;
  const first = (await checkImage(await formattedImage(129))).end;
  // The older record again, behind the newer one.
  const replayed = image.slice(first, end);
  image.set(replayed, (await checkImage(image)).end);
  equal((await checkImage(image, recordKey())).rollback, 1);
  equal((await rekey(image)).status, "refused");
});
