import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { encodeReply, encodeRequest, parseRequest } from "@runtime/idl/packed_frame.ts";
import { readFields } from "@runtime/idl/body.ts";
import { Reader } from "@runtime/core/reader.ts";
import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { logdQuery } from "../logd/protocol.ts";
import { statefsd } from "../statefsd/protocol.ts";
import {
  controld,
  LOG_CHUNK_LENGTH_MAX,
  OWNER_LENGTH_MAX,
  OWNERS_PER_REPLY_MAX,
  PEERS_PER_REPLY_MAX,
  TYPED_LENGTH_MAX,
} from "./protocol.ts";

const golden = goldenFrames("controld");

const REQUESTS = [
  ["identity", 1n, {}],
  ["peers", 2n, { first: 64 }],
  ["resolve", 3n, { peer: "ab", service: "samgrd", timeoutMs: 2_000 }],
  ["ping", 4n, { peer: "ab", count: 3, size: 64, window: 1, timeoutMs: 1_000 }],
  ["log", 5n, { ring: 1, afterId: 7n, countMax: 10, scope: "" }],
  ["checkPolicy", 6n, { subject: "rngd", capability: "a.b", target: "" }],
  ["stop", 7n, {}],
  ["logSegment", 9n, { ring: 1, from: 7n, offset: 8_000 }],
  ["logCheckpoint", 10n, { ring: 1 }],
  ["quotas", 11n, { after: "app:x" }],
  ["setQuota", 12n, { owner: "app:x", soft: 0x10000n, hard: 0x20000n }],
  ["clearQuota", 13n, { owner: "app:x" }],
  ["placePeer", 8n, { typed: "peer:7401", address: 0x0a000202 }],
] as const;

const PEER = {
  deviceId: "ab",
  direction: 1,
  state: 3,
  address: 0x7f000001,
  port: 7401,
  ageMs: 1_234n,
  records: 9n,
  reason: "",
  typed: "peer:7401",
};

test("controld requests equal the golden bytes, both ways", () => {
  for (const [opName, nonce, values] of REQUESTS) {
    const bytes = golden(`request ${opName}`);
    deepEqual(encodeRequest(controld, { opName, nonce, values }), bytes);
    deepEqual(parseRequest(controld, bytes), { opName, nonce, values });
  }
});

test("controld replies equal the golden bytes", () => {
  const encoded = (opName: string, nonce: bigint, values: object, status = "ok") =>
    encodeReply(controld, { opName, nonce, status, values: { ...values } });
  deepEqual(encoded("identity", 1n, {}, "denied"), golden("reply denied"));
  deepEqual(encoded("checkPolicy", 6n, { allowed: 1 }), golden("reply checkPolicy"));
  const chunk = Uint8Array.of(0xaa, 0xbb);
  const segment = { first: 7n, length: 16_384, chunk };
  deepEqual(encoded("logSegment", 9n, segment), golden("reply logSegment"));
  deepEqual(encoded("logCheckpoint", 10n, { checkpoint: chunk }), golden("reply logCheckpoint"));
  const owner = { owner: "app:x", used: 1n, soft: 2n, hard: 3n, own: 1 };
  deepEqual(encoded("quotas", 11n, { owners: [owner] }), golden("reply quotas"));
  deepEqual(encoded("setQuota", 12n, {}, "no_state"), golden("reply setQuota no_state"));
  deepEqual(encoded("stop", 7n, { closed: 2 }), golden("reply stop"));
  deepEqual(encoded("peers", 2n, { total: 1, peers: [PEER] }), golden("reply peers"));
});

test("controld requests parse at their own length only", () => {
  for (const [opName] of REQUESTS) {
    const request = golden(`request ${opName}`);
    for (let length = 0; length < request.length; length++) {
      ok("refusal" in parseRequest(controld, request.subarray(0, length)), `${opName} ${length}`);
    }
    ok("refusal" in parseRequest(controld, Uint8Array.of(...request, 0)), opName);
  }
});

test("controld passes on as much of a segment as fits a frame", () => {
  const chunk = new Uint8Array(LOG_CHUNK_LENGTH_MAX);
  const values = { first: 1n, length: 16_384, chunk };
  const frame = encodeReply(controld, { opName: "logSegment", nonce: 1n, status: "ok", values });
  ok(frame.length <= FRAME_LENGTH_MAX);
});

test("controld owners fit one frame at their longest", () => {
  const longest = { owner: "o".repeat(OWNER_LENGTH_MAX), used: 1n, soft: 1n, hard: 1n, own: 1 };
  const values = { owners: Array.from({ length: OWNERS_PER_REPLY_MAX }, () => longest) };
  const frame = encodeReply(controld, { opName: "quotas", nonce: 1n, status: "ok", values });
  ok(frame.length <= FRAME_LENGTH_MAX);
});

test("controld takes the very limits that statefsd takes", () => {
  const shape = (fields: Readonly<Record<string, { readonly label: string }>>) =>
    Object.entries(fields).map(([name, { label }]) => [name, label]);
  const pairs = [
    [controld.ops.quotas.request, statefsd.ops.owners.request],
    [controld.ops.quotas.reply, statefsd.ops.owners.reply],
    [controld.ops.setQuota.request, statefsd.ops.setLimits.request],
    [controld.ops.clearQuota.request, statefsd.ops.clearLimits.request],
  ] as const;
  for (const [own, behind] of pairs) deepEqual(shape(own), shape(behind));
});

test("controld peers fit one frame at their longest", () => {
  const texts = { reason: "r".repeat(32), typed: "t".repeat(TYPED_LENGTH_MAX) };
  const longest = { ...PEER, deviceId: "a".repeat(64), ...texts };
  const peers = Array.from({ length: PEERS_PER_REPLY_MAX }, () => longest);
  const values = { total: 0xffff, peers };
  const frame = encodeReply(controld, { opName: "peers", nonce: 1n, status: "ok", values });
  ok(frame.length <= FRAME_LENGTH_MAX);
});

/** What is relayed as it is must be laid out as it came: then it fits wherever it fitted before. */
test("controld passes on the very fields of the daemons behind it", () => {
  const pairs = [
    [controld.ops.identity.reply, dsoftbusd.ops.identity.reply],
    [controld.ops.peers.reply, dsoftbusd.ops.peers.reply],
    [controld.ops.stats.reply, dsoftbusd.ops.stats.reply],
    [controld.ops.ping.reply, dsoftbusd.ops.ping.reply],
    [controld.ops.resolve.reply, dsoftbusd.ops.resolve.reply],
    [controld.ops.log.reply, logdQuery.ops.queryAfter.reply],
  ] as const;
  const shape = (fields: Readonly<Record<string, { readonly label: string }>>) =>
    Object.entries(fields).map(([name, { label }]) => [name, label]);
  for (const [own, behind] of pairs) deepEqual(shape(own), shape(behind));
  deepEqual(controld.envelope, logdQuery.envelope);
});

test("controld peers are read back as they were written", () => {
  const body = golden("reply peers").subarray(4 + 1 + 8);
  deepEqual(readFields(new Reader(body), controld.ops.peers.reply), { total: 1, peers: [PEER] });
});
