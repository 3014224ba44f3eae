import { Handshake, type HandshakeStep } from "@net/noise/handshake.ts";
import { NOISE_TAG_LENGTH } from "@net/noise/pattern.ts";
import { type DecodedProof, decodeProof } from "@net/noise/proof.ts";
import type { Transport } from "@net/noise/transport.ts";
import {
  RECORD_LENGTH_MAX,
  RECORD_PREFIX_LENGTH,
  writeRecordPrefix,
} from "@net/transport/record.ts";
import { connectRequest, connectResponse } from "@net/transport/session_messages.ts";
import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { identityd } from "../identityd/protocol.ts";
import type { keystored } from "../keystored/protocol.ts";
import type { EntropyPool } from "../rngd/client/entropy_pool.ts";
import type { LocalIdentity } from "./custody.ts";
import type { RecordRead, RecordStream } from "./record_stream.ts";
import { type HandshakeRefusal, Refusal } from "./refusal.ts";
import type { StreamEnd } from "./stream.ts";

/** First message of the handshake: ephemeral key and tag around no payload. */
const MESSAGE_1_LENGTH = 48;
/** Longest message with a proof that is read. Upstream's have at most 560 bytes. */
const MESSAGE_LENGTH_MAX = 8_192;
const EPHEMERAL_LENGTH = 32;

/** The daemons and the identity that a handshake needs. */
export interface HandshakePorts {
  readonly keys: Client<typeof keystored>;
  readonly identity: Client<typeof identityd>;
  readonly entropy: EntropyPool;
  readonly local: LocalIdentity;
  /** Prints `identity bound`, after the check. */
  readonly bound: (deviceId: string) => void;
}

/** A peer that proved itself, with the keys of its session. */
export interface Authenticated {
  readonly deviceId: string;
  readonly transport: Transport;
  /** The handshake hash. */
  readonly hash: Uint8Array;
}

/** Whom an initiator dials. */
export interface Expected {
  /** X25519 public key, from the announce or the command line. */
  readonly noiseStatic: Uint8Array;
  /** Device id that the proof must be of; `undefined` when any will do (a pinned static key). */
  readonly deviceId: string | undefined;
}

/**
 * The initiator's side of session v1: handshake, proofs, connect exchange.
 *
 * @param deadlineNs Absolute, for all of it.
 * @throws {Refusal} naming what did not hold; {@linkcode NoiseError} for the handshake itself.
 *
 * Source: session-wire, "Handshake" and "Connect exchange".
 */
export async function initiate(
  records: RecordStream,
  ports: HandshakePorts,
  { expected, deadlineNs }: { expected: Expected; deadlineNs: number },
): Promise<Authenticated> {
  const ephemeralSecret = await ephemeral(ports);
  const handshake = new Handshake({
    role: "initiator",
    localStatic: ports.local.noiseStatic,
    remoteStatic: expected.noiseStatic,
    ephemeralSecret,
  });
  ephemeralSecret.fill(0);
  let transport: Transport | undefined;
  records.decoder.lengthMax = MESSAGE_LENGTH_MAX;
  try {
    const message1 = await resolved(ports, handshake, handshake.write(NOTHING));
    const message2 = await exchanged(records, recordOf(message1), deadlineNs);
    const payload = await resolved(ports, handshake, handshake.read(message2));
    const deviceId = await verified(ports, {
      role: "server",
      noiseStatic: expected.noiseStatic,
      payload,
      expected: expected.deviceId,
    });
    const step = handshake.write(ports.local.proofs.initiator);
    const message3 = await resolved(ports, handshake, step);
    const { hash } = handshake;
    transport = handshake.split();
    const request = connectRequest.encode({ deviceId: ports.local.deviceId });
    // Both are the initiator's to say: nothing is waited for between them.
    const last = concatBytes(recordOf(message3), sealedRecord(transport, request));
    const response = opened(transport, await exchanged(records, last, deadlineNs));
    if (!decoded(connectResponse, response).ok) throw new Refusal("connect_rejected", deviceId);
    records.decoder.lengthMax = RECORD_LENGTH_MAX;
    return { deviceId, transport, hash };
  } catch (error) {
    handshake.wipe();
    transport?.wipe();
    throw error;
  }
}

/**
 * The responder's side of session v1.
 *
 * @throws as {@linkcode initiate}.
 */
