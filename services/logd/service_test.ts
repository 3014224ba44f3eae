import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { encodeRequest } from "@runtime/idl/packed_frame.ts";
import { bind } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { directClient, directFrames, principal } from "@tests/fakes/direct.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { JOURNAL_RECORDS_MAX } from "./journal.ts";
import { logd, logdAudit, logdQuery, logdQueryV1, logdV2, RING } from "./protocol.ts";
import { APPENDS_PER_WINDOW_MAX, RATE_WINDOW_NS } from "./rate_limit.ts";
import { createLogd, QUERY_REPLY_LENGTH_MAX } from "./service.ts";

const golden = goldenFrames("logd");
const RECORD = { level: 2, scope: "abc", message: "hello", fields: "k=v\n" };
const DECISION = {
  decision: 1,
  reason: 0,
  check: "decide",
  subject: "vfsd",
  capability: "rng.entropy",
  operation: "rngd.getEntropy",
  target: "32",
};

function journalOf() {
  const clock = manualClock();
  const markers: string[] = [];
  const handlers = createLogd({ clock, prove: (key) => void markers.push(key) });
  return {
    clock,
    markers,
    handlers,
    as: (sender: string) => directClient(logdV2, handlers.logdV2, { sender }),
    reader: directClient(logdQuery, handlers.query),
    auditAs: (sender: string) => directClient(logdAudit, handlers.audit, { sender }),
    exchange: directFrames([bind(logd, handlers.logd), bind(logdV2, handlers.logdV2)]),
    readerFrames: directFrames([
      bind(logdQueryV1, handlers.queryV1),
      bind(logdQuery, handlers.query),
    ]),
  };
}

const EVERYTHING = { ring: RING.journal, afterId: 0n, countMax: 100, scope: "" };

test("logd keeps a record with the kernel's word about its sender", async () => {
  const { as, reader, clock } = journalOf();
  clock.advanceMs(3);
  deepEqual(await as("vfsd").append(RECORD), { status: "ok", recordId: 1n, dropped: 0n });
  const { sid } = principal("vfsd");
  deepEqual(await reader.queryAfter(EVERYTHING), {
    status: "ok",
    total: 1n,
    dropped: 0n,
    lastId: 1n,
    nowNs: 3_000_000n,
    records: [{ recordId: 1n, timestampNs: 3_000_000n, sid, sender: "vfsd", ...RECORD }],
  });
});

test("logd's times rise strictly while the clock stands still", async () => {
  const { as, reader } = journalOf();
  for (let count = 0; count < 3; count++) await as("vfsd").append(RECORD);
  const reply = await reader.queryAfter(EVERYTHING);
  ok(reply.status === "ok");
  deepEqual(reply.records.map(({ timestampNs }) => timestampNs), [1n, 2n, 3n]);
});

test("test_reject_log_append_rate_limited_sender: the 25th append of a second is refused", async () => {
  const { as, clock, markers } = journalOf();
  const status = async (sender: string) => (await as(sender).append(RECORD)).status;
  for (let count = 0; count < APPENDS_PER_WINDOW_MAX; count++) equal(await status("vfsd"), "ok");
  equal(await status("vfsd"), "rate_limited");
  equal(await status("samgrd"), "ok", "another sender is not affected");
  clock.advanceNs(RATE_WINDOW_NS - 1);
  equal(await status("vfsd"), "rate_limited");
  clock.advanceNs(1);
  equal(await status("vfsd"), "ok");
  deepEqual(markers, ["rejectedRate"]);
});

test("test_reject_log_payload_identity_spoof: fields cannot say who sent them", async () => {
  const { as, reader, markers } = journalOf();
  for (const key of ["sender_service_id", "service_id", "requester_id", "service", " Service "]) {
    const fields = `a=b\n${key}=keystored\n`;
    deepEqual(await as("vfsd").append({ ...RECORD, fields }), { status: "invalid_args" });
  }
  equal((await as("vfsd").append({ ...RECORD, fields: "services=3\n" })).status, "ok");
  const reply = await reader.queryAfter(EVERYTHING);
  ok(reply.status === "ok");
  equal(reply.records.length, 1);
  deepEqual(markers, ["rejectedInvalid"]);
});

