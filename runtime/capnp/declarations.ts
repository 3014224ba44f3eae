/**
 * The schemas that this device speaks: upstream's file ids, names, field numbers and types, with
 * bounds of our own.
 *
 * Source: open-nexus-OS/open-nexus-OS, `tools/nexus-idl/schemas`; `VerifyProof` is ours.
 *
 * @module
 */

import { FRAME_PAYLOAD_MAX } from "./limits.ts";
import type { CapnpSchema } from "./struct.ts";

/** A device id: SHA-256 of the verifying key in hexadecimal. */
export const DEVICE_ID_LENGTH_MAX = 64;
/** Name of a service, a capability or a publisher. */
export const NAME_LENGTH_MAX = 64;
/** What one call can sign or verify: an IPC frame of 8 KiB less keys and encoding. */
export const SIGNED_LENGTH_MAX = 8_000;
/** An Ed25519 or X25519 public key. */
export const PUBLIC_KEY_LENGTH_MAX = 32;
/** An Ed25519 signature. */
export const SIGNATURE_LENGTH_MAX = 64;
/** What one journal record may hold of each. */
export const LOG_SCOPE_LENGTH_MAX = 64;
export const LOG_MESSAGE_LENGTH_MAX = 256;
export const LOG_FIELDS_LENGTH_MAX = 512;
/** Names in one list. */
export const NAME_COUNT_MAX = 64;

const SIGNATURE = { kind: "data", lengthMax: SIGNATURE_LENGTH_MAX } as const;
const PUBLIC_KEY = { kind: "data", lengthMax: PUBLIC_KEY_LENGTH_MAX } as const;
const SIGNED = { kind: "data", lengthMax: SIGNED_LENGTH_MAX } as const;
const NAME = { kind: "text", lengthMax: NAME_LENGTH_MAX } as const;
const NAMES = { kind: "textList", countMax: NAME_COUNT_MAX, lengthMax: NAME_LENGTH_MAX } as const;
const DEVICE_ID = { kind: "text", lengthMax: DEVICE_ID_LENGTH_MAX } as const;

/** What two nodes say to each other inside a session. */
export const dsoftbusSchema = {
  fileId: 0xfab90d8ab062b6c0n,
  fileName: "dsoftbus",
  structs: [
    {
      name: "Announce",
      fields: {
        deviceId: { ...DEVICE_ID, ordinal: 0 },
        services: { ...NAMES, ordinal: 1 },
        port: { kind: "u16", ordinal: 2 },
      },
    },
    { name: "ConnectRequest", fields: { deviceId: { ...DEVICE_ID, ordinal: 0 } } },
    { name: "ConnectResponse", fields: { ok: { kind: "bool", ordinal: 0 } } },
    {
      name: "Frame",
      fields: {
        chan: { kind: "u32", ordinal: 0 },
        bytes: { kind: "data", ordinal: 1, lengthMax: FRAME_PAYLOAD_MAX },
      },
    },
  ],
} as const satisfies CapnpSchema;

/** samgrd: register and resolve services. */
export const samgrSchema = {
  fileId: 0xa1a1a1a1a1a1a1a1n,
  fileName: "samgr",
  structs: [
    {
      name: "RegisterRequest",
      fields: { name: { ...NAME, ordinal: 0 }, endpoint: { kind: "u32", ordinal: 1 } },
    },
    { name: "RegisterResponse", fields: { ok: { kind: "bool", ordinal: 0 } } },
    { name: "ResolveRequest", fields: { name: { ...NAME, ordinal: 0 } } },
    {
      name: "ResolveResponse",
      fields: { endpoint: { kind: "u32", ordinal: 0 }, found: { kind: "bool", ordinal: 1 } },
    },
    { name: "Heartbeat", fields: { endpoint: { kind: "u32", ordinal: 0 } } },
  ],
} as const satisfies CapnpSchema;

/** identityd: the device's identity, and what it signs and verifies. */
export const identitySchema = {
  fileId: 0xb74f4d7b6ce50c7an,
  fileName: "identity",
  structs: [
    { name: "GetDeviceIdRequest", fields: {} },
    { name: "GetDeviceIdResponse", fields: { deviceId: { ...DEVICE_ID, ordinal: 0 } } },
    { name: "SignRequest", fields: { payload: { ...SIGNED, ordinal: 0 } } },
    {
      name: "SignResponse",
      fields: { ok: { kind: "bool", ordinal: 0 }, signature: { ...SIGNATURE, ordinal: 1 } },
    },
    {
      name: "VerifyRequest",
      fields: {
        payload: { ...SIGNED, ordinal: 0 },
        signature: { ...SIGNATURE, ordinal: 1 },
        verifyingKey: { ...PUBLIC_KEY, ordinal: 2 },
      },
    },
    { name: "VerifyResponse", fields: { valid: { kind: "bool", ordinal: 0 } } },
    {
      name: "VerifyProofRequest",
      fields: {
        role: { kind: "enum", ordinal: 0, typeName: "ProofRole", values: ["client", "server"] },
        noiseStatic: { ...PUBLIC_KEY, ordinal: 1 },
        deviceId: { ...DEVICE_ID, ordinal: 2 },
        verifyingKey: { ...PUBLIC_KEY, ordinal: 3 },
        signature: { ...SIGNATURE, ordinal: 4 },
      },
    },
    { name: "VerifyProofResponse", fields: { valid: { kind: "bool", ordinal: 0 } } },
  ],
} as const satisfies CapnpSchema;

