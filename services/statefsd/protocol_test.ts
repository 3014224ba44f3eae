import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { WireError } from "@runtime/core/error.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  parseReply,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import { LIST_NAMES_MAX } from "./limits.ts";
import { statefsd, statefsdV1, VALUE_LENGTH_MAX } from "./protocol.ts";

const golden = goldenFrames("statefsd");
const NONCE = 0x0102030405060708n;
const KEY = "/state/a";
const VALUE = Uint8Array.of(1, 2, 3);
const TXN = 9n;
type Values = Readonly<Record<string, unknown>>;

const REQUESTS: Readonly<Record<string, readonly [string, Values]>> = {
  "put": ["put", { key: KEY, value: VALUE }],
  "get": ["get", { key: KEY }],
  "del": ["del", { key: KEY }],
  "list": ["list", { prefix: "/state/", countMax: 5 }],
  "sync": ["sync", {}],
  "reopen": ["reopen", {}],
  "begin": ["txnBegin", {}],
  "txn put": ["txnPut", { txn: TXN, key: KEY, chunk: VALUE }],
  "commit": ["txnCommit", { txn: TXN }],
  "abort": ["txnAbort", { txn: TXN }],
  "list after": ["listAfter", { prefix: "/state/", after: KEY, countMax: 5 }],
};

const FRAMES = [
  ...["put v1", "put v2", "get v1", "get v2", "del v2", "list v1", "list v2", "sync v1"],
  ...["reopen v2", "begin v2", "txn put v2", "commit v2", "abort v1", "list after v2 (ours)"],
];

test("statefsd requests equal the golden bytes, and parse as what they were", () => {
  for (const frame of FRAMES) {
    const [, name = "", version] = /^(.*) v([12])/.exec(frame) ?? [];
    const [opName, values] = REQUESTS[name] ?? ["", {}];
    const [service, nonce] = version === "1" ? [statefsdV1, undefined] : [statefsd, NONCE];
    const bytes = encodeRequest(service, { opName, nonce, values });
    deepEqual(bytes, golden(frame), frame);
    deepEqual(parseRequest(service, golden(frame)), { opName, nonce, values }, frame);
  }
});

const REPLIES: readonly (readonly [string, string, string, Values])[] = [
  ["put reply v1", "put", "ok", {}],
  ["put reply v2", "put", "ok", {}],
  ["put denied v2", "put", "denied", {}],
  ["put quota v2 (ours)", "put", "quota_exceeded", { used: 1n, limit: 2n }],
  ["get reply v1", "get", "ok", { value: VALUE }],
  ["get reply v2", "get", "ok", { value: VALUE }],
  ["get missing v1", "get", "not_found", {}],
  ["list reply v2", "list", "ok", { names: [{ name: "/state/a" }, { name: "/state/b" }] }],
  ["begin reply v2", "txnBegin", "ok", { txn: TXN }],
  ["begin over limit v2", "txnBegin", "txn_limit", { txn: 0n }],
];

test("statefsd replies equal the golden bytes", () => {
  for (const [frame, opName, status, values] of REPLIES) {
    const [service, nonce] = frame.includes("v1") ? [statefsdV1, undefined] : [statefsd, NONCE];
    deepEqual(encodeReply(service, { opName, nonce, status, values }), golden(frame), frame);
  }
});

test("statefsd refuses frames as upstream: too large a value, an operation it does not have", () => {
  const large = parseRequest(statefsdV1, golden("value too large v1"));
  ok("refusal" in large);
  equal(large.refusal.code, "length_out_of_range");
  equal(statefsdV1.refusals.length_out_of_range, "value_too_large");
  equal(VALUE_LENGTH_MAX, 0x10000);
  const unknown = parseRequest(statefsdV1, golden("unknown op v1"));
  ok("refusal" in unknown && unknown.refusal.code === "unknown_op");
  const refused = { code: 0x7f, nonce: undefined, status: "unsupported" };
  deepEqual(encodeRefusal(statefsdV1, refused), golden("unsupported reply v1"));
});

test("statefsd's requests that are cut anywhere, or go on, are refused", () => {
  for (const frame of FRAMES) {
    const service = frame.includes("v1") ? statefsdV1 : statefsd;
    const bytes = golden(frame);
    for (let length = 4; length < bytes.length; length++) {
      ok("refusal" in parseRequest(service, bytes.subarray(0, length)), `${frame} ${length}`);
    }
    ok("refusal" in parseRequest(service, Uint8Array.of(...bytes, 0)), frame);
  }
});

test("a list of more names than LIST may ask for does not parse", () => {
  const names = Array.from({ length: LIST_NAMES_MAX }, () => ({ name: KEY }));
  const reply = { opName: "list", nonce: undefined, status: "ok", values: { names } };
  const bytes = encodeReply(statefsdV1, reply);
  deepEqual(parseReply(statefsdV1, "list", bytes).values, { names });
  const entry = bytes.subarray(-2 - KEY.length);
  const longer = Uint8Array.of(...bytes, ...entry);
  new DataView(longer.buffer).setUint16(5, LIST_NAMES_MAX + 1, true);
  throws(() => parseReply(statefsdV1, "list", longer), WireError);
});
