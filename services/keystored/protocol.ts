/**
 * keystored: the only holder of secret keys. Keys go in as seeds and never come out.
 *
 * Wire: Open Nexus OS, `KS` v1 (`source/services/keystored/src/protocol.rs`); opcodes from 0x20 are
 * ours.
 *
 * @module
 */

import { keystoredSchema } from "@runtime/capnp/declarations.ts";
import { bytes16, bytes8, fixed, literal, rest, u32, u64, u8 } from "@runtime/idl/field.ts";
import { defineCapnpService, defineService } from "@runtime/idl/service.ts";

/** Where the device's public halves are kept, for whoever reads the state of a node that does not run. */
export const DEVICE_PUBLIC_PATH = "/state/keystore/device.public";
/** Longest message of one signature, in bytes: what identityd's Sign takes. */
export const SIGNED_LENGTH_MAX = 8_000;
/** Longest payload of VERIFY and DEVICE_SIGN: what is left of a frame of 8 KiB. */
export const PAYLOAD_LENGTH_MAX = 8_192 - 4 - 4 - 32 - 64;
/** An X25519 or Ed25519 public key. */
export const KEY_LENGTH = 32;
/** An Ed25519 signature. */
export const SIGNATURE_LENGTH = 64;

/** Longest name of a caller's own value, in bytes. */
export const SCOPED_KEY_LENGTH_MAX = 64;
/** Longest value of a caller's own, in bytes. */
export const SCOPED_VALUE_LENGTH_MAX = 256;

/** Role of the signer of a session proof, by its number on the wire. */
export const PROOF_ROLE = { initiator: 0, responder: 1 } as const;

/** What stands before the Noise static key in a session proof's digest. Source: Open Nexus OS, dsoftbus. */
export const PROOF_TAG = { initiator: "client-static", responder: "server-static" } as const;

/** What stands before every other message that the device key signs. */
export const PURPOSE_PREFIX = {
  payload: "nexus:payload\0",
  announce: "nexus:announce\0",
  logCheckpoint: "nexus:log-checkpoint\0",
} as const;

/** Of what a log checkpoint is about there is one shape: it is asked for, signed and stored so. */
export const LOG_CHECKPOINT = {
  version: literal(1),
  /** Index into logd's rings. */
  ring: u8(),
  /** The last entry that the signature covers. */
  index: u64(),
  /** Its hash, and with it every entry before. */
  head: fixed(32),
  /** When it was asked for, in milliseconds since the Unix epoch. */
  unixMs: u64(),
} as const;

/** A name alone, in the place of a name and a value: the value's length is zero. */
const NAMED_VALUE = {
  key: bytes8(1, SCOPED_KEY_LENGTH_MAX),
  valueLength: literal(0),
  valueLengthHigh: literal(0),
} as const;

