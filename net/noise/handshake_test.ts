import { InvariantError } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { x25519Secret } from "@runtime/crypto/x25519.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import {
  ALICE,
  ALICE_PROOF,
  BOB,
  BOB_PROOF,
  codeOf,
  type End,
  end,
  read,
  session,
  withEach,
  write,
} from "@tests/fakes/noise.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { test } from "@tests/fakes/test.ts";

import { finishWithStatic, Handshake } from "./handshake.ts";
import { messageOverhead, XK } from "./pattern.ts";
import { decodeProof, encodeProof } from "./proof.ts";

const LOW_ORDER_FILE = "vectors/wycheproof/x25519_test.json";
const LOW_ORDER_POINTS = 14;

/** Source: session-wire, appendix A.2. */
const MESSAGE_1 = "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13" +
  "bf03dac892a7ca3b63b673f0a0275605";

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
