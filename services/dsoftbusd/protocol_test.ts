import { encodeReply, encodeRequest, parseReply, parseRequest } from "@runtime/idl/packed_frame.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { dsoftbusd, PEERS_PER_REPLY_MAX, TYPED_LENGTH_MAX } from "./protocol.ts";

const golden = goldenFrames("dsoftbusd");
const ID = "a".repeat(64);
const KEY = new Uint8Array(32).fill(0x22);
const NO_KEY = new Uint8Array(0);
const TO = { address: 0x0a000202, port: 7401, timeoutMs: 5_000 };
const DIAL = {
  deviceId: "",
  direction: 0,
  state: 1,
  address: 0x0a000202,
  port: 7401,
  ageMs: 1_234n,
  records: 0n,
  reason: "dial_refused",
  typed: "peer:7401",
};

const REQUESTS = [
  ["identity", "identity", 1n, {}],
  ["connect", "connect", 2n, { ...TO, deviceId: "", noiseStatic: NO_KEY }],
  ["connect pinned", "connect", 2n, { ...TO, deviceId: ID, noiseStatic: KEY }],
  ["peers", "peers", 3n, { first: 64 }],
  ["ping", "ping", 4n, { peer: "any", count: 3, size: 64, window: 2, timeoutMs: 1_000 }],
  ["resolve", "resolve", 5n, { peer: "abcd", service: "samgrd", timeoutMs: 2_000 }],
  ["closeAll", "closeAll", 6n, {}],
  ["stats", "stats", 7n, {}],
  ["awaitPeer", "awaitPeer", 8n, { timeoutMs: 0 }],
  ["placePeer", "placePeer", 9n, { typed: "peer:7401", address: 0x0a000202 }],
] as const;

const IDENTITY = {
  deviceId: ID,
  verifyingKey: new Uint8Array(32).fill(0x11),
  noiseStatic: KEY,
  bootId: new Uint8Array(16).fill(0x33),
  port: 7401,
};
const TIMES = { deviceId: ID, count: 3, minNs: 1n, meanNs: 2n, maxNs: 3n, totalNs: 6n };
const REFUSED = [{ reason: "record_length", count: 6 }];

const REPLIES = [
  ["identity reply", "identity", 1n, "ok", IDENTITY],
  ["identity denied", "identity", 1n, "denied", {}],
  ["connect refused", "connect", 2n, "refused", {}],
  ["peers reply", "peers", 3n, "ok", { total: 1, peers: [DIAL] }],
  ["ping reply", "ping", 4n, "ok", TIMES],
  ["ping denied by the peer", "ping", 4n, "peer_denied", {}],
  ["resolve reply", "resolve", 5n, "ok", { deviceId: ID, found: 1, endpoint: 5 }],
  ["closeAll reply", "closeAll", 6n, "ok", { closed: 2 }],
  ["stats reply", "stats", 7n, "ok", { accepted: 9, sessions: 1, announces: 2, refused: REFUSED }],
  ["awaitPeer timed out", "awaitPeer", 8n, "timed_out", {}],
  ["placePeer not found", "placePeer", 9n, "not_found", {}],
] as const;

test("dsoftbusd requests equal the golden bytes, both ways", () => {
  for (const [name, opName, nonce, values] of REQUESTS) {
    deepEqual(encodeRequest(dsoftbusd, { opName, nonce, values }), golden(name), name);
    deepEqual(parseRequest(dsoftbusd, golden(name)), { opName, nonce, values }, name);
  }
});

test("dsoftbusd replies equal the golden bytes, both ways", () => {
  for (const [name, opName, nonce, status, values] of REPLIES) {
    deepEqual(encodeReply(dsoftbusd, { opName, nonce, status, values }), golden(name), name);
    const { nonce: parsedNonce, ...parsed } = parseReply(dsoftbusd, opName, golden(name));
    deepEqual([parsedNonce ?? nonce, parsed], [nonce, { status, values }], name);
  }
});

test("dsoftbusd requests parse at no shorter and no longer length", () => {
  for (const [name] of REQUESTS) {
    const frame = golden(name);
    for (let length = 0; length < frame.length; length++) {
      ok("refusal" in parseRequest(dsoftbusd, frame.subarray(0, length)), `${name} ${length}`);
    }
    ok("refusal" in parseRequest(dsoftbusd, Uint8Array.of(...frame, 0)), name);
  }
});

test("dsoftbusd refuses upstream's version 1, whose calls are not here", () => {
  const parsed = parseRequest(dsoftbusd, golden("upstream version 1"));
  equal("refusal" in parsed ? parsed.refusal.code : "", "bad_version");
});

test("a full page of the largest peer records fits one frame", () => {
  const texts = { reason: "r".repeat(32), typed: "t".repeat(TYPED_LENGTH_MAX) };
  const record = { ...DIAL, deviceId: ID, ...texts };
  const peers = Array.from({ length: PEERS_PER_REPLY_MAX }, () => record);
  const values = { total: 0xffff, peers };
  const frame = encodeReply(dsoftbusd, { opName: "peers", nonce: 1n, status: "ok", values });
  ok(frame.length <= FRAME_LENGTH_MAX, `${frame.length}`);
});
