import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { fnv1a64 } from "@runtime/core/fnv.ts";
import { decider } from "@runtime/boot/protocol.ts";
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import type { PackedService } from "@runtime/idl/service.ts";
import { policyd, policydV2, policydV3 } from "./protocol.ts";

const golden = goldenFrames("policyd");
const NONCE = 0xcafebaben;
const SELFTEST = fnv1a64("selftest-client");
const EXECD = fnv1a64("execd");

function request(
  service: PackedService,
  opName: string,
  values: Readonly<Record<string, unknown>>,
) {
  return encodeRequest(service, { opName, nonce: NONCE, values });
}

function reply(service: PackedService, opName: string, status: string): Uint8Array {
  return encodeReply(service, { opName, nonce: NONCE, status, values: {} });
}

test("policyd's version 1 frames equal the golden bytes", () => {
  const requester = "samgrd";
  deepEqual(request(policyd, "check", { requester }), golden("check v1"));
  deepEqual(request(policyd, "route", { requester, target: "execd" }), golden("route v1"));
  deepEqual(request(policyd, "exec", { requester, image: 1 }), golden("exec v1"));
  const cap = { subject: SELFTEST, capability: "ipc.core" };
  deepEqual(request(policyd, "checkCapability", cap), golden("check cap v1"));
  const delegated = { subject: SELFTEST, capability: "rng.entropy" };
  deepEqual(request(policyd, "checkDelegated", delegated), golden("check cap delegated v1"));
  deepEqual(reply(policyd, "check", "ok"), golden("reply v1 check allow"));
  deepEqual(reply(policyd, "check", "denied"), golden("reply v1 check deny"));
  deepEqual(reply(policyd, "check", "malformed"), golden("reply v1 check malformed"));
  const refused = { code: 0x7f, nonce: undefined, status: "unsupported" };
  deepEqual(encodeRefusal(policyd, refused), golden("unsupported op v1"));
});

test("policyd's version 2 frames equal the golden bytes", () => {
  const requester = "samgrd";
  const delegated = { subject: SELFTEST, capability: "rng.entropy" };
  deepEqual(request(policydV2, "checkDelegated", delegated), golden("check cap delegated v2"));
  deepEqual(request(policydV2, "route", { requester, target: "execd" }), golden("route v2"));
  deepEqual(request(policydV2, "exec", { requester, image: 1 }), golden("exec v2"));
  deepEqual(reply(policydV2, "checkDelegated", "ok"), golden("reply v2 delegated allow"));
  deepEqual(reply(policydV2, "checkDelegated", "denied"), golden("reply v2 delegated deny"));
});

test("policyd's version 3 frames equal the golden bytes", () => {
  const route = { requester: SELFTEST, target: EXECD };
  deepEqual(request(policydV3, "route", route), golden("route v3"));
  deepEqual(request(policydV3, "exec", { requester: SELFTEST, image: 1 }), golden("exec v3"));
  deepEqual(reply(policydV3, "route", "denied"), golden("reply v3 route deny"));
});

test("policyd's DECIDE is the frame that every gate sends", () => {
  const ask = {
    subject: "nx-cl",
    capability: "rng.entropy",
    operation: "rngd.getEntropy",
    target: "32",
  };
  deepEqual(request(policydV2, "decide", ask), golden("decide v2 (ours)"));
  deepEqual(request(decider, "decide", ask), golden("decide v2 (ours)"));
  deepEqual(reply(policydV2, "decide", "ok"), golden("reply v2 decide allow (ours)"));
});

test("policyd's requests parse at their own length only", () => {
  const frames: readonly (readonly [PackedService, readonly string[]])[] = [
    [policyd, ["check v1", "route v1", "exec v1", "check cap v1", "check cap delegated v1"]],
    [policydV2, ["check cap delegated v2", "route v2", "exec v2", "decide v2 (ours)"]],
    [policydV3, ["route v3", "exec v3"]],
  ];
  for (const [service, names] of frames) {
    for (const name of names) {
      const frame = golden(name);
      ok(!("refusal" in parseRequest(service, frame)), name);
      for (let length = 0; length < frame.length; length++) {
        ok("refusal" in parseRequest(service, frame.subarray(0, length)), `${name} ${length}`);
      }
      ok("refusal" in parseRequest(service, Uint8Array.of(...frame, 0)), name);
    }
  }
});
