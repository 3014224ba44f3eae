import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { deviceKey, signedHead } from "@tests/fakes/log_chain.ts";
import { chainIn, type MemoryLogValues, memoryLogValues } from "@tests/fakes/log_values.ts";
import { formattedImage, storeOn } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import type { ChainFault } from "./client/chain_fault.ts";
import type { LogEntry } from "./client/log_entry.ts";
import { readSegment, segmentPath } from "./client/log_segment.ts";
import { verifyChain } from "./client/verify_chain.ts";
import { DRAIN_PAGES_MAX, LogDrain, type LogDrainPorts } from "./log_drain.ts";
import { type LogValues, logValuesOf } from "./log_values.ts";

const JOURNAL = 0;
const AUDIT = 1;
const BOOT = new Uint8Array(16).fill(1);
const NEXT_BOOT = new Uint8Array(16).fill(2);

/** The rings of a logd that a test fills, with pages of so many records. */
function fakeLogd(pageMax = 10) {
  const rings = [new Map<bigint, string>(), new Map<bigint, string>()];
  const totals = [0n, 0n];
  const asked: { readonly ring: number; readonly afterId: bigint }[] = [];
  let silent = false;
  const log: LogDrainPorts["log"] = {
    queryAfter({ ring, afterId }) {
      asked.push({ ring, afterId });
      if (silent) return Promise.resolve({ status: "gone" });
      const records = [...rings[ring] ?? []].filter(([id]) => id > afterId).slice(0, pageMax)
        .map(([recordId, message]) => ({
          recordId,
          timestampNs: recordId * 1_000_000n,
          level: 2,
          sid: 7n,
          sender: "rngd",
          scope: "rngd",
          message,
          fields: "",
        }));
      const lastId = records.at(-1)?.recordId ?? afterId;
      const total = totals[ring] ?? 0n;
      return Promise.resolve({
        status: "ok",
        total,
        dropped: 0n,
        lastId,
        nowNs: 60_000_000_000n,
        records,
      });
    },
  };
  const say = (ring: number, count: number, message = "hello") => {
    for (let left = count; left > 0; left--) {
      const id = (totals[ring] ?? 0n) + 1n;
      totals[ring] = id;
      rings[ring]?.set(id, message);
    }
  };
  const lose = (ring: number, id: bigint) => void rings[ring]?.delete(id);
  return { log, say, lose, asked, hush: (yes: boolean) => void (silent = yes) };
}

function drainOver(
  values: LogValues,
  log: LogDrainPorts["log"],
  options: { readonly bootId?: Uint8Array; readonly segmentsMax?: number } = {},
) {
  const told: (ChainFault & { readonly ring: number })[] = [];
  const clock = manualClock(1_700_000_000_000);
  clock.advanceMs(60_000);
  const tell = (ring: number, fault: ChainFault) => void told.push({ ring, ...fault });
  const drain = new LogDrain({ values, log, clock, bootId: BOOT, tell, ...options });
  return { drain, told };
}

function entriesIn(values: LogValues, ring: number): readonly LogEntry[] {
  return chainIn(values, ring).segments.flatMap(({ value }) =>
    readSegment(value ?? new Uint8Array(0)).entries.map(({ entry }) => entry)
  );
}

/** Ids of the records of a chain, `gap` and the other entries by their names. */
function toldBy(values: LogValues, ring: number): readonly (bigint | string)[] {
  return entriesIn(values, ring).map((entry) =>
    entry.kind === "record" ? entry.recordId : entry.kind
  );
}

function numbers(from: number, to: number): readonly bigint[] {
  return Array.from({ length: to - from + 1 }, (_, at) => BigInt(from + at));
}

function faultsIn(values: LogValues, ring: number): readonly ChainFault[] {
  return verifyChain(chainIn(values, ring)).faults
    .filter(({ kind }) => kind !== "checkpoint_absent");
}

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