export const keystored = defineService({
  name: "keystored",
  magic: "KS",
  version: 1,
  envelope: { request: [], reply: ["status", "length16"] },
  status: {
    ok: 0,
    not_found: 1,
    malformed: 2,
    too_large: 3,
    unsupported: 4,
    denied: 5,
    key_exists: 10,
    key_not_found: 11,
    private_export_denied: 12,
    point_refused: 0x20,
    unavailable: 0x21,
  },
  refusals: { bad_version: "unsupported", length_out_of_range: "too_large" },
  ops: {
    put: {
      code: 1,
      doc: "Keeps a small value under a name of the caller's own.",
      capability: "keystore.values",
      requestLayout: "split",
      request: {
        key: bytes8(1, SCOPED_KEY_LENGTH_MAX),
        value: bytes16(0, SCOPED_VALUE_LENGTH_MAX),
      },
      reply: {},
    },
    get: {
      code: 2,
      doc: "Tells a value of the caller's own.",
      capability: "keystore.values",
      requestLayout: "split",
      request: NAMED_VALUE,
      reply: { value: rest(SCOPED_VALUE_LENGTH_MAX) },
      idempotent: true,
    },
    del: {
      code: 3,
      doc: "Forgets a value of the caller's own.",
      capability: "keystore.values",
      requestLayout: "split",
      request: NAMED_VALUE,
      reply: {},
    },
    verify: {
      code: 4,
      doc: "Checks an Ed25519 signature by the one strict rule; the payload is taken as it is.",
      capability: "crypto.verify",
      request: {
        payloadLength: u32(),
        verifyingKey: fixed(KEY_LENGTH),
        signature: fixed(SIGNATURE_LENGTH),
        payload: rest(PAYLOAD_LENGTH_MAX),
      },
      reply: { valid: u8() },
    },
    deviceKeygen: {
      code: 10,
      doc: "Makes the device key unless there is one, which it then leaves alone.",
      capability: "device.keygen",
      request: {},
      reply: {},
    },
    getDevicePubkey: {
      code: 11,
      doc: "Tells the device's Ed25519 verifying key.",
      capability: "device.pubkey.read",
      request: {},
      reply: { key: fixed(KEY_LENGTH) },
      idempotent: true,
    },
    deviceSign: {
      code: 12,
      doc: "Signs for the purpose `payload`; never the bare bytes.",
      capability: "crypto.sign",
      request: { payloadLength: u32(), payload: rest(PAYLOAD_LENGTH_MAX) },
      reply: { signature: fixed(SIGNATURE_LENGTH) },
    },
    getDevicePrivkey: {
      code: 13,
      doc: "Always answers PRIVATE_EXPORT_DENIED, whoever asks.",
      capability: null,
      request: {},
      reply: {},
    },
    staticPublic: {
      code: 0x20,
      doc: "Tells the public key of the node's Noise static key.",
      capability: "device.pubkey.read",
      request: {},
      reply: { key: fixed(KEY_LENGTH) },
      idempotent: true,
    },
    staticDh: {
      code: 0x21,
      doc: "X25519 of the node's Noise static key with a remote point; refuses low-order ones.",
      capability: "identity.session",
      request: { remote: fixed(KEY_LENGTH) },
      reply: { shared: fixed(KEY_LENGTH) },
    },
    sessionProof: {
      code: 0x22,
      doc: "Signs the session v1 digest of the role and keystored's own Noise static key.",
      capability: "identity.session",
      target: "role",
      bounds: { role: { min: 0, max: 1, status: "malformed" } },
      request: { role: u8() },
      reply: { signature: fixed(SIGNATURE_LENGTH), verifyingKey: fixed(KEY_LENGTH) },
    },
    signPayload: {
      code: 0x23,
      doc: "Signs for the purpose `payload`.",
      capability: "identity.sign",
      request: { message: bytes16(0, SIGNED_LENGTH_MAX) },
      reply: { signature: fixed(SIGNATURE_LENGTH) },
    },
    signAnnounce: {
      code: 0x24,
      doc: "Signs for the purpose `announce`.",
      capability: "identity.announce",
      request: { message: bytes16(0, SIGNED_LENGTH_MAX) },
      reply: { signature: fixed(SIGNATURE_LENGTH) },
    },
    signLogCheckpoint: {
      code: 0x25,
      doc: "Signs the head of a log chain for the purpose `log-checkpoint`, and nothing else.",
      capability: "identity.log",
      target: "ring",
      bounds: { ring: { min: 0, max: 1, status: "malformed" } },
      request: LOG_CHECKPOINT,
      reply: { signature: fixed(SIGNATURE_LENGTH), verifyingKey: fixed(KEY_LENGTH) },
    },
  },
  markers: {
    ready: {
      line: "keystored: ready",
      phase: "bring-up",
      role: "required",
      proves: "keystored serves; its log says where the device key lives",
      evidence: [],
    },
  },
});

const [
  ,
  getAnchorsResponse,
  verifyRequest,
  verifyResponse,
  ,
  deviceIdResponse,
  isKeyAllowedRequest,
  isKeyAllowedResponse,
] = keystoredSchema.structs;

/** keystored's verification plane, upstream's host opcodes: what is trusted, and what it signed. */
export const anchors = defineCapnpService({
  name: "keystored",
  endpoint: "anchors",
  schema: keystoredSchema,
  status: { ok: 0, malformed: 1, unsupported: 2, unavailable: 3, denied: 0x0f },
  ops: {
    getAnchors: {
      code: 1,
      doc: "Tells the ids of the keys that are trusted: the head of SHA-256 of each, in hex.",
      capability: "crypto.verify",
      request: null,
      reply: getAnchorsResponse,
      idempotent: true,
    },
    verify: {
      code: 2,
      doc: "Checks an Ed25519 signature by an anchor.",
      capability: "crypto.verify",
      target: "anchorId",
      request: verifyRequest,
      reply: verifyResponse,
      idempotent: true,
    },
    deviceId: {
      code: 3,
      doc: "Tells the device id: SHA-256 of the verifying key, 64 lower-case hex digits.",
      capability: "device.pubkey.read",
      request: null,
      reply: deviceIdResponse,
      idempotent: true,
    },
    isKeyAllowed: {
      code: 4,
      doc: "Tells whether a publisher may sign with a key, and why not.",
      capability: "crypto.verify",
      target: ["publisher", "alg"],
      request: isKeyAllowedRequest,
      reply: isKeyAllowedResponse,
      idempotent: true,
    },
  },
});
