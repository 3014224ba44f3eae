import { fromHex } from "@runtime/core/hex.ts";
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  parseReply,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import type { PackedService } from "@runtime/idl/service.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import vectors from "@tests/vectors/ipc/netstackd.json" with { type: "json" };
import { ANY_IPV4, netstackd, netstackV1 } from "./protocol.ts";

type Values = Readonly<Record<string, unknown>>;

const NONCE = 0x0102030405060708n;
const OTHER_NONCE = 0x1122334455667788n;

/** Bytes of a vector written with spaces between its fields. */
function bytesOf(text: string): Uint8Array {
  return fromHex(text.replaceAll(" ", ""));
}

function requestEquals(
  service: PackedService,
  golden: string,
  request: { opName: string; nonce?: bigint; values: Values },
): void {
  const { opName, nonce, values } = request;
  const frame = bytesOf(golden);
  deepEqual(parseRequest(service, frame), { opName, nonce, values });
  if (nonce === undefined && service.version === 1) return;
  deepEqual(encodeRequest(service, { opName, nonce, values }), frame);
}

function replyEquals(
  service: PackedService,
  golden: string,
  reply: { opName: string; status?: string; nonce?: bigint; values?: Values },
): void {
  const { opName, status = "ok", nonce, values = {} } = reply;
  const frame = bytesOf(golden);
  deepEqual(encodeReply(service, { opName, status, nonce, values }), frame);
  deepEqual(parseReply(service, opName, frame), { status, nonce, values });
}

const at = { ip: "10.0.2.15", port: 7401 };
const to = { ip: "10.0.2.2", port: 7401 };
const bytes = Uint8Array.of(1, 2, 3);
const payload = Uint8Array.of(0xab, 0xcd);

test("netstackd version 1 requests equal upstream's bytes", () => {
  const { v1 } = vectors;
  const handle = 9;
  const port = 7401;
  requestEquals(netstackV1, v1.listen, { opName: "listen", values: { ip: ANY_IPV4, port } });
  requestEquals(netstackV1, v1["listen addressed"], { opName: "listen", values: at });
  const nonce = NONCE;
  const any = { ip: ANY_IPV4, port };
  requestEquals(netstackV1, v1["listen nonce"], { opName: "listen", nonce, values: any });
  requestEquals(netstackV1, v1["listen addressed nonce"], { opName: "listen", nonce, values: at });
  requestEquals(netstackV1, v1.accept, { opName: "accept", values: { handle: 7 } });
  requestEquals(netstackV1, v1.connect, { opName: "connect", values: to });
  requestEquals(netstackV1, v1.read, { opName: "read", values: { handle, max: 480 } });
  requestEquals(netstackV1, v1.write, { opName: "write", values: { handle, bytes } });
  const bind = { ip: ANY_IPV4, port: 37_020 };
  requestEquals(netstackV1, v1.udpBind, { opName: "udpBind", values: bind });
  const addressed = { ...bind, ip: "10.0.2.15" };
  requestEquals(netstackV1, v1["udpBind addressed"], { opName: "udpBind", values: addressed });
  const send = { handle: 1, ip: "10.0.2.3", port: 53, payload };
  requestEquals(netstackV1, v1.udpSendTo, { opName: "udpSendTo", values: send });
  const receive = { handle: 1, max: 460 };
  requestEquals(netstackV1, v1.udpRecvFrom, { opName: "udpRecvFrom", values: receive });
  const ping = { ip: "10.0.2.2", timeoutMs: 1000 };
  requestEquals(netstackV1, v1.icmpPing, { opName: "icmpPing", values: ping });
  requestEquals(netstackV1, v1.localAddr, { opName: "localAddr", values: {} });
  const withNonce = { opName: "localAddr", nonce: OTHER_NONCE, values: {} };
  requestEquals(netstackV1, v1["localAddr nonce"], withNonce);
  requestEquals(netstackV1, v1.close, { opName: "close", values: { handle } });
  requestEquals(netstackV1, v1.waitWritable, { opName: "waitWritable", values: { handle } });
});

test("netstackd version 1 replies equal upstream's bytes", () => {
  const { v1 } = vectors;
  const nonce = OTHER_NONCE;
  const listening = { opName: "listen", values: { handle: 7 } };
  replyEquals(netstackV1, v1["listen reply"], listening);
  replyEquals(netstackV1, v1["listen reply nonce"], { ...listening, nonce: 0x1111222233334444n });
  replyEquals(netstackV1, v1["accept reply"], { opName: "accept", values: { handle: 9 } });
  replyEquals(netstackV1, v1["accept would block"], { opName: "accept", status: "would_block" });
  replyEquals(netstackV1, v1["connect reply"], { opName: "connect", values: { handle: 9 } });
  replyEquals(netstackV1, v1["connect denied"], { opName: "connect", status: "denied" });
  replyEquals(netstackV1, v1["read reply"], { opName: "read", values: { bytes } });
  replyEquals(netstackV1, v1["read reply nonce"], { opName: "read", nonce, values: { bytes } });
  replyEquals(netstackV1, v1["write reply"], { opName: "write", values: { written: 3 } });
  replyEquals(netstackV1, v1["write io"], { opName: "write", status: "io" });
  replyEquals(netstackV1, v1["udpBind reply"], { opName: "udpBind", values: { handle: 1 } });
  replyEquals(netstackV1, v1["udpSendTo reply"], { opName: "udpSendTo", values: { sent: 2 } });
  const datagram = { payload, ip: "10.0.2.3", port: 53 };
  replyEquals(netstackV1, v1["udpRecvFrom reply"], { opName: "udpRecvFrom", values: datagram });
  replyEquals(netstackV1, v1["icmpPing reply"], { opName: "icmpPing", values: { rttMs: 42 } });
  replyEquals(netstackV1, v1["icmpPing timed out"], { opName: "icmpPing", status: "timed_out" });
  const local = { opName: "localAddr", values: { ip: "10.0.2.15", prefixLength: 24 } };
  replyEquals(netstackV1, v1["localAddr reply"], local);
  replyEquals(netstackV1, v1["localAddr reply nonce"], { ...local, nonce });
  replyEquals(netstackV1, v1["close reply"], { opName: "close" });
  const absent = { opName: "waitWritable", status: "not_found", nonce };
  replyEquals(netstackV1, v1["waitWritable not found nonce"], absent);
  const refused = encodeRefusal(netstackV1, { code: 4, nonce: undefined, status: "malformed" });
  deepEqual(refused, bytesOf(v1["read malformed"]));
});

