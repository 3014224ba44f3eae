/**
 * Who may delete: whoever has the key, by a mark that says so. A DELETE by itself is nobody's word.
 *
 * @module
 */

import { concatBytes } from "@runtime/core/bytes.ts";
import { Writer } from "@runtime/core/writer.ts";
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
import { BLOCK_SIZE } from "./limits.ts";
import { IMAGE_ID_PATH, SEQUENCE_PATH } from "./path.ts";
import { encodeRecord, type StateRecord } from "./record.ts";
import { replay } from "./replay.ts";
import type { Store } from "./store.ts";
import { decodeSuperblock, regionOf } from "./superblock.ts";
import { Vault } from "./vault.ts";
import { walkLog } from "./walk.ts";

const BLOCKS = 65;
const [A, B, BOOT] = ["/state/app/a", "/state/app/b", "/state/boot/c"];
const SYNC: StateRecord = { op: "sync" };

async function imageWith(work: (store: Store) => Promise<void>): Promise<Uint8Array> {
  const { disk, store } = await storeOn(await formattedImage(BLOCKS));
  for (const key of [A, B, BOOT]) equal(await store.put(key, bytesOf(key), ABOUT), "ok");
  await work(store);
  return disk.image;
}

/** The records of the log in use. */
function recordsOf(image: Uint8Array): readonly StateRecord[] {
  const { active } = decodeSuperblock(image);
  const { firstBlock } = regionOf(active, BLOCKS);
  return walkLog(image.subarray(firstBlock * BLOCK_SIZE)).records;
}

/** The image with another log, whose checksums are right. */
function withRecords(image: Uint8Array, records: readonly StateRecord[]): Uint8Array {
  const { firstBlock, blockCount } = regionOf(decodeSuperblock(image).active, BLOCKS);
  const changed = image.slice();
  const start = firstBlock * BLOCK_SIZE;
  changed.fill(0, start, start + blockCount * BLOCK_SIZE);
  changed.set(concatBytes(...records.map(encodeRecord)), start);
  return changed;
}

function deletion(key: string): StateRecord {
  return { op: "delete", key };
}

function isMark(record: StateRecord | undefined): boolean {
  return record?.op === "put" && record.key === SEQUENCE_PATH;
}

/** Where the log deletes: its mark, and DELETE behind it. */
function pairOf(records: readonly StateRecord[], key: string): readonly [number, number] {
  const at = records.findIndex((record) => record.op === "delete" && record.key === key);
  ok(at > 0 && isMark(records[at - 1]), "the mark comes first");
  return [at - 1, at];
}

async function judged(image: Uint8Array) {
  const { exitCode, integrity, rollback, forgedDeletes } = await checkImage(image, recordKey());
  return { exitCode, integrity, rollback, forgedDeletes };
}

const FORGED = { exitCode: 2, integrity: 0, rollback: 0, forgedDeletes: 1 };
const CLEAN = { exitCode: 0, integrity: 0, rollback: 0, forgedDeletes: 0 };

test("a DELETE that nobody with the key made is named, and deletes nothing", async () => {
  const image = await imageWith(() => Promise.resolve());
  const garbage: StateRecord = { op: "put", key: B, value: bytesOf("x") };
  const behinds: readonly (readonly StateRecord[])[] = [[], [SYNC], [garbage, SYNC]];
  for (const key of [A, BOOT]) {
    for (const behind of behinds) {
      const forged = withRecords(image, [...recordsOf(image), deletion(key), ...behind]);
      const { store } = await storeOn(forged);
      equal(textAt(store, key), "integrity");
      const integrity: number = behind.includes(garbage) ? 1 : 0;
      deepEqual(await judged(forged), { ...FORGED, integrity });
    }
  }
});

test("a forged DELETE of the store's own values, or of none, is named and does no harm", async () => {
  const image = await imageWith(() => Promise.resolve());
  for (const key of [IMAGE_ID_PATH, SEQUENCE_PATH, "/state/app/none"]) {
    const forged = withRecords(image, [...recordsOf(image), deletion(key), SYNC]);
    equal(textAt((await storeOn(forged)).store, A), `=${A}`);
    deepEqual(await judged(forged), FORGED);
  }
});

test("a value that a forged DELETE hit stays refused over compactions, until it is written anew", async () => {
  const image = await imageWith(() => Promise.resolve());
  const forged = withRecords(image, [...recordsOf(image), deletion(A), SYNC]);
  const { disk, store } = await storeOn(forged);
  equal(await store.compact(), "ok");
  const { disk: next, store: again } = await storeOn(disk.image);
  equal(textAt(again, A), "integrity");
  equal(await again.put(A, bytesOf("new"), ABOUT), "ok");
  equal(textAt((await storeOn(next.image)).store, A), "=new");
});

test("what a mark deletes stays deleted without the DELETE behind it", async () => {
  const image = await imageWith(async (store) => equal(await store.delete(A), "ok"));
  const records = recordsOf(image);
  const [, at] = pairOf(records, A);
  const cut = withRecords(image, records.toSpliced(at, 1));
  equal(textAt((await storeOn(cut)).store, A), "not_found");
  deepEqual(await judged(cut), CLEAN);
});

