import { InvariantError } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { forceProviders } from "@runtime/crypto/providers.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { test } from "@tests/fakes/test.ts";

import { NoiseError, type NoiseErrorCode } from "./error.ts";
import { finishWithStatic, Handshake } from "./handshake.ts";
import { messageOverhead, type NoiseRole, XK } from "./pattern.ts";
import { decodeProof, encodeProof, type Proof } from "./proof.ts";
import type { Transport } from "./transport.ts";

const VECTOR_FILES = [
  "vectors/noise/cacophony-xk-25519-chachapoly-blake2s.json",
  "vectors/noise/snow-xk-25519-chachapoly-blake2s.json",
];
const LOW_ORDER_FILE = "vectors/wycheproof/x25519_test.json";

/** XK cases that must run: one of each file. XK1 and the psk patterns are other patterns. */
const XK_CASES = 2;
const LOW_ORDER_POINTS = 14;

/** Runs `body` with the chosen implementations, then with the reference. */
function withEach(body: () => void): void {
  body();
  forceProviders("noble");
  try {
    body();
  } finally {
    forceProviders(undefined);
  }
}

interface End {
  readonly handshake: Handshake;
  readonly secret: X25519Secret;
}

interface EndOptions {
  readonly secret: string;
  readonly ephemeral: string;
  readonly remote?: string;
  readonly prologue?: string;
}

function end(role: NoiseRole, options: EndOptions): End {
  const secret = x25519Secret(fromHex(options.secret));
  const handshake = new Handshake({
    role,
    localStatic: secret.publicKey,
    ephemeralSecret: fromHex(options.ephemeral),
    prologue: fromHex(options.prologue ?? ""),
    ...(options.remote === undefined ? {} : { remoteStatic: fromHex(options.remote) }),
  });
  return { handshake, secret };
}

function write({ handshake, secret }: End, payload: Uint8Array): Uint8Array {
  return finishWithStatic(handshake, secret, handshake.write(payload));
}

function read({ handshake, secret }: End, message: Uint8Array): Uint8Array {
  return finishWithStatic(handshake, secret, handshake.read(message));
}

function codeOf(work: () => unknown): NoiseErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof NoiseError) return error.code;
    throw error;
  }
}

function sealed(transport: Transport, plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.length + 16);
  transport.seal(plain, out);
  return out;
}

function opened(transport: Transport, record: Uint8Array): Uint8Array {
  const out = new Uint8Array(record.length - 16);
  transport.open(record, out);
  return out;
}

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

/** Session-wire, appendix A: secrets and public keys of A.1, fixed ephemerals of A.2. */
const ALICE = {
  secret: "70cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363753",
  ephemeral: "11".repeat(32),
  remote: "6f79a4e17869fe358541b51b26de54a342c7b46326e0b9ce00631270b3186f65",
};
const BOB = {
  secret: "70877bb41d393b5fb8455ce60ecd8dda001d06316496b14dfa7f895656eeca4a",
  ephemeral: "22".repeat(32),
};
const ALICE_PROOF: Proof = {
  deviceId: "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e",
  verifyingKey: fromHex("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"),
  signature: fromHex(
    "ab5b7b9f7d98e63500fab3e8a77836ec583ba9883b5db9e968a6af01aedad577" +
      "7df43ba00a75973ece183e1f6f9aa434c2fba2acea9c862f0618dab98ed26808",
  ),
};
const BOB_PROOF: Proof = {
  deviceId: "6a3803d5f059902a1c6dafbc9ba4729212f7caac08634cc3ae76b27529f03827",
  verifyingKey: fromHex("8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"),
  signature: fromHex(
    "43cbaccadb5863e3ab1c8ccc15767b7a30486940e9e54a91f5557b533362d6c0" +
      "afa53baf61287e896cfad78a77149b479de555febef1607e1be4fe779c958205",
  ),
};

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

interface Session {
  readonly alice: End;
  readonly bob: End;
  readonly messages: readonly [Uint8Array, Uint8Array, Uint8Array];
}

/** Alice and Bob through all three messages. */
function session(): Session {
  const [alice, bob] = [end("initiator", ALICE), end("responder", BOB)];
  const first = write(alice, new Uint8Array(0));
  read(bob, first);
  const second = write(bob, encodeProof(BOB_PROOF));
  read(alice, second);
  const third = write(alice, encodeProof(ALICE_PROOF));
  read(bob, third);
  return { alice, bob, messages: [first, second, third] };
}

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

test("Handshake carries proofs that decode to what went in", () => {
  const [alice, bob] = [end("initiator", ALICE), end("responder", BOB)];
  read(bob, write(alice, new Uint8Array(0)));
  equal(decodeProof(read(alice, write(bob, encodeProof(BOB_PROOF)))).deviceId, BOB_PROOF.deviceId);
  equal(
    decodeProof(read(bob, write(alice, encodeProof(ALICE_PROOF)))).deviceId,
    ALICE_PROOF.deviceId,
  );
});