/** keystored's verification plane. */
export const keystoredSchema = {
  fileId: 0xa9a9a9a9a9a9a9a9n,
  fileName: "keystored",
  structs: [
    { name: "GetAnchorsRequest", fields: {} },
    { name: "GetAnchorsResponse", fields: { anchors: { ...NAMES, ordinal: 0 } } },
    {
      name: "VerifyRequest",
      fields: {
        anchorId: { ...NAME, ordinal: 0 },
        payload: { ...SIGNED, ordinal: 1 },
        signature: { ...SIGNATURE, ordinal: 2 },
      },
    },
    { name: "VerifyResponse", fields: { ok: { kind: "bool", ordinal: 0 } } },
    { name: "DeviceIdRequest", fields: {} },
    { name: "DeviceIdResponse", fields: { id: { ...DEVICE_ID, ordinal: 0 } } },
    {
      name: "IsKeyAllowedRequest",
      fields: {
        publisher: { ...NAME, ordinal: 0 },
        alg: { ...NAME, ordinal: 1 },
        pubkey: { ...PUBLIC_KEY, ordinal: 2 },
      },
      reserved: { from: 3, to: 7 },
    },
    {
      name: "IsKeyAllowedResponse",
      fields: { allowed: { kind: "bool", ordinal: 0 }, reason: { ...NAME, ordinal: 1 } },
      reserved: { from: 2, to: 5 },
    },
  ],
} as const satisfies CapnpSchema;

/** policyd's check of capabilities by name. */
export const policydSchema = {
  fileId: 0xc1f8fd7aa82ba3d0n,
  fileName: "policyd",
  structs: [
    {
      name: "CheckRequest",
      fields: { subject: { ...NAME, ordinal: 0 }, requiredCaps: { ...NAMES, ordinal: 1 } },
    },
    {
      name: "CheckResponse",
      fields: { allowed: { kind: "bool", ordinal: 0 }, missing: { ...NAMES, ordinal: 1 } },
    },
  ],
} as const satisfies CapnpSchema;

/** logd's host plane, as far as its structs hold no others. */
export const logSchema = {
  fileId: 0xf0f0f0f0f0f0f0f0n,
  fileName: "log",
  structs: [
    {
      name: "AppendRequest",
      fields: {
        level: {
          kind: "enum",
          ordinal: 0,
          typeName: "LogLevel",
          values: ["error", "warn", "info", "debug", "trace"],
        },
        scope: { kind: "text", ordinal: 1, lengthMax: LOG_SCOPE_LENGTH_MAX },
        message: { kind: "text", ordinal: 2, lengthMax: LOG_MESSAGE_LENGTH_MAX },
        fields: { kind: "data", ordinal: 3, lengthMax: LOG_FIELDS_LENGTH_MAX },
      },
    },
    {
      name: "AppendResponse",
      fields: {
        ok: { kind: "bool", ordinal: 0 },
        recordId: { kind: "u64", ordinal: 1 },
        dropped: { kind: "u64", ordinal: 2 },
      },
    },
    {
      name: "QueryRequest",
      fields: { sinceNsec: { kind: "u64", ordinal: 0 }, maxCount: { kind: "u16", ordinal: 1 } },
    },
    { name: "StatsRequest", fields: {} },
    {
      name: "StatsResponse",
      fields: {
        totalRecords: { kind: "u64", ordinal: 0 },
        droppedRecords: { kind: "u64", ordinal: 1 },
        capacityRecords: { kind: "u32", ordinal: 2 },
        capacityBytes: { kind: "u32", ordinal: 3 },
      },
    },
  ],
} as const satisfies CapnpSchema;

/** Every schema; the generator writes text, request and classes for each. */
export const CAPNP_SCHEMAS: readonly CapnpSchema[] = [
  dsoftbusSchema,
  samgrSchema,
  identitySchema,
  keystoredSchema,
  policydSchema,
  logSchema,
];
