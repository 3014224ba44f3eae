import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import { keystored } from "./protocol.ts";

const golden = goldenFrames("keystored");
const UTF8 = new TextEncoder();
const MESSAGE = UTF8.encode("abc");

function request(opName: string, values: Readonly<Record<string, unknown>> = {}): Uint8Array {
  return encodeRequest(keystored, { opName, nonce: undefined, values });
}

function reply(
  opName: string,
  status: string,
  values: Readonly<Record<string, unknown>> = {},
): Uint8Array {
  return encodeReply(keystored, { opName, nonce: undefined, status, values });
}

test("keystored requests equal the golden bytes", () => {
  const payloadLength = MESSAGE.length;
  const verifyingKey = new Uint8Array(32).fill(0x11);
  const signature = new Uint8Array(64).fill(0x22);
  const verify = { payloadLength, verifyingKey, signature, payload: MESSAGE };
  deepEqual(request("verify", verify), golden("verify"));
  deepEqual(request("deviceKeygen"), golden("keygen"));
  deepEqual(request("getDevicePubkey"), golden("pubkey"));
  deepEqual(request("deviceSign", { payloadLength, payload: MESSAGE }), golden("sign"));
  deepEqual(request("getDevicePrivkey"), golden("privkey"));
  const remote = new Uint8Array(32).fill(0x55);
  deepEqual(request("staticDh", { remote }), golden("static dh (ours)"));
  deepEqual(request("sessionProof", { role: 1 }), golden("session proof (ours)"));
  deepEqual(request("signPayload", { message: MESSAGE }), golden("sign payload (ours)"));
  deepEqual(request("signAnnounce", { message: MESSAGE }), golden("sign announce (ours)"));
  const head = new Uint8Array(32).fill(0x77);
  const checkpoint = { ring: 1, index: 9n, head, unixMs: 1_746_587_561_984n };
  deepEqual(request("signLogCheckpoint", checkpoint), golden("sign log checkpoint (ours)"));
});

test("keystored replies equal the golden bytes", () => {
  deepEqual(reply("verify", "ok", { valid: 1 }), golden("verify reply"));
  deepEqual(reply("deviceKeygen", "ok"), golden("keygen reply"));
  deepEqual(reply("deviceKeygen", "key_exists"), golden("keygen again"));
  const key = new Uint8Array(32).fill(0x33);
  deepEqual(reply("getDevicePubkey", "ok", { key }), golden("pubkey reply"));
  deepEqual(reply("getDevicePubkey", "denied"), golden("pubkey denied"));
  deepEqual(reply("getDevicePubkey", "key_not_found"), golden("pubkey missing"));
  const signature = new Uint8Array(64).fill(0x44);
  deepEqual(reply("deviceSign", "ok", { signature }), golden("sign reply"));
  deepEqual(reply("getDevicePrivkey", "private_export_denied"), golden("privkey refused"));
  const signed = { signature, verifyingKey: key };
  deepEqual(
    reply("signLogCheckpoint", "ok", signed),
    golden("sign log checkpoint reply (ours)"),
  );
});

test("keystored's values of a caller's own travel as upstream's do", () => {
  const [key, value] = [UTF8.encode("k1"), UTF8.encode("v1")];
  deepEqual(request("put", { key, value }), golden("put"));
  deepEqual(reply("put", "ok"), golden("put reply"));
  deepEqual(request("get", { key }), golden("get"));
  deepEqual(reply("get", "ok", { value }), golden("get reply"));
  deepEqual(reply("get", "not_found"), golden("get missing"));
  deepEqual(request("del", { key }), golden("del"));
  const parsed = parseRequest(keystored, golden("get with a value"));
  ok("refusal" in parsed && parsed.refusal.code === "value_out_of_range");
});

test("keystored answers an operation that it does not have as upstream", () => {
  const parsed = parseRequest(keystored, golden("sign 5 (not here)"));
  ok("refusal" in parsed && parsed.refusal.code === "unknown_op");
  const refused = { code: 5, nonce: undefined, status: "unsupported" };
  deepEqual(encodeRefusal(keystored, refused), golden("sign 5 unsupported"));
});

test("keystored requests of a fixed length parse at no other", () => {
  const names = [
    "keygen",
    "pubkey",
    "privkey",
    "static dh (ours)",
    "sign payload (ours)",
    "sign log checkpoint (ours)",
  ];
  for (const name of names) {
    const frame = golden(name);
    ok(!("refusal" in parseRequest(keystored, frame)), name);
    for (let length = 0; length < frame.length; length++) {
      ok("refusal" in parseRequest(keystored, frame.subarray(0, length)), `${name} ${length}`);
    }
    ok("refusal" in parseRequest(keystored, Uint8Array.of(...frame, 0)), name);
  }
});

test("keystored takes a log checkpoint of the one version alone", () => {
  const frame = golden("sign log checkpoint (ours)").slice();
  frame[4] = 2;
  const parsed = parseRequest(keystored, frame);
  ok("refusal" in parsed && parsed.refusal.code === "value_out_of_range");
});
