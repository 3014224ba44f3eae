import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { fnv1a64 } from "@runtime/core/fnv.ts";
import { encodeCapnpReply, encodeCapnpRequest } from "@runtime/idl/capnp_frame.ts";
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  type Nonce,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import { samgrd, samgrdCapnp } from "./protocol.ts";

const golden = goldenFrames("samgrd");
const NONCE = 0x0102030405060708n;
const ZERO = { send: 0, receive: 0 };
const PLACE = { send: 5, receive: 6 };

/** Upstream's requests end with the nonce, or have none. */
function request(opName: string, values: Readonly<Record<string, unknown>>): Uint8Array {
  return encodeRequest(samgrd, { opName, nonce: 0n, values }).slice(0, -8);
}

function reply(opName: string, status: string, values: object, nonce?: Nonce): Uint8Array {
  return encodeReply(samgrd, { opName, nonce, status, values: { ...values } });
}

test("samgrd frames equal the golden bytes", () => {
  deepEqual(request("register", { name: "vfsd", ...PLACE }), golden("register"));
  deepEqual(reply("register", "ok", ZERO), golden("register reply"));
  deepEqual(request("lookup", { name: "vfsd" }), golden("lookup"));
  deepEqual(reply("lookup", "ok", PLACE), golden("lookup reply"));
  deepEqual(reply("lookup", "not_found", {}), golden("lookup not found"));
  const refused = { code: 2, nonce: undefined, status: "malformed" };
  deepEqual(encodeRefusal(samgrd, refused), golden("lookup malformed"));
  deepEqual(request("senderServiceId", {}), golden("sender service id"));
  deepEqual(request("resolveStatus", { name: "vfsd" }), golden("resolve status"));
  deepEqual(reply("resolveStatus", "ok", ZERO), golden("resolve status reply"));
});

test("samgrd takes a nonce at the end and gives it back, or does without", () => {
  const sid = { sid: fnv1a64("selftest-client") };
  deepEqual(reply("senderServiceId", "ok", sid), golden("sender service id reply"));
  const parsed = parseRequest(samgrd, golden("sender service id with nonce"));
  deepEqual(parsed, { opName: "senderServiceId", nonce: NONCE, values: {} });
  const back = reply("senderServiceId", "ok", sid, NONCE);
  deepEqual(back, golden("sender service id reply with nonce"));
});

test("samgrd's Cap'n Proto frames equal the golden bytes", () => {
  const resolve = { opName: "resolve", values: { name: "ab" } };
  deepEqual(encodeCapnpRequest(samgrdCapnp, resolve), golden("resolve capnp"));
  const register = { opName: "register", values: { name: "ab", endpoint: 5 } };
  deepEqual(encodeCapnpRequest(samgrdCapnp, register), golden("register capnp"));
  const values = { endpoint: 7, found: true };
  const found = { opName: "resolve", status: "ok", values };
  deepEqual(encodeCapnpReply(samgrdCapnp, found), golden("resolve capnp reply"));
});

test("samgrd requests with a name parse at their own length only", () => {
  for (const name of ["register", "lookup", "resolve status"]) {
    const frame = golden(name);
    ok(!("refusal" in parseRequest(samgrd, frame)), name);
    for (let length = 0; length < frame.length; length++) {
      ok("refusal" in parseRequest(samgrd, frame.subarray(0, length)), `${name} ${length}`);
    }
    for (let more = 1; more < 8; more++) {
      ok("refusal" in parseRequest(samgrd, Uint8Array.of(...frame, ...new Uint8Array(more))), name);
    }
  }
});
