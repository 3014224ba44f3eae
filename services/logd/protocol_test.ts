import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { fnv1a64 } from "@runtime/core/fnv.ts";
import { encodeReply, encodeRequest, parseReply, parseRequest } from "@runtime/idl/packed_frame.ts";
import type { PackedService } from "@runtime/idl/service.ts";
import { logd, logdAudit, logdQuery, logdQueryV1, logdV2 } from "./protocol.ts";

const golden = goldenFrames("logd");
const NONCE = 0x0102030405060708n;
const RECORD = { level: 2, scope: "abc", message: "hello", fields: "k=v\n" };
const KEPT = { recordId: 1n, dropped: 0n };

type Values = Readonly<Record<string, unknown>>;

function request(service: PackedService, opName: string, values: Values = {}): Uint8Array {
  return encodeRequest(service, { opName, nonce: NONCE, values });
}

function reply(service: PackedService, opName: string, status: string, values: Values = {}) {
  return encodeReply(service, { opName, nonce: NONCE, status, values });
}

test("logd's appends equal the golden bytes, with and without a nonce", () => {
  deepEqual(request(logd, "append", RECORD), golden("append v1"));
  deepEqual(request(logdV2, "append", RECORD), golden("append v2"));
  deepEqual(reply(logd, "append", "ok", KEPT), golden("append reply v1"));
  deepEqual(reply(logdV2, "append", "ok", KEPT), golden("append reply v2"));
  deepEqual(reply(logd, "append", "rate_limited"), golden("append rate limited v1"));
  deepEqual(reply(logdV2, "append", "invalid_args"), golden("append invalid args v2"));
});

test("logd's queries equal the golden bytes", () => {
  const values = { sinceNs: 5n, countMax: 3 };
  deepEqual(request(logdQueryV1, "query", values), golden("query v1"));
  deepEqual(request(logdQuery, "query", values), golden("query v2"));
  const sid = fnv1a64("selftest-client");
  const records = [{ recordId: 1n, timestampNs: 9n, sid, ...RECORD }];
  const answered = { total: 1n, dropped: 0n, records };
  deepEqual(reply(logdQuery, "query", "ok", answered), golden("query reply v2"));
  deepEqual(parseReply(logdQuery, "query", golden("query reply v2")).values, answered);
});

test("logd's stats equal the golden bytes", () => {
  deepEqual(request(logd, "stats"), golden("stats v1"));
  deepEqual(request(logdV2, "stats"), golden("stats v2"));
  const values = {
    total: 1n,
    dropped: 0n,
    capacityRecords: 1_024,
    capacityBytes: 262_144,
    usedRecords: 1,
    usedBytes: 76,
  };
  deepEqual(reply(logd, "stats", "ok", values), golden("stats reply v1"));
});

test("logd's own operations equal the golden bytes", () => {
  const after = { ring: 1, afterId: 2n, countMax: 10, scope: "" };
  deepEqual(request(logdQuery, "queryAfter", after), golden("query after v2 (ours)"));
  const decision = {
    decision: 1,
    reason: 0,
    check: "check",
    subject: "a",
    capability: "ipc.core",
    operation: "",
    target: "",
  };
  deepEqual(request(logdAudit, "appendAudit", decision), golden("append audit v2 (ours)"));
});

test("logd's requests parse at their own length only", () => {
  const frames: readonly (readonly [PackedService, string])[] = [
    [logd, "append v1"],
    [logdV2, "append v2"],
    [logdQuery, "query v2"],
    [logd, "stats v1"],
    [logdAudit, "append audit v2 (ours)"],
  ];
  for (const [service, name] of frames) {
    const frame = golden(name);
    ok(!("refusal" in parseRequest(service, frame)), name);
    for (let length = 0; length < frame.length; length++) {
      ok("refusal" in parseRequest(service, frame.subarray(0, length)), `${name} ${length}`);
    }
    ok("refusal" in parseRequest(service, Uint8Array.of(...frame, 0)), name);
  }
});
