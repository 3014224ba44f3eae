import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import {
  type AskPage,
  type LogReading,
  type LogRecord,
  newestRecords,
  PAGES_MAX,
} from "./log_pages.ts";

const PAGE = 30;

/** A ring that keeps the last `kept` records, and one more with each page that is asked for. */
function auditRing(count: number, kept = Infinity) {
  const records: LogRecord[] = [];
  const append = (sender: string) => {
    const recordId = BigInt(records.length + 1);
    const texts = { scope: "policyd.audit", message: "", fields: "" };
    records.push({ recordId, timestampNs: recordId, level: 2, sid: 1n, sender, ...texts });
  };
  for (let index = 0; index < count; index++) append(index % 100 === 7 ? "rare" : "often");
  let asked = 0;
  const ask: AskPage = ({ afterId, countMax }) => {
    asked += 1;
    append("reader");
    const total = BigInt(records.length);
    const held = records.slice(Math.max(0, records.length - kept));
    const page = held.filter(({ recordId }) => recordId > afterId)
      .slice(0, Math.min(PAGE, countMax));
    const lastId = page.at(-1)?.recordId ?? afterId;
    return Promise.resolve({
      status: "ok",
      total,
      dropped: 0n,
      lastId,
      nowNs: total,
      records: page,
    });
  };
  return { ask, asked: () => asked };
}

const READING: LogReading = { ring: 1, scope: "", limit: 50, wanted: () => true };

function idsOf(records: readonly LogRecord[]): readonly number[] {
  return records.map(({ recordId }) => Number(recordId));
}

function numbers(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

test("newestRecords ends where the ring ended when it began, with what was decided last", async () => {
  const { ask, asked } = auditRing(10_000);
  const { records } = await newestRecords(ask, READING);
  // The first page is a decision as well, and the last that is shown.
  deepEqual(idsOf(records), numbers(9_952, 10_001));
  equal(records.at(-2)?.sender, "often");
  ok(asked() <= 4, `${asked()} pages`);
});

test("newestRecords goes back as far as it must, and no record comes twice", async () => {
  const { ask } = auditRing(10_000);
  const wanted = ({ sender }: LogRecord) => sender === "rare";
  const { records } = await newestRecords(ask, { ...READING, limit: 10, wanted });
  deepEqual(idsOf(records), numbers(90, 99).map((hundred) => hundred * 100 + 8));
  const { records: all } = await newestRecords(ask, { ...READING, limit: 20_000, wanted });
  deepEqual(idsOf(all), numbers(0, 99).map((hundred) => hundred * 100 + 8));
});

test("newestRecords of a ring that has lost its oldest, of few and of none", async () => {
  const { records: lossy } = await newestRecords(auditRing(500, 60).ask, {
    ...READING,
    limit: 400,
  });
  equal(lossy.at(-1)?.recordId, 501n);
  ok(lossy.length <= 60 && lossy.length > 30);
  const few = await newestRecords(auditRing(3).ask, READING);
  deepEqual([idsOf(few.records), few.total], [numbers(1, 4), 4n]);
  const none: AskPage = ({ afterId }) =>
    Promise.resolve({
      ...{ status: "ok", total: 0n, dropped: 0n, lastId: afterId, nowNs: 0n, records: [] },
    });
  deepEqual(await newestRecords(none, READING), { records: [], total: 0n });
});

/** Answers that hold no record and move by `step`; counts them. */
function emptyPages(step: bigint, total: bigint) {
  let asked = 0;
  const ask: AskPage = ({ afterId }) => {
    asked += 1;
    return Promise.resolve({
      status: "ok",
      total,
      dropped: 0n,
      lastId: afterId + step,
      nowNs: 0n,
      records: [],
    });
  };
  return { ask, asked: () => asked };
}

test("newestRecords asks for so many pages and no more, though each moves by one record", async () => {
  const { ask, asked } = emptyPages(1n, 100_000n);
  const { records } = await newestRecords(ask, { ...READING, limit: 20_000 });
  deepEqual(records, []);
  equal(asked(), PAGES_MAX + 1);
});

test("newestRecords asks once for a step behind which there is nothing", async () => {
  const { ask, asked } = emptyPages(0n, 100n);
  deepEqual((await newestRecords(ask, { ...READING, limit: 100 })).records, []);
  equal(asked(), 2);
});

test("newestRecords goes back to a time on the node's clock, and no further", async () => {
  const { ask, asked } = auditRing(10_000);
  // The ring's clock stands at the number of its records, and each record bears its own.
  const sinceNs = (nowNs: bigint) => nowNs - 99n;
  const { records } = await newestRecords(ask, { ...READING, limit: 20_000, sinceNs });
  deepEqual(idsOf(records), numbers(9_902, 10_001));
  ok(asked() < 60, `${asked()} pages`);
  const few = await newestRecords(auditRing(10_000).ask, { ...READING, limit: 10, sinceNs });
  deepEqual(idsOf(few.records), numbers(9_992, 10_001));
});

test("newestRecords stops where records are too old, whether they are wanted or not", async () => {
  const { ask, asked } = auditRing(10_000);
  const { records } = await newestRecords(ask, {
    ...READING,
    limit: 10,
    wanted: () => false,
    sinceNs: (nowNs) => nowNs - 5n,
  });
  deepEqual([records, asked() <= 3], [[], true]);
});
