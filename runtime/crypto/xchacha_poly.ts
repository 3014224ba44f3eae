import { assert } from "../core/assert.ts";
import { AEAD_NONCE_LENGTH, AEAD_TAG_LENGTH, openOnce, sealOnce } from "./chacha_poly.ts";
import { hchacha20 } from "./hchacha20.ts";

/** Length of a nonce, in bytes: long enough to be drawn by chance. */
export const XCHACHA_NONCE_LENGTH = 24;
export const XCHACHA_KEY_LENGTH = 32;
export const XCHACHA_TAG_LENGTH = AEAD_TAG_LENGTH;

/** Bytes of the nonce that go into the key of a message; the rest is the nonce under that key. */
const SUBKEY_NONCE_LENGTH = 16;
/** Where the rest of the nonce lies among the 12 bytes of ChaCha20-Poly1305's. */
const NONCE_REST_OFFSET = 4;

/** Inputs and output of one call at a time: calls never overlap, because nothing waits. */
const KEY = new Uint32Array(XCHACHA_KEY_LENGTH / 4);
const SUBKEY_NONCE = new Uint32Array(SUBKEY_NONCE_LENGTH / 4);
const SUBKEY = new Uint32Array(XCHACHA_KEY_LENGTH / 4);
const SUBKEY_BYTES = new Uint8Array(XCHACHA_KEY_LENGTH);
const NONCE = new Uint8Array(AEAD_NONCE_LENGTH);

/** What a message is sealed with beside its key. */
export interface XchachaMessage {
  /** 24 bytes, never twice under one key. */
  readonly nonce: Uint8Array;
  /** Authenticated, not sent; may be empty. */
  readonly ad: Uint8Array;
}

/**
 * Seals with XChaCha20-Poly1305.
 *
 * @returns The ciphertext, the tag of 16 bytes behind it.
 *
 * Source: draft-irtf-cfrg-xchacha-03, "AEAD_XChaCha20_Poly1305".
 */
export function sealXchacha(
  key: Uint8Array,
  plain: Uint8Array,
  message: XchachaMessage,
): Uint8Array {
  const sealed = new Uint8Array(plain.length + XCHACHA_TAG_LENGTH);
  sealXchachaInto(key, plain, message, sealed, 0);
  return sealed;
}

/**
 * Seals as {@linkcode sealXchacha} does, to `out` at `offset`.
 *
 * @param out Must have room for `plain.length` + 16 bytes from `offset` on.
 */
export function sealXchachaInto(
  key: Uint8Array,
  plain: Uint8Array,
  { nonce, ad }: XchachaMessage,
  out: Uint8Array,
  offset: number,
): void {
  withSubkey(key, nonce, (subkey, rest) => sealOnce(subkey, rest, ad, plain, out, offset));
}

/** Opens what {@linkcode sealXchacha} sealed; `undefined` when the tag does not match. */
export function openXchacha(
  key: Uint8Array,
  sealed: Uint8Array,
  message: XchachaMessage,
): Uint8Array | undefined {
  if (sealed.length < XCHACHA_TAG_LENGTH) return undefined;
  const plain = new Uint8Array(sealed.length - XCHACHA_TAG_LENGTH);
  return openXchachaInto(key, sealed, message, plain) === undefined ? undefined : plain;
}

/**
 * Opens as {@linkcode openXchacha} does, to the head of `out`.
 *
 * @param out Must have room for `sealed.length` - 16 bytes.
 * @returns how many bytes were written; when `undefined`, `out` is untouched.
 */
export function openXchachaInto(
  key: Uint8Array,
  sealed: Uint8Array,
  { nonce, ad }: XchachaMessage,
  out: Uint8Array,
): number | undefined {
  return withSubkey(key, nonce, (subkey, rest) => openOnce(subkey, rest, ad, sealed, out, 0));
}

/**
 * Runs `work` under the key of one message, and wipes that key.
 *
 * Source: draft-irtf-cfrg-xchacha-03, "HChaCha20".
 */
function withSubkey<T>(
  key: Uint8Array,
  nonce: Uint8Array,
  work: (subkey: Uint8Array, nonce: Uint8Array) => T,
): T {
  assert(key.length === XCHACHA_KEY_LENGTH, "an XChaCha20-Poly1305 key has 32 bytes");
  assert(nonce.length === XCHACHA_NONCE_LENGTH, "an XChaCha20-Poly1305 nonce has 24 bytes");
  loadWords(key, KEY);
  loadWords(nonce, SUBKEY_NONCE);
  NONCE.set(nonce.subarray(SUBKEY_NONCE_LENGTH), NONCE_REST_OFFSET);
  hchacha20(KEY, SUBKEY_NONCE, SUBKEY);
  storeWords(SUBKEY, SUBKEY_BYTES);
  try {
    return work(SUBKEY_BYTES, NONCE);
  } finally {
    KEY.fill(0);
    SUBKEY.fill(0);
    SUBKEY_BYTES.fill(0);
  }
}

/** Little-endian words from the head of `bytes`, whatever the machine's order is. */
function loadWords(bytes: Uint8Array, into: Uint32Array): void {
  for (let word = 0; word < into.length; word++) {
    const at = word * 4;
    into[word] = (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16 |
      (bytes[at + 3] ?? 0) << 24;
  }
}

function storeWords(words: Uint32Array, into: Uint8Array): void {
  for (let at = 0; at < into.length; at++) into[at] = (words[at >>> 2] ?? 0) >>> 8 * (at & 3);
}