test("a mark lets one DELETE pass, of its own key and right behind it", async () => {
  const image = await imageWith(async (store) => equal(await store.delete(A), "ok"));
  const records = recordsOf(image);
  const [mark, at] = pairOf(records, A);
  const forgeries = [
    records.with(at, deletion(B)),
    records.toSpliced(at + 1, 0, deletion(B)),
    records.toSpliced(at, 0, SYNC, deletion(B)),
    records.toSpliced(mark, 0, deletion(B)),
  ];
  for (const [index, forged] of forgeries.entries()) {
    const changed = withRecords(image, forged);
    equal(textAt((await storeOn(changed)).store, B), "integrity", `${index}`);
    equal(textAt((await storeOn(changed)).store, A), "not_found", `${index}`);
  }
});

test("a DELETE behind anything but its mark is named, although its key is deleted", async () => {
  const image = await imageWith(async (store) => equal(await store.delete(A), "ok"));
  const records = recordsOf(image);
  const [, at] = pairOf(records, A);
  for (const forged of [records.toSpliced(at, 0, SYNC), records.toSpliced(at, 0, deletion(A))]) {
    deepEqual(await judged(withRecords(image, forged)), FORGED);
  }
});

test("a mark deletes no value that is newer than itself, wherever somebody puts it", async () => {
  const image = await imageWith(async (store) => {
    equal(await store.delete(A), "ok");
    equal(await store.put(A, bytesOf("newer"), ABOUT), "ok");
  });
  const records = recordsOf(image);
  const [mark, at] = pairOf(records, A);
  const pair = records.slice(mark, at + 1);
  const moved = withRecords(image, [...records.toSpliced(mark, 2), ...pair, SYNC]);
  equal(textAt((await storeOn(moved)).store, A), "integrity");
  const alone = withRecords(image, [...records.toSpliced(mark, 2), ...pair.slice(0, 1), SYNC]);
  equal(textAt((await storeOn(alone)).store, A), "=newer");
  const twice = withRecords(image, [...records, ...pair, SYNC]);
  equal((await opened(twice)).result.status, "rollback", "an older mark is an older image");
});

test("a snapshot's mark, newer than all before it, lets no DELETE pass in the log before it", async () => {
  const { disk, store } = await storeOn(await imageWith(() => Promise.resolve()));
  const before = recordsOf(disk.image);
  const old = disk.image;
  equal(await store.compact(), "ok");
  const mark = recordsOf(disk.image).find(isMark);
  ok(mark !== undefined);
  const forged = withRecords(old, [...before, deletion(A), mark, SYNC]);
  equal(textAt((await storeOn(forged)).store, A), "integrity");
});

test("Store deletes many in one batch, and whoever has no key reads the same names", async () => {
  const image = await imageWith(async (store) => {
    const gone = [A, BOOT].map((key) => store.delete(key));
    const put = store.put("/state/app/new", bytesOf("new"), ABOUT);
    deepEqual(await Promise.all([...gone, put]), ["ok", "ok", "ok"]);
  });
  const { store } = await storeOn(image);
  const names = store.list({ prefix: "", after: "", countMax: 10 }, () => true);
  deepEqual(names, [B, "/state/app/new"]);
  const keyless = [...replay(recordsOf(image)).values.paths()].sort();
  deepEqual(keyless, [B, "/state/app/new", IMAGE_ID_PATH, SEQUENCE_PATH]);
  deepEqual(await judged(image), CLEAN);
});

/** A mark as the first version wrote it, which did not say what it deletes. */
async function unsaidMark(image: Uint8Array, sequence: bigint): Promise<StateRecord> {
  const { imageId } = await checkImage(image);
  ok(imageId !== undefined);
  const payload = new Writer(16).u64(sequence).u64(0n).finish();
  const nonce = new Uint8Array(24).fill(Number(sequence));
  const envelope = { sequence, timestamp: 0n, subject: "", purpose: "", payload };
  const value = new Vault(recordKey(), imageId).store(SEQUENCE_PATH, envelope, nonce);
  return { op: "put", key: SEQUENCE_PATH, value };
}

test("a DELETE that a mark does not prove is proven by no later one", async () => {
  const image = await imageWith(async (store) => equal(await store.delete(B), "ok"));
  const records = recordsOf(image);
  const [mark, at] = pairOf(records, B);
  const said = records.slice(mark, at);
  const unsaid = await unsaidMark(image, 90n);
  const forged = withRecords(image, [
    ...records.slice(0, mark),
    deletion(A),
    ...said,
    unsaid,
    SYNC,
  ]);
  const { store } = await storeOn(forged);
  deepEqual([A, B].map((key) => textAt(store, key)), ["integrity", "not_found"]);
});

test("an image of the first version, whose marks do not say, opens as it was", async () => {
  const image = await imageWith(() => Promise.resolve());
  const records = recordsOf(image);
  const [mark, later] = [await unsaidMark(image, 90n), await unsaidMark(image, 91n)];
  const first = withRecords(image, [...records, deletion(A), mark, deletion(B), later, SYNC]);
  const { disk, store } = await storeOn(first);
  deepEqual([A, B, BOOT].map((key) => textAt(store, key)), ["not_found", "not_found", `=${BOOT}`]);
  deepEqual(await judged(first), CLEAN);
  equal(await store.compact(), "ok");
  deepEqual(await judged(disk.image), CLEAN);
  for (
    const forged of [
      [deletion(A), SYNC, mark],
      [deletion(A), deletion(B), mark],
      [mark, deletion(A)],
    ]
  ) {
    const changed = withRecords(image, [...records, ...forged, SYNC]);
    equal(textAt((await storeOn(changed)).store, A), "integrity");
  }
});