export async function respond(
  records: RecordStream,
  ports: HandshakePorts,
  deadlineNs: number,
): Promise<Authenticated> {
  records.decoder.lengthMax = MESSAGE_1_LENGTH;
  const message1 = await readRecord(records, deadlineNs);
  if (message1.length !== MESSAGE_1_LENGTH) throw new Refusal("message_length");
  records.decoder.lengthMax = MESSAGE_LENGTH_MAX;
  const first = message1.slice();
  const ephemeralSecret = await ephemeral(ports);
  const handshake = new Handshake({
    role: "responder",
    localStatic: ports.local.noiseStatic,
    ephemeralSecret,
  });
  ephemeralSecret.fill(0);
  let transport: Transport | undefined;
  try {
    await resolved(ports, handshake, handshake.read(first));
    const step = handshake.write(ports.local.proofs.responder);
    const message2 = await resolved(ports, handshake, step);
    const message3 = await exchanged(records, recordOf(message2), deadlineNs);
    const payload = await resolved(ports, handshake, handshake.read(message3));
    const noiseStatic = handshake.remoteStatic;
    assert(noiseStatic !== undefined, "message 3 brings the initiator's static key");
    const { hash } = handshake;
    transport = handshake.split();
    const expected = undefined;
    const deviceId = await verified(ports, { role: "client", noiseStatic, payload, expected });
    const request = opened(transport, await readRecord(records, deadlineNs));
    const ok = decoded(connectRequest, request).deviceId === deviceId;
    const response = sealedRecord(transport, connectResponse.encode({ ok }));
    await writeAll(records, response, deadlineNs);
    if (!ok) throw new Refusal("connect_mismatch", deviceId);
    records.decoder.lengthMax = RECORD_LENGTH_MAX;
    return { deviceId, transport, hash };
  } catch (error) {
    handshake.wipe();
    transport?.wipe();
    throw error;
  }
}

const NOTHING = new Uint8Array(0);

async function ephemeral({ entropy }: HandshakePorts): Promise<Uint8Array> {
  const secret = await entropy.draw(EPHEMERAL_LENGTH);
  if (secret === undefined) throw new Refusal("custody");
  return secret;
}

/** Lets keystored do the Diffie-Hellman that a step needs the static secret for. */
async function resolved(
  { keys }: HandshakePorts,
  handshake: Handshake,
  step: HandshakeStep,
): Promise<Uint8Array> {
  let next = step;
  while (next.need === "staticDh") {
    const reply = await keys.staticDh({ remote: next.remote });
    if (reply.status !== "ok" && reply.status !== "point_refused") throw new Refusal("custody");
    const shared = reply.status === "ok" ? reply.shared : undefined;
    next = handshake.resume(shared);
    shared?.fill(0);
  }
  assert(next.need === "nothing", "every message is written with its payload");
  return next.bytes;
}

/** The device id of a proof that identityd found to hold. Nothing else grants trust. */
async function verified(
  { identity, bound }: HandshakePorts,
  proof: {
    role: "client" | "server";
    noiseStatic: Uint8Array;
    payload: Uint8Array;
    expected: string | undefined;
  },
): Promise<string> {
  const { role, noiseStatic, expected } = proof;
  const { deviceId, verifyingKey, signature } = parsedProof(proof.payload);
  const reply = await identity.verifyProof({
    role,
    noiseStatic,
    deviceId,
    verifyingKey,
    signature,
  });
  if (reply.status !== "ok") throw new Refusal("custody");
  if (!reply.valid) throw new Refusal("identity_mismatch", deviceId);
  if (expected !== undefined && expected !== deviceId) {
    throw new Refusal("identity_mismatch", deviceId);
  }
  bound(deviceId);
  return deviceId;
}

function parsedProof(payload: Uint8Array): DecodedProof {
  try {
    return decodeProof(payload);
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("proof_malformed");
    throw error;
  }
}

function decoded<V>(codec: { decode(bytes: Uint8Array): V }, bytes: Uint8Array): V {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("connect_malformed");
    throw error;
  }
}

async function readRecord(records: RecordStream, deadlineNs: number): Promise<Uint8Array> {
  return recordRead(await records.read(deadlineNs));
}

/** Sends what is ours to say and reads the peer's next record. */
async function exchanged(
  records: RecordStream,
  bytes: Uint8Array<ArrayBuffer>,
  deadlineNs: number,
): Promise<Uint8Array> {
  return recordRead(await records.exchange(bytes, deadlineNs));
}

function recordRead(read: RecordRead): Uint8Array {
  if (read.status === "ok") return read.record;
  throw new Refusal(ENDED[read.status]);
}

const ENDED = {
  timed_out: "handshake_timeout",
  closed: "closed_early",
  reset: "connection_reset",
  gone: "gone",
} as const satisfies Readonly<Record<StreamEnd, HandshakeRefusal>>;

function opened(transport: Transport, sealed: Uint8Array): Uint8Array {
  const plain = new Uint8Array(sealed.length);
  return plain.subarray(0, transport.open(sealed, plain));
}

function recordOf(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(RECORD_PREFIX_LENGTH + message.length);
  bytes.set(message, writeRecordPrefix(message.length, bytes));
  return bytes;
}

function sealedRecord(transport: Transport, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = plain.length + NOISE_TAG_LENGTH;
  const bytes = new Uint8Array(RECORD_PREFIX_LENGTH + length);
  transport.seal(plain, bytes, writeRecordPrefix(length, bytes));
  return bytes;
}

async function writeAll(
  records: RecordStream,
  bytes: Uint8Array<ArrayBuffer>,
  deadlineNs: number,
): Promise<void> {
  const status = await records.write(bytes, deadlineNs);
  if (status === "ok") return;
  if (status === "timed_out") throw new Refusal("handshake_timeout");
  throw new Refusal(status === "reset" ? "connection_reset" : "closed_early");
}
