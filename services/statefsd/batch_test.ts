import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { Batch } from "./batch.ts";
import { INDEX_BYTES_MAX, KEYS_MAX, STORED_LENGTH_MAX } from "./limits.ts";
import { NO_QUOTAS, QuotaLedger } from "./quota.ts";
import { putLength } from "./record.ts";
import { type StoredValue, ValueIndex } from "./value_index.ts";

const LARGEST = new Uint8Array(STORED_LENGTH_MAX);
/** No region sets a limit here. */
const ROOM = { logEnd: 0, capacity: 1 << 30, urgent: false };

function valueOf(stored: Uint8Array): StoredValue {
  return { stored, sequence: 1n, subject: "s", fault: undefined };
}

function batchOver(index: ValueIndex): Batch {
  const ledger = new QuotaLedger(NO_QUOTAS, () => undefined, []);
  return new Batch({ index, ledger }, new Uint8Array(0));
}

/** What becomes of one more value. */
function added(batch: Batch, key: string, length: number): string {
  return batch.add([], new Map([[key, valueOf(LARGEST.subarray(0, length))]]), ROOM);
}

test("Batch takes values up to what memory may hold, and not one byte more", () => {
  const index = new ValueIndex();
  const full = Math.floor(INDEX_BYTES_MAX / putLength("/state/0000", STORED_LENGTH_MAX));
  for (let count = 0; count < full; count++) {
    index.set(`/state/${count.toString().padStart(4, "0")}`, valueOf(LARGEST));
  }
  const left = INDEX_BYTES_MAX - index.liveBytes - putLength("/state/last", 0);
  equal(added(batchOver(index), "/state/last", left + 1), "no_space");
  const batch = batchOver(index);
  equal(added(batch, "/state/last", left), "ok");
  equal(added(batch, "/state/last", left + 1), "no_space", "counted with what waits");
  equal(added(batch, "/state/last", left - 1), "ok");
});

test("Batch takes keys up to their bound, and overwrites when it is reached", () => {
  const index = new ValueIndex();
  for (let count = 0; count < KEYS_MAX - 1; count++) {
    index.set(`/state/${count}`, valueOf(LARGEST.subarray(0, 1)));
  }
  const batch = batchOver(index);
  deepEqual(
    [added(batch, "/state/a", 1), added(batch, "/state/b", 1), added(batch, "/state/0", 2)],
    [
      "ok",
      "no_space",
      "ok",
    ],
  );
});
