/**
 * Ids of keys: what a verifier can work out for itself from what it knows of a key.
 *
 * Source: `docs/identity/keystore.md`, "Key ids".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { Writer } from "@runtime/core/writer.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { type AlgorithmName, ALGORITHMS } from "./algorithm.ts";
import { APP_LENGTH_MAX, PURPOSE_LENGTH_MAX } from "./key_limits.ts";

/** Bytes of a key id. */
export const KEY_ID_LENGTH = 20;
/** What the text of a key id begins with: its format's version. */
export const KEY_ID_PREFIX = "nk1-";
/** Letters of a key id's text. */
export const KEY_ID_TEXT_LENGTH = KEY_ID_PREFIX.length + 2 * KEY_ID_LENGTH;

const DOMAIN = new TextEncoder().encode("nexus:key-id:1\0");
const PUBLIC_LENGTH = 32;
const HEX = /^[0-9a-f]{40}$/;

/** What one version of a key is named by. */
export interface KeyName {
  /** The application whose key it is. */
  readonly app: string;
  /** What the key is for. */
  readonly purpose: string;
  /** What kind of key it is. */
  readonly algorithm: AlgorithmName;
  /** From 1. */
  readonly version: number;
  /** 32 bytes: the public key, or what a symmetric key is committed to by. */
  readonly publicKey: Uint8Array;
}

/**
 * The id of one version of a key, 20 bytes: the head of SHA-256 of `nexus:key-id:1`, a zero, the
 * application and the purpose behind a byte of length each, the algorithm's number, the version u32
 * little-endian and the public key.
 */
export function keyIdOf({ app, purpose, algorithm, version, publicKey }: KeyName): Uint8Array {
  assert(publicKey.length === PUBLIC_LENGTH, "a public key has 32 bytes");
  const writer = new Writer(2 + APP_LENGTH_MAX + PURPOSE_LENGTH_MAX + 5 + PUBLIC_LENGTH);
  writer.u8(app.length).text(app).u8(purpose.length).text(purpose)
    .u8(ALGORITHMS[algorithm].code).u32(version).bytes(publicKey);
  return sha256(DOMAIN, writer.finish()).slice(0, KEY_ID_LENGTH);
}

/** `nk1-` and 40 hexadecimal digits. */
export function keyIdText(id: Uint8Array): string {
  assert(id.length === KEY_ID_LENGTH, "a key id has 20 bytes");
  return KEY_ID_PREFIX + toHex(id);
}

/** The bytes of a key id's text; `undefined` for any other text. */
export function parseKeyId(text: string): Uint8Array | undefined {
  const digits = text.slice(KEY_ID_PREFIX.length);
  return text.startsWith(KEY_ID_PREFIX) && HEX.test(digits) ? fromHex(digits) : undefined;
}