test("LogDrain goes on with the chain of the boot before", async () => {
  const values = memoryLogValues();
  const before = fakeLogd();
  before.say(JOURNAL, 5);
  await drainOver(values, before.log).drain.drain();
  const { log, say } = fakeLogd();
  const { drain, told } = drainOver(values, log, { bootId: NEXT_BOOT });
  say(JOURNAL, 3);
  await drain.drain();
  deepEqual(toldBy(values, JOURNAL), [...numbers(1, 5), ...numbers(1, 3)]);
  deepEqual([told, faultsIn(values, JOURNAL)], [[], []]);
  equal(chainIn(values, JOURNAL).segments.length, 1);
});

test("LogDrain that is started again in one boot asks behind what it has", async () => {
  const values = memoryLogValues();
  const { log, say, asked } = fakeLogd();
  say(JOURNAL, 5);
  await drainOver(values, log).drain.drain();
  const { drain } = drainOver(values, log);
  asked.length = 0;
  say(JOURNAL, 1);
  await drain.drain();
  deepEqual(asked[0], { ring: JOURNAL, afterId: 5n });
  deepEqual(toldBy(values, JOURNAL), numbers(1, 6));
});

test("LogDrain that is started again asks behind a gap that came last", async () => {
  const values = memoryLogValues();
  const { log, say, lose, asked } = fakeLogd(100);
  const { drain } = drainOver(values, log);
  say(JOURNAL, 3);
  lose(JOURNAL, 2n);
  // The gap is written, the record behind it is not.
  const [gap] = await gapAlone(values, drain);
  equal(gap, "gap");
  asked.length = 0;
  await drainOver(values, log).drain.drain();
  deepEqual(asked[0], { ring: JOURNAL, afterId: 2n });
});

/** Cuts the chain of a drain behind its gap, as a whole and smaller segment. */
async function gapAlone(values: MemoryLogValues, drain: LogDrain) {
  await drain.drain();
  const path = segmentPath(JOURNAL, 1n);
  const whole = values.map.get(path) ?? new Uint8Array(0);
  let length = whole.length;
  while (readSegment(whole.slice(0, length)).entries.length > 2) length -= 1;
  while (!readSegment(whole.slice(0, length)).whole) length -= 1;
  values.map.set(path, whole.slice(0, length));
  return toldBy(values, JOURNAL).slice(-1);
}

/** Values with the records 1 to 5 of the journal, signed to the end. */
async function signedLog() {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const { drain } = drainOver(values, log);
  say(JOURNAL, 5);
  await drain.drain();
  const [head] = drain.heads();
  ok(head !== undefined);
  equal(await drain.keepCheckpoint(signedHead(head)), "ok");
  return { values, drain, log, say, head };
}

test("LogDrain leaves a chain that does not hold as it is, and begins a new one that says so", async () => {
  const path = segmentPath(JOURNAL, 1n);
  const cases:
    readonly (readonly [string, (values: MemoryLogValues) => void, ChainFault["kind"]])[] = [
      ["a bit", (values) => void (values.map.get(path)?.fill(0x20, 90, 91)), "edited"],
      ["unreadable", (values) => void values.unreadable.add(path), "malformed"],
      ["gone", (values) => void values.map.delete(path), "truncated"],
      ["checkpoint", (values) => {
        values.map.get("/state/log/checkpoint/journal")?.fill(0, 60, 90);
      }, "checkpoint_forged"],
      ["no checkpoint", (values) => {
        values.map.set("/state/log/checkpoint/journal", new Uint8Array(1));
      }, "checkpoint_malformed"],
    ];
  for (const [name, tamper, kind] of cases) {
    const { values } = await signedLog();
    tamper(values);
    const before = values.map.get(path)?.slice();
    const { log, say } = fakeLogd();
    const { drain, told } = drainOver(values, log, { bootId: NEXT_BOOT });
    deepEqual([name, told[0]?.kind, told[0]?.ring], [name, kind, JOURNAL]);
    say(JOURNAL, 2);
    equal(await drain.drain(), "ok");
    deepEqual(values.map.get(path), before, name);
    const kinds = toldBy(values, JOURNAL).slice(-3);
    deepEqual([name, kinds], [name, ["broken", 1n, 2n]]);
    ok(faultsIn(values, JOURNAL).some((fault) => fault.kind === "broken"), name);
    // A later start finds the new chain in order.
    const again = drainOver(values, log, { bootId: NEXT_BOOT });
    if (!kind.startsWith("checkpoint")) deepEqual([name, again.told], [name, []]);
  }
});

