import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { deviceKey, signedHead } from "@tests/fakes/log_chain.ts";
import {
  AUDIT,
  BOOT,
  drainOver,
  entriesIn,
  fakeLogd,
  faultsIn,
  JOURNAL,
  numbers,
  toldBy,
} from "@tests/fakes/log_drain.ts";
import { chainIn, memoryLogValues } from "@tests/fakes/log_values.ts";
import { formattedImage, storeOn } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { segmentPath } from "./client/log_segment.ts";
import { verifyChain } from "./client/verify_chain.ts";
import { DRAIN_PAGES_MAX, LogDrain } from "./log_drain.ts";
import { logValuesOf } from "./log_values.ts";

test("LogDrain keeps each ring in a chain of its own, page after page, none twice", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const { drain, told } = drainOver(values, log);
  say(JOURNAL, 25);
  say(AUDIT, 3);
  equal(await drain.drain(), "ok");
  deepEqual(toldBy(values, JOURNAL), numbers(1, 25));
  deepEqual(toldBy(values, AUDIT), numbers(1, 3));
  say(JOURNAL, 2);
  equal(await drain.drain(), "ok");
  deepEqual(toldBy(values, JOURNAL), numbers(1, 27));
  deepEqual([faultsIn(values, JOURNAL), faultsIn(values, AUDIT), told], [[], [], []]);
  deepEqual(drain.stats, { records: 30, lost: 0n, failures: 0 });
});

test("LogDrain tells when a record was kept, on the node's clock and on the wall's", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const { drain } = drainOver(values, log);
  say(JOURNAL, 2);
  await drain.drain();
  const [, second] = entriesIn(values, JOURNAL);
  ok(second?.kind === "record");
  deepEqual(second.bootId, BOOT);
  // The node is up for a minute; the record is of its second millisecond.
  deepEqual([second.timestampNs, second.unixMs], [2_000_000n, 1_700_000_000_002n]);
  deepEqual([second.sender, second.sid, second.message], ["rngd", 7n, "hello"]);
});

test("LogDrain writes down what logd let go, so that silence is no tampering", async () => {
  const values = memoryLogValues();
  const { log, say, lose } = fakeLogd();
  const { drain } = drainOver(values, log);
  say(JOURNAL, 6);
  for (const id of [1n, 2n, 5n]) lose(JOURNAL, id);
  await drain.drain();
  deepEqual(toldBy(values, JOURNAL), ["gap", 3n, 4n, "gap", 6n]);
  const [gap] = entriesIn(values, JOURNAL);
  ok(gap?.kind === "gap");
  deepEqual([gap.firstId, gap.count, drain.stats.lost], [1n, 2n, 3n]);
});

test("LogDrain takes so much at a time, and the rest with the next drain", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const { drain } = drainOver(values, log);
  say(JOURNAL, DRAIN_PAGES_MAX * 10 + 5);
  equal(await drain.drain(), "more");
  equal(toldBy(values, JOURNAL).length, DRAIN_PAGES_MAX * 10);
  equal(await drain.drain(), "ok");
  deepEqual(toldBy(values, JOURNAL), numbers(1, DRAIN_PAGES_MAX * 10 + 5));
});

test("LogDrain runs once for calls that come together", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const { drain } = drainOver(values, log);
  say(JOURNAL, 5);
  deepEqual(await Promise.all([drain.drain(), drain.drain()]), ["ok", "ok"]);
  deepEqual(toldBy(values, JOURNAL), numbers(1, 5));
});

test("LogDrain tries again what could not be written, in order and without a hole", async () => {
  for (const failure of ["no_space", "io_error", "busy"] as const) {
    for (let at = 0; at < 12; at++) {
      const values = memoryLogValues();
      const { log, say } = fakeLogd();
      const { drain } = drainOver(values, log, { segmentsMax: 2 });
      say(JOURNAL, 40, "m".repeat(250));
      const answers = Array.from({ length: 12 }, () => "ok" as const);
      values.answers.push(...answers.with(at, failure as "ok"));
      const first = await drain.drain();
      values.answers.length = 0;
      if (first !== "ok") equal(first, failure);
      while (await drain.drain() === "more");
      const ids = toldBy(values, JOURNAL).filter((told) => typeof told === "bigint");
      deepEqual(ids, numbers(41 - ids.length, 40), `${failure} ${at}`);
      deepEqual(faultsIn(values, JOURNAL), [], `${failure} ${at}`);
      equal(drain.stats.failures, first === "ok" ? 0 : 1);
    }
  }
});