/** An append whose length fields say what a test wants, in upstream's layout. */
function appendFrame(lengths: readonly [number, number, number], level = 2): Uint8Array {
  const [scope, message, fields] = lengths;
  const head = [0x4c, 0x4f, 1, 1, level, scope, message & 0xff, message >> 8];
  const body = new Uint8Array(scope + message + fields).fill(0x61);
  return Uint8Array.of(...head, fields & 0xff, fields >> 8, ...body);
}

/** Status of upstream's reply, which is as long whatever the status. */
async function statusOf(exchange: ReturnType<typeof directFrames>, frame: Uint8Array) {
  const reply = await exchange(frame);
  ok(reply !== undefined);
  if (frame[3] === 1) equal(reply.length, 21, "an append's reply has 21 bytes");
  return reply[4];
}

test("test_reject_oversized_scope: 65 bytes are over the limit, 64 are not", async () => {
  const { exchange, markers } = journalOf();
  equal(await statusOf(exchange, appendFrame([64, 1, 1])), 0);
  equal(await statusOf(exchange, appendFrame([65, 1, 1])), 5);
  deepEqual(markers, ["rejectedOverLimit"]);
});

test("test_reject_oversized_message: 257 bytes are over the limit, 256 are not", async () => {
  const { exchange } = journalOf();
  equal(await statusOf(exchange, appendFrame([1, 256, 1])), 0);
  equal(await statusOf(exchange, appendFrame([1, 257, 1])), 5);
});

test("test_reject_oversized_fields: 513 bytes are over the limit, 512 are not", async () => {
  const { exchange } = journalOf();
  equal(await statusOf(exchange, appendFrame([1, 1, 512])), 0);
  equal(await statusOf(exchange, appendFrame([1, 1, 513])), 5);
});

test("test_reject_invalid_level: levels end at 4", async () => {
  const { exchange } = journalOf();
  equal(await statusOf(exchange, appendFrame([1, 1, 1], 4)), 0);
  equal(await statusOf(exchange, appendFrame([1, 1, 1], 5)), 4);
});

test("test_reject_append_length_mismatch: bytes too few or too many are invalid", async () => {
  const { exchange } = journalOf();
  const frame = golden("append v1");
  equal(await statusOf(exchange, frame.subarray(0, -1)), 4);
  equal(await statusOf(exchange, Uint8Array.of(...frame, 0)), 4);
});

test("test_reject_wrong_magic_first_byte, _second_byte: another protocol's frame is invalid", async () => {
  const { exchange, reader } = journalOf();
  for (const index of [0, 1]) {
    const frame = golden("append v1");
    frame[index] = 0x58;
    equal(await statusOf(exchange, frame), 4);
  }
  const reply = await reader.stats({});
  ok(reply.status === "ok" && reply.total === 0n);
});

test("test_reject_wrong_version, _unknown_opcode: what logd does not speak is unsupported", async () => {
  const { exchange } = journalOf();
  const frame = golden("append v1");
  frame[2] = 9;
  equal(await statusOf(exchange, frame), 2);
  deepEqual(await exchange(golden("unknown op v1")), golden("unsupported reply v1"));
});

test("test_reject_truncated_header, _truncated_query, _empty_frame: cut frames are invalid", async () => {
  const { exchange, readerFrames } = journalOf();
  for (const length of [0, 1, 3]) {
    equal((await exchange(golden("append v1").subarray(0, length)))?.[4], 4);
  }
  equal((await readerFrames(golden("query v1").subarray(0, 13)))?.[4], 4);
});

test("the right to append does not read: QUERY is unsupported on that endpoint", async () => {
  const { exchange } = journalOf();
  equal((await exchange(golden("query v1")))?.[4], 2);
  equal((await exchange(golden("query v2")))?.[4], 2);
  equal((await exchange(golden("query after v2 (ours)")))?.[4], 2);
});

test("logd's QUERY keeps within 512 bytes and passes over what does not fit", async () => {
  const { as, readerFrames, reader } = journalOf();
  await as("a").append(RECORD);
  await as("b").append({ ...RECORD, message: "m".repeat(256), fields: "f".repeat(300) });
  await as("c").append(RECORD);
  const frame = encodeRequest(logdQuery, {
    opName: "query",
    nonce: 1n,
    values: { sinceNs: 0n, countMax: 100 },
  });
  const bytes = await readerFrames(frame);
  ok(bytes !== undefined && bytes.length <= QUERY_REPLY_LENGTH_MAX);
  const reply = await reader.query({ sinceNs: 0n, countMax: 100 });
  ok(reply.status === "ok");
  deepEqual(reply.records.map(({ recordId }) => recordId), [1n, 3n]);
  const later = await reader.query({ sinceNs: 3n, countMax: 100 });
  deepEqual(later.status === "ok" && later.records.map(({ recordId }) => recordId), [3n]);
  const one = await reader.query({ sinceNs: 0n, countMax: 1 });
  deepEqual(one.status === "ok" && one.records.length, 1);
});

