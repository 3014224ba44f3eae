import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type DiskFaults, LossyDisk } from "@tests/fakes/lossy_disk.ts";
import { ABOUT, bytesOf, recordKey, risingRandom } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { LiveStore } from "./live_store.ts";
import { openStore } from "./open_store.ts";
import { NO_QUOTAS } from "./quota.ts";

const BLOCKS = 65;
const KEY = "/state/app/x";

async function live(faults: DiskFaults = {}, image = new Uint8Array(BLOCKS * 512)) {
  const disk = new LossyDisk(image, faults);
  let failures = 0;
  const ports = {
    ...{ disk, random: risingRandom(), recordKey: recordKey(), quotas: NO_QUOTAS },
    failed: () => void failures++,
  };
  const opened = await openStore(ports);
  ok(opened.status === "ok");
  return { disk, store: new LiveStore(ports, opened), failures: () => failures };
}

test("LiveStore that is opened anew reads on meanwhile, and lets writes wait", async () => {
  const { store } = await live();
  equal(await store.put(KEY, bytesOf("one"), ABOUT), "ok");
  const reopened = store.reopen();
  const second = store.put(KEY, bytesOf("two"), ABOUT);
  equal(store.get(KEY).status, "ok");
  deepEqual([await reopened, await second], ["ok", "ok"]);
  const found = store.get(KEY);
  deepEqual(found.status === "ok" && found.payload, bytesOf("two"));
  deepEqual(await Promise.all([store.reopen(), store.reopen()]), ["ok", "ok"]);
});

test("LiveStore tells once that the disk has failed, and writes again when it was opened anew", async () => {
  const before = await live();
  const { disk, store, failures } = await live({ failAt: before.disk.operations });
  equal(await store.put(KEY, bytesOf("one"), ABOUT), "io_error");
  equal(await store.put(KEY, bytesOf("one"), ABOUT), "io_error");
  deepEqual([failures(), store.stats.failed], [1, true]);
  equal(await store.reopen(), "ok");
  equal(await store.put(KEY, bytesOf("two"), ABOUT), "ok");
  deepEqual([failures(), store.stats.failed, disk.unsyncedCount], [1, false, 0]);
});

test("LiveStore takes no other image and no older one for its own", async () => {
  const { disk, store } = await live();
  const old = disk.image;
  equal(await store.put(KEY, bytesOf("one"), ABOUT), "ok");
  await disk.write(0, old);
  equal(await disk.flush(), "ok");
  ok(["rollback", "damaged"].includes(await store.reopen()));
  equal(store.get(KEY).status, "ok");
  const { disk: other } = await live({}, new Uint8Array(BLOCKS * 512));
  await disk.write(0, other.image);
  ok(await store.reopen() !== "ok");
});
