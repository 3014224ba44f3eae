/**
 * keystore v1.1: keys of applications, with a life, that never leave keystored.
 *
 * Wire: `NK` v1 is this project's own; upstream's TASK-0159 names operations and errors and leaves
 * the rest open. Specification: `docs/identity/keystore.md`.
 *
 * @module
 */

import { bytes16, bytes8, fixed, text8, u16, u32, u64, u8 } from "@runtime/idl/field.ts";
import { list16 } from "@runtime/idl/list_field.ts";
import { SUBJECT_LENGTH_MAX } from "@runtime/idl/policy.ts";
import { type CapabilityChoice, defineService } from "@runtime/idl/service.ts";
import { KEY_ID_LENGTH, KEY_ID_TEXT_LENGTH } from "./key_id.ts";
import {
  AAD_LENGTH_MAX,
  APP_LENGTH_MAX,
  BATCH_MAX,
  CONTEXT_LENGTH_MAX,
  DERIVED_LENGTH_MAX,
  LABEL_LENGTH_MAX,
  LIST_KEYS_MAX,
  MESSAGE_LENGTH_MAX,
  PLAIN_LENGTH_MAX,
  PURPOSE_LENGTH_MAX,
  VERSIONS_MAX,
} from "./key_limits.ts";
import { KEY_OPERATIONS } from "./lifecycle.ts";
import { SEALED_LENGTH_MAX, SENT_LENGTH_MAX } from "./sealed_blob.ts";

/** Principal of the control socket, whose caller policy judges as the command line. */
const CONTROL_PRINCIPAL = "host-control";
export const CLI_SUBJECT = "nx-cli";

const PUBLIC_LENGTH = 32;
const SIGNATURE_LENGTH = 64;

const APP = text8(1, APP_LENGTH_MAX);
const PURPOSE = text8(1, PURPOSE_LENGTH_MAX);
/** A purpose, or the id of a version. */
const KEY = text8(1, KEY_ID_TEXT_LENGTH);
const LABEL = text8(0, LABEL_LENGTH_MAX);
const REFERENCE = { app: APP, key: KEY } as const;
const MESSAGE = bytes16(0, MESSAGE_LENGTH_MAX);
const AAD = bytes16(0, AAD_LENGTH_MAX);
const PLAIN = bytes16(0, PLAIN_LENGTH_MAX);
const SEALED = bytes16(0, SEALED_LENGTH_MAX);
const SENT = bytes16(0, SENT_LENGTH_MAX);
const SIGNATURE = fixed(SIGNATURE_LENGTH);
const MADE_BY = { version: u32(), keyId: fixed(KEY_ID_LENGTH) } as const;

/** What a new key is to be. */
const WISH = {
  app: APP,
  purpose: PURPOSE,
  algorithm: u8(),
  /** Bits of {@linkcode USE_BIT}; 0 for all that the algorithm has. */
  uses: u8(),
  label: LABEL,
  /** Milliseconds since the Unix epoch; 0 for never. */
  expiresMs: u64(),
  /** 0 for no limit. */
  usesMax: u64(),
} as const;

/** What is told of a key; nothing of it is secret. */
export const KEY_SUMMARY = {
  app: APP,
  purpose: PURPOSE,
  algorithm: u8(),
  uses: u8(),
  /** 1: imported. 2: drawn from a seed, for tests. */
  flags: u8(),
  /** Index into {@linkcode KEY_STATES}. */
  state: u8(),
  /** The newest version. */
  version: u32(),
  keyId: fixed(KEY_ID_LENGTH),
  createdMs: u64(),
  expiresMs: u64(),
  label: LABEL,
} as const;

/** Everything that is told of a key. */
export const KEY_INFO = {
  ...KEY_SUMMARY,
  changedMs: u64(),
  /** When its secrets go; 0 unless it waits for that. */
  destroyMs: u64(),
  usesMax: u64(),
  used: u64(),
  lastUsedMs: u64(),
  minSign: u32(),
  minOpen: u32(),
  minVerify: u32(),
  creator: text8(0, SUBJECT_LENGTH_MAX),
  versions: list16({
    version: u32(),
    createdMs: u64(),
    keyId: fixed(KEY_ID_LENGTH),
    publicKey: fixed(PUBLIC_LENGTH),
  }, VERSIONS_MAX),
} as const;

/** Entries of one IMPACT: every use of every version. */
export const IMPACT_MAX = KEY_OPERATIONS.length * VERSIONS_MAX;

/** What a refusal for a bound tells. */
const EXCESS = { EDQUOTA: { used: u64(), limit: u64() } } as const;

/** Bits of the fields of UPDATE that are meant. */
export const UPDATE_BIT = {
  label: 1,
  expiresMs: 2,
  usesMax: 4,
  minSign: 8,
  minOpen: 16,
  minVerify: 32,
} as const;