test("LogDrain asks again when logd does not answer", async () => {
  const values = memoryLogValues();
  const { log, say, hush } = fakeLogd();
  const { drain } = drainOver(values, log);
  say(JOURNAL, 2);
  hush(true);
  equal(await drain.drain(), "unavailable");
  hush(false);
  equal(await drain.drain(), "ok");
  deepEqual(toldBy(values, JOURNAL), numbers(1, 2));
});

test("LogDrain keeps so many segments, and the oldest left says why it is the oldest", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const { drain } = drainOver(values, log, { segmentsMax: 3 });
  for (let round = 0; round < 10; round++) {
    say(JOURNAL, 40, "m".repeat(250));
    await drain.drain();
    ok(chainIn(values, JOURNAL).segments.length <= 3);
    for (const { value } of chainIn(values, JOURNAL).segments) ok((value?.length ?? 0) <= 16_384);
    deepEqual(faultsIn(values, JOURNAL), []);
  }
  ok(toldBy(values, JOURNAL).includes("trimmed"));
  equal(toldBy(values, JOURNAL).at(-1), 400n);
  const stored = chainIn(values, JOURNAL);
  const [fault] = verifyChain({ ...stored, segments: stored.segments.slice(1) }).faults;
  equal(fault?.kind, "missing");
});

test("LogDrain deletes a segment only after the chain says so, and tries that again", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd(100);
  const { drain } = drainOver(values, log, { segmentsMax: 2 });
  say(JOURNAL, 100, "m".repeat(250));
  const deleted = segmentPath(JOURNAL, 1n);
  values.answers.push("ok", "ok", "ok", "io_error");
  equal(await drain.drain(), "io_error");
  deepEqual(values.tried.at(-1), `delete ${deleted}`);
  ok(values.map.has(deleted));
  deepEqual(faultsIn(values, JOURNAL), []);
  say(JOURNAL, 1);
  equal(await drain.drain(), "ok");
  ok(!values.map.has(deleted));
});

test("LogDrain over a store: the log is there when the image is opened again", async () => {
  const { store, disk } = await storeOn(await formattedImage(4_096));
  const values = logValuesOf(store, { unixMs: () => 5 });
  const { log, say } = fakeLogd(100);
  const { drain } = drainOver(values, log);
  say(JOURNAL, 300);
  say(AUDIT, 4);
  while (await drain.drain() === "more");
  for (const head of drain.heads()) await drain.keepCheckpoint(signedHead(head));
  const again = logValuesOf((await storeOn(disk.image)).store, { unixMs: () => 5 });
  for (const [ring, count] of [[JOURNAL, 300], [AUDIT, 4]] as const) {
    deepEqual(toldBy(again, ring), numbers(1, count));
    const report = verifyChain(chainIn(again, ring), deviceKey().verifyingKey);
    deepEqual([report.signedTo, report.faults], [BigInt(count), []]);
  }
  deepEqual(again.get("/state/log/none"), { status: "not_found" });
});

test("LogDrain passes over what it has, should logd say it again", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const again: typeof log = { queryAfter: (ask) => log.queryAfter({ ...ask, afterId: 0n }) };
  const { drain } = drainOver(values, again);
  say(JOURNAL, 3);
  equal(await drain.drain(), "ok");
  deepEqual(toldBy(values, JOURNAL), numbers(1, 3));
});

test("LogDrain takes a segment that is gone for one that it deleted", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd(100);
  const { drain } = drainOver(values, log, { segmentsMax: 2 });
  say(JOURNAL, 100, "m".repeat(250));
  values.answers.push("ok", "ok", "ok", "not_found");
  equal(await drain.drain(), "ok");
  ok(values.tried.includes(`delete ${segmentPath(JOURNAL, 1n)}`));
});

test("a host whose clock stands before 1970 keeps a log all the same", async () => {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const clock = { unixMs: () => -5 };
  const ports = { values, log, clock, bootId: new Uint8Array(16), tell: () => {} };
  say(JOURNAL, 1);
  equal(await new LogDrain(ports).drain(), "ok");
  equal(entriesIn(values, JOURNAL)[0]?.unixMs, 0n);
});
