/**
 * A key as it is kept: what is known of it in the clear, its secrets sealed, and both bound to each
 * other and to its path. One value holds all of it, so that a cut leaves the key before or after.
 *
 * Source: `docs/identity/keystore.md`, "Records".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Secret } from "@runtime/core/secret.ts";
import { Writer } from "@runtime/core/writer.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";
import {
  openXchacha,
  sealXchacha,
  XCHACHA_KEY_LENGTH,
  XCHACHA_NONCE_LENGTH,
  XCHACHA_TAG_LENGTH,
} from "@runtime/crypto/xchacha_poly.ts";
import { readFields, sizeOf, writeFields } from "@runtime/idl/body.ts";
import { fixed, text8, u32, u64, u8, type ValuesOf } from "@runtime/idl/field.ts";
import { list16 } from "@runtime/idl/list_field.ts";
import { SUBJECT_LENGTH_MAX } from "@runtime/idl/policy.ts";
import { type AlgorithmName, algorithmOf, ALGORITHMS, usesMask } from "../client/algorithm.ts";
import { LABEL_LENGTH_MAX, VERSIONS_MAX } from "../client/key_limits.ts";
import { KEY_STATES, type Life } from "../client/lifecycle.ts";

/** `NXKR`, little-endian. */
const MAGIC = 0x524b584e;
const FORMAT = 1;
const HEADER_LENGTH = 8 + XCHACHA_NONCE_LENGTH;
const UTF8 = new TextEncoder();
const INFO = "nexus:key-record:1\0";

/** Bytes of every secret: a seed, a scalar, a key. */
export const SECRET_LENGTH = 32;
export const PUBLIC_LENGTH = 32;

/** What is true of a key for ever. */
export const FLAG = { imported: 1, test: 2 } as const;
const FLAGS_MASK = FLAG.imported | FLAG.test;

const VERSION = {
  version: u32(),
  createdMs: u64(),
  publicKey: fixed(PUBLIC_LENGTH),
} as const;

const BODY = {
  state: u8(),
  before: u8(),
  algorithm: u8(),
  uses: u8(),
  flags: u8(),
  createdMs: u64(),
  changedMs: u64(),
  /** 0: never. */
  expiresMs: u64(),
  /** 0: it is not to be destroyed. */
  destroyMs: u64(),
  /** 0: no limit. */
  usesMax: u64(),
  used: u64(),
  lastUsedMs: u64(),
  minSign: u32(),
  minOpen: u32(),
  minVerify: u32(),
  creator: text8(0, SUBJECT_LENGTH_MAX),
  label: text8(0, LABEL_LENGTH_MAX),
  versions: list16(VERSION, VERSIONS_MAX),
} as const;

type Body = ValuesOf<typeof BODY>;

/** One version, without its secret. */
export type KeyVersion = ValuesOf<typeof VERSION>;

/** What is known of a key, the newest version last. */
export interface KeyFacts extends Omit<Body, "state" | "before" | "algorithm">, Life {
  readonly algorithm: AlgorithmName;
}

/** A key with its secrets, one for each version; none for one that was destroyed. */
export interface KeyRecord {
  readonly facts: KeyFacts;
  readonly secrets: readonly Secret[];
}

/** Longest record, in bytes: a frame of statefsd's carries it. */
export const RECORD_LENGTH_MAX = HEADER_LENGTH + sizeOf(BODY) + VERSIONS_MAX * SECRET_LENGTH +
  XCHACHA_TAG_LENGTH;

/** What a record is sealed under. */
export interface RecordSeal {
  /** keystored's own key. */
  readonly kek: Secret;
  readonly app: string;
  readonly path: string;
}