/** The application's own subject, or whoever keeps all keys in order. */
const orAdmin = (capability: string): CapabilityChoice => ({
  of: [capability, "identity.key.admin"],
  choose: ({ app }) => app === "" ? ["identity.key.admin"] : [capability, "identity.key.admin"],
});

const turning = (code: number, doc: string) =>
  ({
    code,
    doc,
    capability: orAdmin("identity.key.revoke"),
    request: REFERENCE,
    reply: KEY_INFO,
    refusalReply: EXCESS,
  }) as const;

export const keys = defineService({
  name: "keys",
  magic: "NK",
  version: 1,
  endpoint: "keys",
  envelope: { request: ["nonce64"], reply: ["status", "nonce64"] },
  subjects: { [CONTROL_PRINCIPAL]: CLI_SUBJECT },
  status: {
    ok: 0,
    EPERM: 1,
    ENOENT: 2,
    EALREADY: 3,
    EKEYREVOKED: 4,
    EINVAL: 5,
    E2BIG: 6,
    EDQUOTA: 7,
    EEXPIRED: 8,
    unavailable: 0x20,
    damaged: 0x21,
  },
  words: { denied: "EPERM", malformed: "EINVAL" },
  refusals: { length_out_of_range: "E2BIG" },
  ops: {
    create: {
      code: 0x20,
      doc: "Makes a key, if the application has none for the purpose.",
      capability: "identity.key.create",
      request: WISH,
      reply: KEY_INFO,
      refusalReply: EXCESS,
    },
    get: {
      code: 0x21,
      doc: "Tells what is known of a key: its public values, its life, its bounds.",
      capability: orAdmin("identity.key.read"),
      request: REFERENCE,
      reply: KEY_INFO,
      refusalReply: EXCESS,
      idempotent: true,
    },
    list: {
      code: 0x22,
      doc: "Keys of an application, or of all, in order, behind one.",
      capability: orAdmin("identity.key.read"),
      request: {
        /** Empty for all applications. */
        app: text8(0, APP_LENGTH_MAX),
        /** The last one of the page before, as `application/purpose`; empty for the first page. */
        after: text8(0, APP_LENGTH_MAX + 1 + PURPOSE_LENGTH_MAX),
        countMax: u16(),
      },
      reply: { keys: list16(KEY_SUMMARY, LIST_KEYS_MAX), more: u8() },
      refusalReply: EXCESS,
      idempotent: true,
    },
    rotate: {
      code: 0x23,
      doc: "Adds a version, which signs and seals from now on.",
      capability: "identity.key.rotate",
      request: REFERENCE,
      reply: KEY_INFO,
      refusalReply: EXCESS,
    },
    revoke: turning(0x24, "Ends every use of a key, for good."),
    suspend: turning(0x25, "Ends every use of a key until it is resumed."),
    resume: turning(0x26, "Takes a suspended key into use again."),
    retire: turning(0x27, "Lets a key only verify and open from now on."),
    destroy: {
      ...turning(0x28, "Ends every use of a key, and lets its secrets go after a while."),
      request: { ...REFERENCE, waitMs: u64() },
    },
    cancelDestroy: turning(0x29, "Calls a key back whose secrets are still there."),
    update: {
      code: 0x2a,
      doc: "Changes a key's label, its end, its limit, or the least versions that may be used.",
      capability: "identity.key.rotate",
      request: {
        ...REFERENCE,
        /** Bits of {@linkcode UPDATE_BIT}: the fields that are meant. */
        mask: u8(),
        label: LABEL,
        expiresMs: u64(),
        usesMax: u64(),
        minSign: u32(),
        minOpen: u32(),
        minVerify: u32(),
      },
      reply: KEY_INFO,
      refusalReply: EXCESS,
    },
    trim: {
      code: 0x2b,
      doc: "Lets all but the newest versions go, for good.",
      capability: orAdmin("identity.key.revoke"),
      request: { ...REFERENCE, keep: u8() },
      reply: KEY_INFO,
      refusalReply: EXCESS,
    },
    impact: {
      code: 0x2c,
      doc: "Tells what a change would end, and changes nothing.",
      capability: orAdmin("identity.key.read"),
      bounds: { action: { min: 0, max: KEY_OPERATIONS.length - 1, status: "EINVAL" } },
      request: {
        ...REFERENCE,
        /** Index into {@linkcode KEY_OPERATIONS}. */
        action: u8(),
        /** Of TRIM: how many versions stay. */
        keep: u8(),
      },
      /** Uses that work now and would not any more, by version. */
      reply: { ends: list16({ operation: u8(), version: u32() }, IMPACT_MAX) },
      refusalReply: EXCESS,
      idempotent: true,
    },
    sign: {
      code: 0x30,
      doc: "Signs a message as it is, by Ed25519.",
      capability: "identity.key.sign",
      request: { ...REFERENCE, message: MESSAGE },
      reply: { signature: SIGNATURE, ...MADE_BY },
      refusalReply: EXCESS,
    },
    verify: {
      code: 0x31,
      doc: "Checks a signature by the named version, or by any that may still verify.",
      capability: "identity.key.read",
      request: { ...REFERENCE, message: MESSAGE, signature: SIGNATURE },
      /** `version` is 0 where `valid` is. */
      reply: { valid: u8(), version: u32() },
      refusalReply: EXCESS,
      idempotent: true,
    },
    seal: {
      code: 0x32,
      doc: "Seals bytes so that this key alone opens them, with the data that must come with them.",
      capability: "identity.key.decrypt",
      request: { ...REFERENCE, label: LABEL, aad: AAD, plain: PLAIN },
      reply: { sealed: SEALED, ...MADE_BY },
      refusalReply: EXCESS,
    },
    unseal: {
      code: 0x33,
      doc: "Opens what this key sealed.",
      capability: "identity.key.decrypt",
      request: { ...REFERENCE, aad: AAD, sealed: SEALED },
      reply: { plain: PLAIN, label: LABEL, ...MADE_BY },
      refusalReply: EXCESS,
    },
    rewrap: {
      code: 0x34,
      doc: "Seals anew, by the newest version, what this key sealed; nobody sees what it is.",
      capability: "identity.key.decrypt",
      request: { ...REFERENCE, aad: AAD, sealed: SEALED },
      reply: { sealed: SEALED, ...MADE_BY },
      refusalReply: EXCESS,
    },
    agree: {
      code: 0x35,
      doc: "X25519 with a remote key.",
      capability: "identity.key.agree",
      request: { ...REFERENCE, remote: fixed(PUBLIC_LENGTH) },
      reply: { shared: fixed(PUBLIC_LENGTH), ...MADE_BY },
      refusalReply: EXCESS,
    },
    derive: {
      code: 0x36,
      doc: "Derives bytes from a key, bound to a context.",
      capability: "identity.key.derive",
      request: { ...REFERENCE, context: bytes8(0, CONTEXT_LENGTH_MAX), length: u8() },
      reply: { derived: bytes8(0, DERIVED_LENGTH_MAX), ...MADE_BY },
      refusalReply: EXCESS,
    },
    sealTo: {
      code: 0x37,
      doc: "Seals bytes to somebody's X25519 key, so that nobody else opens them.",
      capability: "identity.key.decrypt",
      request: {
        app: APP,
        recipient: fixed(PUBLIC_LENGTH),
        expiresMs: u64(),
        label: LABEL,
        aad: AAD,
        plain: PLAIN,
      },
      reply: { sealed: SENT },
      refusalReply: EXCESS,
    },
    openFrom: {
      code: 0x38,
      doc: "Opens what somebody sealed to a key of this device.",
      capability: "identity.key.decrypt",
      request: { ...REFERENCE, aad: AAD, sealed: SENT },
      reply: { plain: PLAIN, label: LABEL, expiresMs: u64(), ...MADE_BY },
      refusalReply: EXCESS,
    },
    importKey: {
      code: 0x39,
      doc: "Makes a key of a secret that somebody sealed to a key of this device.",
      capability: "identity.key.create",
      request: { ...WISH, wrapping: PURPOSE, sealed: SENT },
      reply: KEY_INFO,
      refusalReply: EXCESS,
    },
    signMany: {
      code: 0x40,
      doc: "Signs several messages by one version; one decision, one use.",
      capability: "identity.key.sign",
      request: { ...REFERENCE, messages: list16({ message: MESSAGE }, BATCH_MAX) },
      reply: { ...MADE_BY, signatures: list16({ signature: SIGNATURE }, BATCH_MAX) },
      refusalReply: EXCESS,
    },
    verifyMany: {
      code: 0x41,
      doc: "Checks several signatures; one decision.",
      capability: "identity.key.read",
      request: {
        ...REFERENCE,
        signed: list16({ message: MESSAGE, signature: SIGNATURE }, BATCH_MAX),
      },
      /** The version of each; 0 for a signature that is none. */
      reply: { versions: list16({ version: u32() }, BATCH_MAX) },
      refusalReply: EXCESS,
      idempotent: true,
    },
    sealMany: {
      code: 0x42,
      doc: "Seals several values by one version; one decision, one use.",
      capability: "identity.key.decrypt",
      request: {
        ...REFERENCE,
        inputs: list16({ label: LABEL, aad: AAD, plain: PLAIN }, BATCH_MAX),
      },
      reply: { ...MADE_BY, outputs: list16({ sealed: SEALED }, BATCH_MAX) },
      refusalReply: EXCESS,
    },
    unsealMany: {
      code: 0x43,
      doc: "Opens several values, all or none; one decision, one use.",
      capability: "identity.key.decrypt",
      request: { ...REFERENCE, inputs: list16({ aad: AAD, sealed: SEALED }, BATCH_MAX) },
      reply: { outputs: list16({ plain: PLAIN, label: LABEL, ...MADE_BY }, BATCH_MAX) },
      refusalReply: EXCESS,
    },
  },
});