test("netstackd version 2 requests equal the golden bytes", () => {
  const { v2 } = vectors;
  const nonce = 1n;
  const timeoutMs = 0;
  const handle = 9;
  const listen = { ip: ANY_IPV4, port: 7401 };
  requestEquals(netstackd, v2.listen, { opName: "listen", nonce, values: listen });
  requestEquals(netstackd, v2.accept, {
    opName: "accept",
    nonce,
    values: { handle: 7, timeoutMs },
  });
  const connect = { ...to, timeoutMs: 5000 };
  requestEquals(netstackd, v2.connect, { opName: "connect", nonce, values: connect });
  const read = { handle, min: 1, max: 1 << 20, timeoutMs };
  requestEquals(netstackd, v2.read, { opName: "read", nonce, values: read });
  const write = { handle, timeoutMs, length: 3, bytes };
  requestEquals(netstackd, v2.write, { opName: "write", nonce, values: write });
  requestEquals(netstackd, v2.shutdown, { opName: "shutdown", nonce, values: { handle } });
  requestEquals(netstackd, v2.abort, { opName: "abort", nonce, values: { handle } });
  requestEquals(netstackd, v2.stats, { opName: "stats", nonce, values: {} });
  const exchange = { handle, min: 1, max: 1 << 20, timeoutMs: 5000, bytes };
  requestEquals(netstackd, v2.exchange, { opName: "exchange", nonce, values: exchange });
});

test("netstackd version 2 replies equal the golden bytes", () => {
  const { v2 } = vectors;
  const nonce = 1n;
  const handle = 9;
  replyEquals(netstackd, v2["listen reply"], { opName: "listen", nonce, values: { handle: 7 } });
  const accepted = { handle, ...to };
  replyEquals(netstackd, v2["accept reply"], { opName: "accept", nonce, values: accepted });
  replyEquals(netstackd, v2["connect refused"], { opName: "connect", nonce, status: "refused" });
  const read = { opName: "read", nonce };
  replyEquals(netstackd, v2["read reply"], { ...read, values: { length: 3, bytes } });
  const moved = { length: 65_536, bytes: new Uint8Array(0) };
  replyEquals(netstackd, v2["read reply moved"], { ...read, values: moved });
  replyEquals(netstackd, v2["read closed"], { ...read, status: "closed" });
  replyEquals(netstackd, v2["read reset"], { ...read, status: "reset" });
  replyEquals(netstackd, v2["read lost"], { ...read, status: "lost" });
  replyEquals(netstackd, v2["write reply"], { opName: "write", nonce, values: { written: 3 } });
  const datagram = { ip: "10.0.2.3", port: 53, payload };
  replyEquals(netstackd, v2["udpRecvFrom reply"], {
    opName: "udpRecvFrom",
    nonce,
    values: datagram,
  });
  replyEquals(netstackd, v2["peerAddr reply"], { opName: "peerAddr", nonce, values: to });
  const exchanged = { opName: "exchange", nonce, values: { length: 3, bytes } };
  replyEquals(netstackd, v2["exchange reply"], exchanged);
});

/** Lengths at which a version 1 LISTEN parses: with and without address, with and without nonce. */
const LISTEN_LENGTHS = [6, 10, 14, 18];

test("netstackd LISTEN of version 1 parses at upstream's four lengths and no other", () => {
  const longest = new Uint8Array(32).fill(1);
  longest.set(bytesOf("4e530101"));
  for (let length = 4; length <= longest.length; length++) {
    const parsed = parseRequest(netstackV1, longest.subarray(0, length));
    equal("opName" in parsed, LISTEN_LENGTHS.includes(length), `${length} bytes`);
  }
});

test("netstackd requests do not parse at another length than theirs", () => {
  for (const [name, text] of Object.entries(vectors.v1)) {
    if (name.includes("reply") || name.startsWith("listen") || name.startsWith("udpBind")) continue;
    const frame = bytesOf(text);
    if ((frame[3] ?? 0x80) >= 0x80 || name.includes("nonce")) continue;
    for (let length = 0; length < frame.length; length++) {
      ok("refusal" in parseRequest(netstackV1, frame.subarray(0, length)), `${name} ${length}`);
    }
    ok("refusal" in parseRequest(netstackV1, Uint8Array.of(...frame, 0)), `${name} longer`);
    const tail = Uint8Array.of(...frame, ...new Uint8Array(9));
    ok("refusal" in parseRequest(netstackV1, tail), `${name} behind its nonce`);
  }
});

test("netstackd refuses payloads over their bound", () => {
  const oversized = [
    ["write", `4e530105 09000000 f701 ${"00".repeat(503)}`],
    ["udpSendTo", `4e530107 01000000 0a000203 3500 cd01 ${"00".repeat(461)}`],
  ] as const;
  for (const [name, text] of oversized) {
    const parsed = parseRequest(netstackV1, bytesOf(text));
    ok("refusal" in parsed && parsed.refusal.code === "length_out_of_range", name);
  }
});