/** Reads a ring to its end, page by page. */
async function readAll(logs: ReturnType<typeof journalOf>, ring: number, scope = "") {
  const ids: bigint[] = [];
  let afterId = 0n;
  for (;;) {
    const values = { ring, afterId, countMax: 1_000, scope };
    const frame = encodeRequest(logdQuery, { opName: "queryAfter", nonce: 1n, values });
    const bytes = await logs.readerFrames(frame);
    ok(bytes !== undefined && bytes.length <= FRAME_LENGTH_MAX);
    const reply = await logs.reader.queryAfter(values);
    ok(reply.status === "ok");
    if (reply.lastId === afterId) return ids;
    ids.push(...reply.records.map(({ recordId }) => recordId));
    afterId = reply.lastId;
  }
}

test("logd's journal drops its oldest, counts them, and is read page by page", async () => {
  const logs = journalOf();
  const extra = 10;
  for (let count = 0; count < JOURNAL_RECORDS_MAX + extra; count++) {
    const message = "m".repeat(count % 100);
    equal((await logs.as(`sender${count % 50}`).append({ ...RECORD, message })).status, "ok");
    if (count % 50 === 0) logs.clock.advanceNs(RATE_WINDOW_NS);
  }
  const stats = await logs.reader.stats({});
  ok(stats.status === "ok");
  deepEqual([stats.total, stats.dropped], [BigInt(JOURNAL_RECORDS_MAX + extra), BigInt(extra)]);
  const ids = await readAll(logs, RING.journal);
  const expected = Array.from(
    { length: JOURNAL_RECORDS_MAX },
    (_, index) => BigInt(index + extra + 1),
  );
  deepEqual(ids, expected);
});

test("logd's QUERY_AFTER finds a scope among others", async () => {
  const logs = journalOf();
  for (const scope of ["rngd", "keystored", "rngd.health"]) {
    await logs.as("vfsd").append({ ...RECORD, scope });
  }
  deepEqual(await readAll(logs, RING.journal, "rngd"), [1n, 3n]);
});

test("logd's audit ring is policyd's alone and reads as upstream's text", async () => {
  const { auditAs, reader, as } = journalOf();
  deepEqual(await auditAs("vfsd").appendAudit(DECISION), { status: "denied" });
  const kept = { status: "ok", recordId: 1n, dropped: 0n };
  deepEqual(await auditAs("policyd").appendAudit(DECISION), kept);
  await as("vfsd").append(RECORD);
  const reply = await reader.queryAfter({ ...EVERYTHING, ring: RING.audit });
  ok(reply.status === "ok");
  deepEqual(
    reply.records.map(({ sender, scope, message, fields }) => ({ sender, scope, message, fields })),
    [{
      sender: "policyd",
      scope: "policyd.audit",
      message: "audit v1 op=decide decision=deny subject=vfsd reason=policy",
      fields: "capability=rng.entropy\noperation=rngd.getEntropy\nsubject=vfsd\ntarget=32\n",
    }],
  );
});

test("no text of a decision can pass for another field of its record", async () => {
  const { auditAs, reader } = journalOf();
  const target = "x\ndecision=allow y";
  await auditAs("policyd").appendAudit({ ...DECISION, target, subject: "a decision=allow" });
  const reply = await reader.queryAfter({ ...EVERYTHING, ring: RING.audit });
  ok(reply.status === "ok");
  const [record] = reply.records;
  equal(record?.message, "audit v1 op=decide decision=deny subject=a?decision=allow reason=policy");
  ok(record?.fields.endsWith("target=x?decision=allow?y\n"));
});

test("policyd's audit knows no rate", async () => {
  const { auditAs } = journalOf();
  for (let count = 0; count < 10 * APPENDS_PER_WINDOW_MAX; count++) {
    equal((await auditAs("policyd").appendAudit(DECISION)).status, "ok");
  }
});
