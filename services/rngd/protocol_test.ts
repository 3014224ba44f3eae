import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import { rngd } from "./protocol.ts";

const golden = goldenFrames("rngd");
const HEAD = { opName: "getEntropy", nonce: 1n };

test("rngd frames equal the golden bytes", () => {
  const entropy = Uint8Array.of(0xaa, 0xbb);
  const reply = (status: string) => encodeReply(rngd, { ...HEAD, status, values: { entropy } });
  deepEqual(encodeRequest(rngd, { ...HEAD, values: { length: 32 } }), golden("request"));
  deepEqual(reply("ok"), golden("reply ok"));
  deepEqual(reply("oversized"), golden("reply oversized"));
  deepEqual(reply("denied"), golden("reply denied"));
  deepEqual(reply("unavailable"), golden("reply unavailable"));
  const refused = { code: 1, nonce: undefined, status: "malformed" };
  deepEqual(encodeRefusal(rngd, refused), golden("reply malformed without nonce"));
});

test("rngd request parses at its own length only", () => {
  const request = golden("request");
  deepEqual(parseRequest(rngd, request), { ...HEAD, values: { length: 32 } });
  for (let length = 0; length < request.length; length++) {
    ok("refusal" in parseRequest(rngd, request.subarray(0, length)));
  }
  ok("refusal" in parseRequest(rngd, Uint8Array.of(...request, 0)));
});