/** The bytes of a record. @param nonce 24 bytes drawn for this writing of it. */
export function encodeKeyRecord(
  { facts, secrets }: KeyRecord,
  seal: RecordSeal,
  nonce: Uint8Array,
): Uint8Array {
  const held = facts.state === "destroyed" ? 0 : facts.versions.length;
  assert(secrets.length === held, "each version has its secret, until it is destroyed");
  const writer = new Writer(HEADER_LENGTH + sizeOf(BODY)).u32(MAGIC).u8(FORMAT).u8(0).u16(0)
    .bytes(nonce);
  writeFields(writer, BODY, bodyOf(facts));
  const head = writer.finish();
  const plain = new Uint8Array(secrets.length * SECRET_LENGTH);
  secrets.forEach((secret, index) =>
    secret.use((bytes) => plain.set(bytes, index * SECRET_LENGTH))
  );
  const ad = concatBytes(head, UTF8.encode(seal.path));
  const sealed = underAppKey(seal, (key) => sealXchacha(key, plain, { nonce, ad }));
  plain.fill(0);
  return concatBytes(head, sealed);
}

/**
 * Reads a record.
 *
 * @returns `undefined` for bytes that are none, or that are under another key, path or facts.
 */
export function decodeKeyRecord(bytes: Uint8Array, seal: RecordSeal): KeyRecord | undefined {
  try {
    const reader = new Reader(bytes);
    if (reader.u32() !== MAGIC || reader.u8() !== FORMAT) return undefined;
    if (reader.u8() !== 0 || reader.u16() !== 0) return undefined;
    const nonce = reader.bytes(XCHACHA_NONCE_LENGTH);
    const facts = factsOf(readFields(reader, BODY));
    if (facts === undefined) return undefined;
    const ad = concatBytes(bytes.subarray(0, reader.offset), UTF8.encode(seal.path));
    const sealed = reader.bytes(reader.remaining);
    const plain = underAppKey(seal, (key) => openXchacha(key, sealed, { nonce, ad }));
    return plain && withSecrets(facts, plain);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function withSecrets(facts: KeyFacts, plain: Uint8Array): KeyRecord | undefined {
  const held = facts.state === "destroyed" ? 0 : facts.versions.length;
  if (plain.length !== held * SECRET_LENGTH) return undefined;
  const secrets = facts.versions.slice(0, held).map((_, index) =>
    new Secret(plain.slice(index * SECRET_LENGTH, (index + 1) * SECRET_LENGTH))
  );
  plain.fill(0);
  return { facts, secrets };
}

/** Each application has a key of its own below keystored's. */
function underAppKey<T>({ kek, app }: RecordSeal, work: (key: Uint8Array) => T): T {
  const info = UTF8.encode(INFO + app);
  const key = kek.use((secret) =>
    hkdfSha256({ secret, salt: new Uint8Array(0), info }, XCHACHA_KEY_LENGTH)
  );
  try {
    return work(key);
  } finally {
    key.fill(0);
  }
}

function bodyOf({ state, before, algorithm, ...facts }: KeyFacts): Body {
  return {
    ...facts,
    state: KEY_STATES.indexOf(state),
    before: KEY_STATES.indexOf(before),
    algorithm: ALGORITHMS[algorithm].code,
  };
}

/** What a body says; `undefined` where it says what no key can be. */
function factsOf({ state: stateCode, before: beforeCode, algorithm: code, ...rest }: Body) {
  const [state, before] = [KEY_STATES[stateCode], KEY_STATES[beforeCode]];
  const algorithm = algorithmOf(code);
  if (state === undefined || before === undefined || algorithm === undefined) return undefined;
  const { uses, flags, versions } = rest;
  if (uses === 0 || (uses & ~usesMask(algorithm)) !== 0 || (flags & ~FLAGS_MASK) !== 0) {
    return undefined;
  }
  const rising = versions.every(({ version }, index) =>
    version > (versions[index - 1]?.version ?? 0)
  );
  if (versions.length === 0 || !rising) return undefined;
  // What was read are views of a frame that is somebody else's soon.
  const own = versions.map((each) => ({ ...each, publicKey: each.publicKey.slice() }));
  return { ...rest, versions: own, state, before, algorithm: algorithm.name } satisfies KeyFacts;
}
