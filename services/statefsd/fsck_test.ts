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
import { checkImage } from "./fsck.ts";
import { encodeRecord } from "./record.ts";

const A = "/state/app/a";

/** A small image: three values, one of them old, one deleted; and what it holds. */
async function smallImage(): Promise<Uint8Array> {
  const { disk, store } = await storeOn(await formattedImage(9));
  equal(await store.put(A, bytesOf("old"), ABOUT), "ok");
  equal(await store.put("/state/boot/b", bytesOf("slot"), ABOUT), "ok");
  equal(await store.put(A, bytesOf("new"), ABOUT), "ok");
  equal(await store.put("/state/app/x", bytesOf("x"), ABOUT), "ok");
  equal(await store.delete("/state/app/x"), "ok");
  return disk.image;
}

test("each single bit of a small image, when flipped, is noticed or does no harm", async () => {
  const image = await smallImage();
  const { store: right } = await storeOn(image);
  const sequenceMin = right.stats.sequence;
  const { end } = await checkImage(image);
  // Every bit up to the block behind the log; of the zeros that follow, one in each 16 bytes.
  const every = (Math.ceil(end / 512) + 1) * 4096;
  for (let bit = 0; bit < image.length * 8; bit += bit < every ? 1 : 129) {
    const changed = image.slice();
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ 1 << (bit & 7);
    const { result } = await opened(changed, {}, { sequenceMin });
    if (result.status !== "ok") continue;
    equal(textAt(result.store, A), "=new", `bit ${bit}`);
    equal(textAt(result.store, "/state/boot/b"), "=slot", `bit ${bit}`);
    equal(textAt(result.store, "/state/app/x"), "not_found", `bit ${bit}`);
  }
});

test("a flipped bit is reported also without a counter outside the image", async () => {
  const image = await smallImage();
  const { end } = await checkImage(image);
  for (let bit = 512 * 8; bit < end * 8; bit++) {
    const changed = image.slice();
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ 1 << (bit & 7);
    const { exitCode, tail } = await checkImage(changed);
    ok(exitCode === 2 || tail === "torn", `bit ${bit}: ${exitCode} ${tail}`);
  }
});

test("test_reject_corrupted_journal: a damage with safe records behind it is not passed over", async () => {
  const image = await smallImage();
  const changed = image.slice();
  changed[512 + 300] = (changed[512 + 300] ?? 0) ^ 1;
  equal((await opened(changed)).result.status, "damaged");
  const { exitCode, tail, repair } = await checkImage(changed);
  deepEqual({ exitCode, tail, repair }, { exitCode: 2, tail: "damaged", repair: [] });
});

test("a truncated image is refused or reported, at each length", async () => {
  const image = await smallImage();
  for (let blocks = 0; blocks < image.length / 512; blocks++) {
    const cut = image.slice(0, blocks * 512);
    const { status } = (await opened(cut)).result;
    ok(status === "damaged" || status === "unsupported", `${blocks}: ${status}`);
    equal((await checkImage(cut)).exitCode, 2, `${blocks} blocks`);
  }
});

test("checkImage finds nothing in a clean image, and counts", async () => {
  const report = await checkImage(await smallImage(), recordKey());
  const { exitCode, layout, superblock, tail, orphans, opened: judged, repair, keys } = report;
  deepEqual(
    { exitCode, layout, superblock, tail, orphans, judged, repair, keys },
    {
      exitCode: 0,
      layout: "regions",
      superblock: "good",
      tail: "clean",
      orphans: [],
      judged: true,
      repair: [],
      keys: 4,
    },
  );
  equal((await checkImage(new Uint8Array(4096))).layout, "blank");
  equal((await checkImage(await smallImage(), recordKey(1))).exitCode, 2);
});

test("checkImage plans a repair that mends: orphans, a torn tail, block 0", async () => {
  const { disk, store } = await storeOn(await smallImage());
  const begun = await store.begin(1n);
  ok(begun.status === "ok");
  const image = disk.image;
  const { end } = await checkImage(image);
  image.set([0x46, 0x53, 0x58, 0x4e, 1], end);
  image.fill(0, 0, 20);
  const report = await checkImage(image);
  deepEqual([report.exitCode, report.tail, report.superblock], [1, "torn", "rebuilt"]);
  deepEqual(report.orphans, [begun.transaction]);
  for (const { block, bytes } of report.repair) image.set(bytes, block * 512);
  const mended = await checkImage(image);
  deepEqual([mended.exitCode, mended.tail, mended.superblock], [0, "clean", "good"]);
  equal(textAt((await storeOn(image)).store, A), "=new");
});

test("checkImage reads upstream's first layout, where each record was safe by itself", async () => {
  const image = new Uint8Array(64 * 512);
  const records = ["a", "b", "c"].map((text) =>
    encodeRecord({ op: "put", key: `/state/app/${text}`, value: bytesOf(text) })
  );
  let end = 0;
  for (const record of records) {
    image.set(record, end);
    end += record.length;
  }
  const report = await checkImage(image);
  deepEqual([report.exitCode, report.layout, report.keys, report.end], [0, "legacy", 3, end]);
  equal((await opened(image)).result.status, "unsupported");
  image[40] = (image[40] ?? 0) ^ 1;
  equal((await checkImage(image)).exitCode, 2);
});
