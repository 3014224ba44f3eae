import { NoiseError } from "@net/noise/error.ts";
import { finishWithStatic, Handshake } from "@net/noise/handshake.ts";
import type { Transport } from "@net/noise/transport.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";

/**
 * Two ends meet and agree. One damaged message ends the handshake of whoever reads it, for good;
 * calls out of turn and repeated messages change nothing or end it, and never complete it.
 */
export const name = "handshake";

const PAYLOAD_MAX = 80;
const RECORDS = 4;

interface End {
  readonly handshake: Handshake;
  readonly secret: X25519Secret;
}

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const [initiator, responder] = chosenEnds(choices);
  const damagedIndex = choices.below(6);
  for (let index = 0; index < 3; index++) {
    const [writer, reader] = index % 2 === 0 ? [initiator, responder] : [responder, initiator];
    outOfTurn(choices, reader.handshake, writer.handshake);
    const payload = choices.bytes(choices.below(PAYLOAD_MAX));
    const message = finishWithStatic(
      writer.handshake,
      writer.secret,
      writer.handshake.write(payload),
    );
    const received = index === damagedIndex ? choices.damaged(message) : message;
    const read = readOrRefused(reader, received);
    const same = received.length === message.length &&
      received.every((byte, at) => byte === message[at]);
    if (!same) ok(read === undefined, `message ${index} was read although it was damaged`);
    if (read === undefined) return over(reader.handshake, message);
    deepEqual(read, payload);
  }
  deepEqual(initiator.handshake.hash, responder.handshake.hash);
  exchange(choices, initiator.handshake.split(), responder.handshake.split());
}

function chosenEnds(choices: Choices): readonly [End, End] {
  const secrets = [x25519Secret(choices.bytes(32)), x25519Secret(choices.bytes(32))] as const;
  const prologue = choices.bytes(choices.below(8));
  const end = (
    role: "initiator" | "responder",
    secret: X25519Secret,
    remote?: X25519Secret,
  ): End => ({
    secret,
    handshake: new Handshake({
      role,
      localStatic: secret.publicKey,
      ephemeralSecret: choices.bytes(32),
      prologue,
      ...(remote === undefined ? {} : { remoteStatic: remote.publicKey }),
    }),
  });
  return [end("initiator", secrets[0], secrets[1]), end("responder", secrets[1])];
}

function outOfTurn(choices: Choices, reader: Handshake, writer: Handshake): void {
  if (choices.oneIn(3)) refuses(() => reader.write(choices.bytes(4)), "not_turn_to_write");
  if (choices.oneIn(3)) refuses(() => writer.read(choices.bytes(64)), "not_turn_to_read");
  if (choices.oneIn(3)) refuses(() => reader.resume(choices.bytes(32)), "nothing_pending");
  if (choices.oneIn(3)) refuses(() => reader.split(), "not_complete");
}

function refuses(call: () => unknown, code: string): void {
  try {
    call();
  } catch (error) {
    ok(error instanceof NoiseError && error.code === code, String(error));
    return;
  }
  ok(false, `no ${code}`);
}

function readOrRefused({ handshake, secret }: End, message: Uint8Array): Uint8Array | undefined {
  try {
    return finishWithStatic(handshake, secret, handshake.read(message));
  } catch (error) {
    if (!(error instanceof NoiseError)) throw error;
    return undefined;
  }
}

/** A failed handshake stays failed, also for the message that it should have got. */
function over(handshake: Handshake, message: Uint8Array): void {
  deepEqual(handshake.state, "failed");
  for (const call of [() => handshake.read(message), () => handshake.split()]) {
    try {
      call();
    } catch (error) {
      ok(error instanceof NoiseError, String(error));
      continue;
    }
    ok(false, "a failed handshake went on");
  }
}

/** Records arrive in order; a damaged one ends the transport. */
function exchange(choices: Choices, sender: Transport, receiver: Transport): void {
  for (let count = 0; count < RECORDS; count++) {
    const plain = choices.bytes(choices.below(PAYLOAD_MAX));
    const sealed = new Uint8Array(plain.length + 16);
    deepEqual(sender.seal(plain, sealed), sealed.length);
    const received = choices.oneIn(4) ? choices.damaged(sealed) : sealed;
    const same = received.length === sealed.length &&
      received.every((byte, at) => byte === sealed[at]);
    const opened = new Uint8Array(received.length);
    try {
      const length = receiver.open(received, opened);
      ok(same, "a damaged record was opened");
      deepEqual(opened.subarray(0, length), plain);
    } catch (error) {
      ok(error instanceof NoiseError && !same, String(error));
      ok(receiver.failed);
      return;
    }
  }
}
