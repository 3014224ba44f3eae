import { fromHex, toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import {
  ALICE_PROOF,
  end,
  opened,
  read,
  sealed,
  session,
  withEach,
  write,
} from "@tests/fakes/noise.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { test } from "@tests/fakes/test.ts";

import { XK } from "./pattern.ts";

const VECTOR_FILES = [
  "vectors/noise/cacophony-xk-25519-chachapoly-blake2s.json",
  "vectors/noise/snow-xk-25519-chachapoly-blake2s.json",
];

/** XK cases that must run: one of each file. XK1 and the psk patterns are other patterns. */
const XK_CASES = 2;

interface Vector {
  readonly "protocol_name": string;
  readonly "handshake_hash"?: string;
  readonly "init_prologue": string;
  readonly "resp_prologue": string;
  readonly "init_static": string;
  readonly "resp_static": string;
  readonly "init_ephemeral": string;
  readonly "resp_ephemeral": string;
  readonly "init_remote_static": string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

/** Plays a published session. Messages alternate on from the handshake: the fourth is the responder's. */
function play(vector: Vector): void {
  const initiator = end("initiator", {
    secret: vector.init_static,
    ephemeral: vector.init_ephemeral,
    remote: vector.init_remote_static,
    prologue: vector.init_prologue,
  });
  const responder = end("responder", {
    secret: vector.resp_static,
    ephemeral: vector.resp_ephemeral,
    prologue: vector.resp_prologue,
  });
  for (const [index, { payload, ciphertext }] of vector.messages.slice(0, 3).entries()) {
    const [from, to] = index % 2 === 0 ? [initiator, responder] : [responder, initiator];
    equal(toHex(write(from, fromHex(payload))), ciphertext);
    equal(toHex(read(to, fromHex(ciphertext))), payload);
  }
  deepEqual(initiator.handshake.hash, responder.handshake.hash);
  if (vector.handshake_hash !== undefined) {
    equal(toHex(initiator.handshake.hash), vector.handshake_hash);
  }
  deepEqual(responder.handshake.remoteStatic, initiator.secret.publicKey);
  const ends = [initiator.handshake.split(), responder.handshake.split()] as const;
  for (const [index, { payload, ciphertext }] of vector.messages.slice(3).entries()) {
    const [from, to] = index % 2 === 0 ? [ends[1], ends[0]] : ends;
    equal(toHex(sealed(from, fromHex(payload))), ciphertext);
    equal(toHex(opened(to, fromHex(ciphertext))), payload);
  }
}

test("Handshake plays the XK cases of cacophony and snow, every message and transport", () => {
  withEach(() => {
    let cases = 0;
    for (const file of VECTOR_FILES) {
      for (const vector of JSON.parse(sharedText(file)).vectors) {
        if (vector.protocol_name !== XK.protocol) continue;
        play(vector);
        ok(vector.messages.length > 4);
        cases++;
      }
    }
    equal(cases, XK_CASES);
  });
}, { ignore: !VECTOR_FILES.every(sharedPresent) });

const MESSAGE_1 = "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13" +
  "bf03dac892a7ca3b63b673f0a0275605";

const RECORDS = [
  // ConnectRequest{deviceId}, ConnectResponse{ok}, Frame{1, "ping"}, Frame{1, "pong"}.
  {
    from: "initiator",
    plain: "000000000b0000000000000000000100010000000a020000" +
      toHex(new TextEncoder().encode(ALICE_PROOF.deviceId)) + "0000000000000000",
    record:
      "e77b782cb9eccfdcd49df6f9014ae0bf5e88f249a0a9235d3945dd150697d55995ce3746dbe9a06f80b3de12" +
      "c5a17640adb5c13df3184b2ad572654c9701d06d27fa0ad9310a161c8ec32329f9be22a259e034da43e4d23d" +
      "0783248fdfc2707371e3222e08109c6ffeb85ed8b030f15f",
  },
  {
    from: "responder",
    plain: "000000000200000000000000010000000100000000000000",
    record: "7083338e8f6522668d024b341835ff7d3435fa9cccd01aa678c5d5d32ea02a07afa08e8ea938db39",
  },
  {
    from: "initiator",
    plain: "000000000400000000000000010001000100000000000000010000002200000070696e6700000000",
    record:
      "ad789868e087cc4a387f67dcc481a7a1f5e9a5373c9231d579ad2cc7df65a6a9780b577fe9788f143602421f" +
      "4c4f221aaaef0876acd039a7",
  },
  {
    from: "responder",
    plain: "0000000004000000000000000100010001000000000000000100000022000000706f6e6700000000",
    record:
      "6ac0b1a14793cda7ee38359463dee5a1cd9a0affe1956972cb47ea825dce31a2b7de475cebab9f7a7659a1c4" +
      "e5a8650f5d91b9d9994e0a56",
  },
] as const;

test("Handshake and Transport give the bytes of session-wire A.2", () => {
  withEach(() => {
    const { alice, bob, messages: [first, second, third] } = session();
    equal(toHex(first), MESSAGE_1);
    deepEqual([second.length, toHex(sha256(second))], [
      510,
      "595679b28f5da5db4dc1b97e2e626b4ac8b49d5d9852e613d1be414abca859da",
    ]);
    deepEqual([third.length, toHex(sha256(third))], [
      521,
      "a4761ecd78fec8558f3ed4e1ab06f5c14c38f8fc6d1e6322f532988efe96f033",
    ]);
    for (const { handshake } of [alice, bob]) {
      equal(handshake.state, "complete");
      equal(
        toHex(handshake.hash),
        "3a3ca94160b3c2d57b12ea492b363a051ec0a8ade06ca85939cca6015e6560c1",
      );
    }
    const transports = { initiator: alice.handshake.split(), responder: bob.handshake.split() };
    for (const { from, plain, record } of RECORDS) {
      const to = from === "initiator" ? "responder" : "initiator";
      equal(toHex(sealed(transports[from], fromHex(plain))), record);
      equal(toHex(opened(transports[to], fromHex(record))), plain);
    }
  });
});
