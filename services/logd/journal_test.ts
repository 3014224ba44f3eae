import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { claimsIdentity } from "./identity_claim.ts";
import {
  Journal,
  JOURNAL_BYTES_MAX,
  JOURNAL_RECORDS_MAX,
  RECORD_OVERHEAD_BYTES,
} from "./journal.ts";
import { RATE_WINDOW_NS, RateLimit, SENDERS_MAX } from "./rate_limit.ts";

const STAMP = { sid: 1n, sender: "vfsd", nowNs: 0 };

test("Journal drops as many of the oldest as a large record needs", () => {
  const journal = new Journal();
  const text = { level: 2, scope: "", message: "", fields: "f".repeat(512) };
  const size = RECORD_OVERHEAD_BYTES + 512;
  const fitting = Math.floor(JOURNAL_BYTES_MAX / size);
  ok(fitting < JOURNAL_RECORDS_MAX);
  for (let count = 0; count < fitting + 3; count++) journal.append(text, STAMP);
  const { usedBytes, usedRecords, dropped } = journal.stats();
  deepEqual({ usedRecords, dropped }, { usedRecords: fitting, dropped: 3 });
  equal(usedBytes, fitting * size);
  deepEqual([...journal.after(0)][0]?.recordId, 4);
});

test("Journal goes on for ever: there is no lifetime budget", () => {
  const journal = new Journal();
  const text = { level: 2, scope: "s", message: "m", fields: "" };
  for (let count = 0; count < 20 * JOURNAL_RECORDS_MAX; count++) journal.append(text, STAMP);
  equal([...journal.after(0)].length, JOURNAL_RECORDS_MAX);
  equal(journal.append(text, STAMP).recordId, 20 * JOURNAL_RECORDS_MAX + 1);
});

test("RateLimit holds so many senders at a time and makes room when their windows end", () => {
  const rate = new RateLimit();
  for (let sender = 1; sender <= SENDERS_MAX; sender++) ok(rate.admit(BigInt(sender), 0));
  equal(rate.admit(1_000n, 0), false);
  equal(rate.admit(1n, RATE_WINDOW_NS - 1), true);
  equal(rate.admit(1_000n, RATE_WINDOW_NS - 1), false);
  equal(rate.admit(1_000n, RATE_WINDOW_NS), true);
});

test("claimsIdentity looks at keys, not at values or other words", () => {
  equal(claimsIdentity("service=x"), true);
  equal(claimsIdentity("a=service_id=3\n"), false);
  equal(claimsIdentity("service"), false);
  equal(claimsIdentity("my_service=x\n"), false);
  equal(claimsIdentity("a=b\n\nrequester_id=\n"), true);
});
