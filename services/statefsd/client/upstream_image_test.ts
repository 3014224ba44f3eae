import { allZero, concatBytes } from "@runtime/core/bytes.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import * as upstream from "@tests/fakes/upstream_image.ts";
import { INDEX_BYTES_MAX, KEYS_MAX, RECORDS_MAX } from "../limits.ts";
import { MemoryDisk } from "../memory_disk.ts";
import { encodeRecord } from "../record.ts";
import { readUpstream } from "./upstream_image.ts";

const SEED = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
const SALT = new Uint8Array(12).fill(3);
const DEVICE_KEY = "/state/keystore/device.signing";
const APP = "/state/app/a";
const { firstLayout, put, record, secondLayout, transaction, OP } = upstream;

const sealedApp = put(
  APP,
  upstream.sealed(APP, "x", {
    key: upstream.derivedKey(SEED, "statefs.record.v1.app"),
    salt: SALT,
    id: 1,
  }),
);
const saltMark = put("/state/statefsd/enc.v1", upstream.saltMark(SALT));

async function read(...records: readonly Uint8Array[]) {
  const image = await readUpstream(new MemoryDisk(firstLayout(64, ...records)));
  ok(image.status === "ok", image.status);
  return image;
}

/** What is left out beside the salt and the device key. */
async function leftOut(...records: readonly Uint8Array[]) {
  const own = ["/state/statefsd/enc.v1", DEVICE_KEY];
  return (await read(...records)).leftOut.filter(({ path }) => !own.includes(path));
}

test("readUpstream takes no raw value where a MAC must be", async () => {
  const path = "/state/selftest/secure/raw";
  deepEqual(await leftOut(put(path, "raw")), [{ path, reason: "no_mac" }]);
});

test("readUpstream uses no seed of another length, and no salt with another checksum", async () => {
  equal((await read(put(DEVICE_KEY, SEED), saltMark, sealedApp)).values.length, 1);
  for (const seed of [SEED.slice(1), upstream.envelope({ sequence: 1, payload: SEED }).slice(1)]) {
    const left = await leftOut(put(DEVICE_KEY, seed), saltMark, sealedApp);
    deepEqual(left, [{ path: APP, reason: "no_device_key" }]);
  }
  for (let at = 0; at < 21; at++) {
    const mark = upstream.saltMark(SALT);
    mark[at] = (mark[at] ?? 0) ^ 1;
    const left = await leftOut(
      put(DEVICE_KEY, SEED),
      put("/state/statefsd/enc.v1", mark),
      sealedApp,
    );
    deepEqual(left, [{ path: APP, reason: "no_salt" }], `byte ${at}`);
  }
});

test("readUpstream leaves a node's own paths where they are", async () => {
  const path = "/state/keystore/device.public";
  deepEqual(await leftOut(put(path, "x")), [{ path, reason: "own" }]);
});

test("readUpstream counts a transaction that begins twice, and takes the second", async () => {
  const half = transaction(1, { "/state/a": "half" }, false);
  const { values, orphans, ignored } = await read(half, transaction(1, { "/state/b": "whole" }));
  deepEqual([values.map(({ path }) => path), orphans, ignored], [["/state/b"], 0, 1]);
});

test("readUpstream begins anew behind a checkpoint, with transactions as well", async () => {
  const checkpoint = record(OP.checkpoint, "", concatBytes(upstream.le(4, 1), upstream.le(4, 0)));
  const open = transaction(1, { "/state/b": "b" }, false);
  const { values, orphans } = await read(
    put("/state/a", "a"),
    open,
    checkpoint,
    put("/state/c", "c"),
  );
  deepEqual([values.map(({ path }) => path), orphans], [["/state/c"], 0]);
});

test("readUpstream finds the region that is the log where block 0 was lost", async () => {
  const image = secondLayout(64, { active: "b", snapshot: [put("/state/a", "a")], rest: [] });
  image.fill(0, 0, 512);
  const found = await readUpstream(new MemoryDisk(image));
  ok(found.status === "ok");
  deepEqual(found.values.map(({ path }) => path), ["/state/a"]);
});

test("readUpstream finds no log on a disk without a block, or with one of a superblock alone", async () => {
  equal((await readUpstream(new MemoryDisk(new Uint8Array(0)))).status, "damaged");
  const image = secondLayout(64, { active: "a", snapshot: [], rest: [] }).slice(0, 512);
  equal((await readUpstream(new MemoryDisk(image))).status, "damaged");
});

test("readUpstream overwrites what it read, whether it takes it or not", async () => {
  for (const own of [false, true]) {
    const more = own ? [put("/state/statefsd/image.v1", "NXID")] : [];
    const disk = new MemoryDisk(
      firstLayout(64, put(DEVICE_KEY, SEED), put("/state/a", "a"), ...more),
    );
    const seen: Uint8Array[] = [];
    const fill = disk.read.bind(disk);
    disk.read = (block, into) => {
      seen.push(into);
      return fill(block, into);
    };
    const image = await readUpstream(disk);
    equal(image.status, own ? "ours" : "ok");
    if (image.status === "ok") image.wipe();
    // The first block is read by itself too, to find out what it is.
    for (const bytes of seen.slice(1)) ok(allZero(bytes));
    ok(seen.length > 1);
  }
});

test("readUpstream refuses more names, bytes and records than it reads", async () => {
  const statusOf = async (bytes: Uint8Array) => {
    const image = new Uint8Array(Math.ceil(bytes.length / 512 + 2) * 512);
    image.set(bytes);
    return (await readUpstream(new MemoryDisk(image))).status;
  };
  const puts = (count: number, value: Uint8Array) =>
    concatBytes(
      ...Array.from(
        { length: count },
        (_, index) => encodeRecord({ op: "put", key: `/state/${index}`, value }),
      ),
    );
  equal(await statusOf(puts(KEYS_MAX, new Uint8Array(0))), "ok");
  equal(await statusOf(puts(KEYS_MAX + 1, new Uint8Array(0))), "too_large");
  const value = new Uint8Array(65_000);
  equal(await statusOf(puts(Math.ceil(INDEX_BYTES_MAX / value.length), value)), "too_large");
  const sync = record(OP.sync);
  const many = new Uint8Array((RECORDS_MAX + 1) * sync.length);
  for (let at = 0; at < many.length; at += sync.length) many.set(sync, at);
  equal(await statusOf(many), "too_large");
});
