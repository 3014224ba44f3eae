/**
 * A seed as it is kept: under keystored's own key, so that it is in the clear nowhere else.
 *
 * Source: `docs/state_format.md`, "The device key".
 *
 * @module
 */

import { concatBytes } from "@runtime/core/bytes.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Secret } from "@runtime/core/secret.ts";
import { Writer } from "@runtime/core/writer.ts";
import { ED25519_SEED_LENGTH } from "@runtime/crypto/ed25519.ts";
import {
  openXchacha,
  sealXchacha,
  XCHACHA_NONCE_LENGTH,
  XCHACHA_TAG_LENGTH,
} from "@runtime/crypto/xchacha_poly.ts";

/** `NXKW`, little-endian. */
const MAGIC = 0x574b584e;
const VERSION = 1;
/** Of what is wrapped: an Ed25519 seed. */
const KIND_ED25519 = 1;
const HEADER_LENGTH = 32;
const UTF8 = new TextEncoder();

/** Bytes of a wrapped seed. */
export const WRAPPED_SEED_LENGTH = HEADER_LENGTH + ED25519_SEED_LENGTH + XCHACHA_TAG_LENGTH;

/** What a seed is bound to. */
export interface Wrapping {
  /** 32 bytes: keystored's own key. */
  readonly key: Secret;
  /** The name under which it is kept. */
  readonly path: string;
}

/** @param nonce 24 bytes drawn for this seed. */
export function wrapSeed(
  seed: Uint8Array,
  { key, path }: Wrapping,
  nonce: Uint8Array,
): Uint8Array {
  const header = new Writer(HEADER_LENGTH).u32(MAGIC).u8(VERSION).u8(KIND_ED25519).u16(0)
    .bytes(nonce).finish();
  const ad = concatBytes(header, UTF8.encode(path));
  return concatBytes(header, key.use((bytes) => sealXchacha(bytes, seed, { nonce, ad })));
}

/** @returns `undefined` for bytes that are none of this key's and this name's. */
export function unwrapSeed(wrapped: Uint8Array, { key, path }: Wrapping): Secret | undefined {
  const nonce = nonceOf(wrapped);
  if (nonce === undefined) return undefined;
  const ad = concatBytes(wrapped.subarray(0, HEADER_LENGTH), UTF8.encode(path));
  const sealed = wrapped.subarray(HEADER_LENGTH);
  const seed = key.use((bytes) => openXchacha(bytes, sealed, { nonce, ad }));
  return seed && new Secret(seed);
}

function nonceOf(wrapped: Uint8Array): Uint8Array | undefined {
  if (wrapped.length !== WRAPPED_SEED_LENGTH) return undefined;
  const reader = new Reader(wrapped);
  const known = reader.u32() === MAGIC && reader.u8() === VERSION &&
    reader.u8() === KIND_ED25519 && reader.u16() === 0;
  return known ? reader.bytes(XCHACHA_NONCE_LENGTH) : undefined;
}
