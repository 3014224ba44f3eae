import { indexOfBytes } from "@runtime/core/bytes.ts";
import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { ABOUT, bytesOf, storeOn } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { encodeRecord } from "./record.ts";
import { walkLog } from "./walk.ts";

const KEY = "/state/app/revoked";

test("a value that was put back stays refused behind a new generation, which has no newer one", async () => {
  const { disk, store } = await storeOn(new Uint8Array(65 * 512));
  for (const value of ["old", "new"]) equal(await store.put(KEY, bytesOf(value), ABOUT), "ok");
  const image = disk.image;
  const [older, newer] = walkLog(image.subarray(512)).records
    .flatMap((record) => record.op === "put" && record.key === KEY ? [encodeRecord(record)] : []);
  if (older === undefined || newer === undefined) throw new TypeError("both values are there");
  const [first, second] = [indexOfBytes(image, older), indexOfBytes(image, newer)];
  image.set(newer, first);
  image.set(older, second);
  const { disk: swapped, store: rolled } = await storeOn(image);
  equal(rolled.get(KEY).status, "rollback");
  equal(await rolled.compact(), "ok");
  equal(rolled.get(KEY).status, "rollback");
  const { store: again } = await storeOn(swapped.image);
  equal(again.get(KEY).status, "integrity");
});

test("a bug below the store reaches those who wait for their writes, and ends all writing", async () => {
  const { disk, store } = await storeOn(new Uint8Array(65 * 512));
  disk.write = () => Promise.reject(new TypeError("a bug"));
  const writes = ["a", "b"].map((name) => store.put(`/state/app/${name}`, bytesOf("x"), ABOUT));
  for (const write of writes) await rejects(() => write, TypeError);
  deepEqual([store.failed, await store.put(KEY, bytesOf("x"), ABOUT)], [true, "io_error"]);
});