test("LogDrain finds a chain that was cut off or exchanged behind its signature", async () => {
  const { values, drain, say } = await signedLog();
  const short = values.map.get(segmentPath(JOURNAL, 1n))?.slice() ?? new Uint8Array(0);
  say(JOURNAL, 3);
  await drain.drain();
  const [head] = drain.heads();
  ok(head !== undefined);
  await drain.keepCheckpoint(signedHead(head));
  values.map.set(segmentPath(JOURNAL, 1n), short);
  const cut = drainOver(values, fakeLogd().log, { bootId: NEXT_BOOT });
  deepEqual(cut.told, [{ ring: JOURNAL, kind: "truncated", index: 6n, count: 3n }]);
  const other = memoryLogValues();
  const lies = fakeLogd();
  lies.say(JOURNAL, 8, "nothing happened");
  await drainOver(other, lies.log).drain.drain();
  const path = segmentPath(JOURNAL, 1n);
  values.map.set(path, other.map.get(path) ?? short);
  const exchanged = drainOver(values, fakeLogd().log, { bootId: NEXT_BOOT });
  deepEqual(exchanged.told, [{ ring: JOURNAL, kind: "unsigned", index: 8n }]);
});

test("LogDrain offers the heads that no signature covers", async () => {
  const { values, drain, say, head } = await signedLog();
  deepEqual([head.ring, head.index], [JOURNAL, 5n]);
  deepEqual(drain.heads(), []);
  say(AUDIT, 1);
  await drain.drain();
  deepEqual(drain.heads().map(({ ring, index }) => [ring, index]), [[AUDIT, 1n]]);
  // What was signed by an earlier start is signed still.
  deepEqual(drainOver(values, fakeLogd().log).drain.heads().map(({ ring }) => ring), [AUDIT]);
  deepEqual(verifyChain(chainIn(values, JOURNAL), deviceKey().verifyingKey).signedTo, 5n);
});

test("LogDrain keeps no signature but a good one of the head that it gave out", async () => {
  const { values, drain, say, head } = await signedLog();
  const signed = signedHead(head);
  say(JOURNAL, 1);
  await drain.drain();
  const [next] = drain.heads();
  ok(next !== undefined);
  const good = signedHead(next);
  const wrong = [
    signed,
    { ...good, index: good.index - 1n },
    { ...good, head: head.head },
    { ...good, unixMs: 0n },
    { ...good, ring: AUDIT },
    { ...good, ring: 2 },
  ];
  const before = values.map.get("/state/log/checkpoint/journal");
  for (const checkpoint of wrong) equal(await drain.keepCheckpoint(checkpoint), "malformed");
  equal(values.map.get("/state/log/checkpoint/journal"), before);
  values.answers.push("no_space");
  equal(await drain.keepCheckpoint(good), "no_space");
  equal(drain.heads().length, 1);
  equal(await drain.keepCheckpoint(good), "ok");
  deepEqual(drain.heads(), []);
});

test("a head may be signed while the chain goes on", async () => {
  const { drain, say, values } = await signedLog();
  say(JOURNAL, 1);
  await drain.drain();
  const [head] = drain.heads();
  ok(head !== undefined);
  say(JOURNAL, 2);
  await drain.drain();
  equal(await drain.keepCheckpoint(signedHead(head)), "ok");
  const report = verifyChain(chainIn(values, JOURNAL));
  deepEqual([report.signedTo, report.unsignedCount, report.faults], [6n, 2n, []]);
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