/** Both ends just before message `index` is read, and that message. */
function before(index: number): { readonly reader: End; readonly message: Uint8Array } {
  const [alice, bob] = [end("initiator", ALICE), end("responder", BOB)];
  const payloads = [new Uint8Array(0), Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
  for (const [at, payload] of payloads.entries()) {
    const [from, to] = at % 2 === 0 ? [alice, bob] : [bob, alice];
    const message = write(from, payload);
    if (at === index) return { reader: to, message };
    read(to, message);
  }
  throw new InvariantError("XK has three messages");
}

/** Whether a handshake is over and all it can say is that. */
function dead(reader: End): void {
  const { handshake } = reader;
  equal(handshake.state, "failed");
  equal(codeOf(() => handshake.read(new Uint8Array(48))), "failed");
  equal(codeOf(() => handshake.write(new Uint8Array(0))), "failed");
  equal(codeOf(() => handshake.beginWrite()), "failed");
  equal(codeOf(() => handshake.finishWrite(new Uint8Array(0))), "failed");
  equal(codeOf(() => handshake.resume(new Uint8Array(32).fill(1))), "failed");
  equal(codeOf(() => handshake.split()), "failed");
  equal(codeOf(() => handshake.hash), "failed");
}

test("Handshake refuses each message with any one byte changed, and is over", () => {
  for (const index of [0, 1, 2]) {
    const { length } = before(index).message;
    for (let at = 0; at < length; at++) {
      const { reader, message } = before(index);
      // The top bit of a public key is ignored by X25519; 0x41 also changes others.
      message[at] = (message[at] ?? 0) ^ 0x41;
      equal(codeOf(() => read(reader, message)), "decrypt_failed", `message ${index} byte ${at}`);
      dead(reader);
    }
  }
});

test("Handshake refuses the ignored top bit of an ephemeral key too: it is hashed", () => {
  for (const index of [0, 1]) {
    const { reader, message } = before(index);
    message[31] = (message[31] ?? 0) ^ 0x80;
    equal(codeOf(() => read(reader, message)), "decrypt_failed");
  }
});

test("Handshake refuses messages that are cut, extended, too short or too long", () => {
  for (const index of [0, 1, 2]) {
    const least = messageOverhead(XK, index);
    for (const length of [0, 1, least - 1, 65536]) {
      const { reader } = before(index);
      equal(codeOf(() => read(reader, new Uint8Array(length))), "message_length");
      dead(reader);
    }
    const extended = before(index);
    const longer = concatBytes(extended.message, new Uint8Array(1));
    equal(codeOf(() => read(extended.reader, longer)), "decrypt_failed");
  }
});

test("messageOverhead is what XK's messages add", () => {
  deepEqual([0, 1, 2].map((index) => messageOverhead(XK, index)), [48, 48, 64]);
});

test("Handshake refuses every low-order ephemeral and static key of Wycheproof", () => {
  const { testGroups } = JSON.parse(sharedText(LOW_ORDER_FILE));
  const points = new Set<string>();
  for (const { tests } of testGroups) {
    for (const one of tests) if (/^0+$/.test(one.shared)) points.add(one.public);
  }
  equal(points.size, LOW_ORDER_POINTS);
  withEach(() => {
    for (const point of points) {
      for (const index of [0, 1]) {
        const { reader, message } = before(index);
        message.set(fromHex(point));
        equal(codeOf(() => read(reader, message)), "low_order_point", point);
        dead(reader);
      }
      const pinned = end("initiator", { ...ALICE, remote: point });
      equal(codeOf(() => write(pinned, new Uint8Array(0))), "low_order_point", point);
      dead(pinned);
    }
  });
}, { ignore: !sharedPresent(LOW_ORDER_FILE) });

test("Handshake refuses a wrong responder key, another prologue and an all-zero shared secret", () => {
  const wrongKey = end("initiator", {
    ...ALICE,
    remote: toHex(x25519Secret(fromHex(ALICE.secret)).publicKey),
  });
  const bob = end("responder", BOB);
  equal(codeOf(() => read(bob, write(wrongKey, new Uint8Array(0)))), "decrypt_failed");
  const other = end("responder", { ...BOB, prologue: "00" });
  equal(
    codeOf(() => read(other, write(end("initiator", ALICE), new Uint8Array(0)))),
    "decrypt_failed",
  );
  const { reader, message } = before(0);
  reader.handshake.read(message);
  equal(codeOf(() => reader.handshake.resume(new Uint8Array(32))), "low_order_point");
  dead(reader);
});

test("Handshake refuses calls out of turn and is unharmed", () => {
  const [alice, bob] = [end("initiator", ALICE), end("responder", BOB)];
  const none = new Uint8Array(0);
  deepEqual([alice.handshake.state, bob.handshake.state], ["awaiting_write", "awaiting_read"]);
  equal(codeOf(() => alice.handshake.read(new Uint8Array(48))), "not_turn_to_read");
  equal(codeOf(() => bob.handshake.write(none)), "not_turn_to_write");
  equal(codeOf(() => bob.handshake.beginWrite()), "not_turn_to_write");
  equal(codeOf(() => alice.handshake.resume(new Uint8Array(32).fill(1))), "nothing_pending");
  equal(codeOf(() => alice.handshake.finishWrite(none)), "nothing_pending");
  equal(codeOf(() => alice.handshake.split()), "not_complete");
  equal(codeOf(() => alice.handshake.hash), "not_complete");
  equal(codeOf(() => alice.handshake.write(new Uint8Array(65535 - 47))), "message_too_long");
  const first = write(alice, none);
  equal(toHex(first), MESSAGE_1);
  equal(codeOf(() => alice.handshake.write(none)), "not_turn_to_write");
  read(bob, first);
  read(alice, write(bob, none));
  read(bob, write(alice, none));
  equal(codeOf(() => alice.handshake.write(none)), "not_turn_to_write");
  equal(codeOf(() => bob.handshake.read(new Uint8Array(48))), "not_turn_to_read");
  alice.handshake.split();
  equal(codeOf(() => alice.handshake.split()), "not_complete");
});

test("Handshake shows nothing of a message that waits for its static Diffie-Hellman", () => {
  const { reader, message } = before(0);
  const step = reader.handshake.read(message);
  equal(step.need, "staticDh");
  equal(reader.handshake.state, "awaiting_read");
  equal(codeOf(() => reader.handshake.read(message)), "message_pending");
  equal(codeOf(() => reader.handshake.write(message)), "not_turn_to_write");
  equal(codeOf(() => reader.handshake.finishWrite(message)), "nothing_pending");
  message.fill(0);
  deepEqual(finishWithStatic(reader.handshake, reader.secret, step), new Uint8Array(0));
  equal(reader.handshake.state, "awaiting_write");

  const third = before(1);
  read(third.reader, third.message);
  const payload = Uint8Array.of(4, 5);
  const pending = third.reader.handshake.write(payload);
  equal(pending.need, "staticDh");
  equal(third.reader.handshake.state, "awaiting_write");
  equal(codeOf(() => third.reader.handshake.write(payload)), "message_pending");
  payload.fill(0);
  deepEqual(
    finishWithStatic(third.reader.handshake, third.reader.secret, pending),
    before(2).message,
  );
});

test("Handshake does not learn the initiator's key from a message that fails", () => {
  const { reader, message } = before(2);
  equal(reader.handshake.remoteStatic, undefined);
  message[message.length - 1] = (message.at(-1) ?? 0) ^ 1;
  equal(codeOf(() => read(reader, message)), "decrypt_failed");
  equal(reader.handshake.remoteStatic, undefined);
});

test("Handshake gives both ends the same hash to bind a payload to, before the payload is made", () => {
  const { reader, message } = before(1);
  const second = reader.handshake.read(message);
  equal(second.need, "nothing");
  const waiting = reader.handshake.beginWrite();
  if (waiting.need !== "staticDh") throw new InvariantError("XK's third message needs it");
  const asked = reader.handshake.resume(reader.secret.shared(waiting.remote));
  if (asked.need !== "payload") throw new InvariantError("the payload is not known yet");
  equal(codeOf(() => reader.handshake.resume(new Uint8Array(32).fill(1))), "nothing_pending");
  equal(codeOf(() => reader.handshake.finishWrite(new Uint8Array(65535))), "message_too_long");
  const done = reader.handshake.finishWrite(Uint8Array.of(4, 5));
  const expected = before(2);
  if (done.need !== "nothing") throw new InvariantError("the message is done");
  deepEqual(done.bytes, expected.message);
  deepEqual(done.payloadHash, asked.payloadHash);
  const seen = expected.reader.handshake.read(done.bytes);
  if (seen.need !== "nothing") throw new InvariantError("the responder needs no static key here");
  deepEqual(seen.payloadHash, asked.payloadHash);
});

test("Handshake refuses a replayed first message only later: its own ephemeral is fresh", () => {
  const { messages } = session();
  const again = end("responder", { ...BOB, ephemeral: "33".repeat(32) });
  read(again, messages[0]);
  write(again, new Uint8Array(0));
  equal(codeOf(() => read(again, messages[2])), "decrypt_failed");
  dead(again);
});

test("Handshake wiped by its owner is over", () => {
  const { reader } = before(1);
  reader.handshake.wipe();
  dead(reader);
});

test("Handshake treats keys of another length and a misplaced responder key as bugs", () => {
  const options = { localStatic: new Uint8Array(32), ephemeralSecret: new Uint8Array(32).fill(1) };
  const remoteStatic = new Uint8Array(32).fill(9);
  throws(() => new Handshake({ ...options, role: "initiator" }), InvariantError);
  throws(() => new Handshake({ ...options, role: "responder", remoteStatic }), InvariantError);
  const short = { ...options, localStatic: new Uint8Array(31) };
  throws(() => new Handshake({ ...short, role: "responder" }), InvariantError);
  const entropy = { ...options, ephemeralSecret: new Uint8Array(31) };
  throws(() => new Handshake({ ...entropy, role: "responder" }), InvariantError);
});
