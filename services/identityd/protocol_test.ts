import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import {
  encodeCapnpRefusal,
  encodeCapnpReply,
  encodeCapnpRequest,
  parseCapnpRequest,
} from "@runtime/idl/capnp_frame.ts";
import { identityd } from "./protocol.ts";

const golden = goldenFrames("identityd");

test("identityd frames equal the golden bytes", () => {
  const payload = new TextEncoder().encode("abc");
  const getDeviceId = { opName: "getDeviceId", values: {} };
  deepEqual(encodeCapnpRequest(identityd, getDeviceId), golden("get device id"));
  deepEqual(encodeCapnpRequest(identityd, { opName: "sign", values: { payload } }), golden("sign"));
  const reply = { opName: "verify", status: "ok", values: { valid: true } };
  deepEqual(encodeCapnpReply(identityd, reply), golden("verify reply"));
  deepEqual(encodeCapnpRefusal(identityd, 1, "denied"), golden("denied (ours)"));
});

test("identityd ignores a body where upstream does, and parses no other cut frame", () => {
  const body = Uint8Array.of(...golden("get device id"), 1, 2, 3);
  deepEqual(parseCapnpRequest(identityd, body), {
    opName: "getDeviceId",
    nonce: undefined,
    values: {},
  });
  const frame = golden("sign");
  for (let length = 0; length < frame.length; length++) {
    ok("refusal" in parseCapnpRequest(identityd, frame.subarray(0, length)), `${length}`);
  }
});
