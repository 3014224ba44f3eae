import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { assert } from "../core/assert.ts";

/** Length of a nonce, in bytes: long enough to be drawn by chance. */
export const XCHACHA_NONCE_LENGTH = 24;
export const XCHACHA_KEY_LENGTH = 32;
export const XCHACHA_TAG_LENGTH = 16;

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
  { nonce, ad }: XchachaMessage,
): Uint8Array {
  checkLengths(key, nonce);
  return xchacha20poly1305(key, nonce, ad).encrypt(plain);
}

/** Opens what {@linkcode sealXchacha} sealed; `undefined` when the tag does not match. */
export function openXchacha(
  key: Uint8Array,
  sealed: Uint8Array,
  { nonce, ad }: XchachaMessage,
): Uint8Array | undefined {
  checkLengths(key, nonce);
  if (sealed.length < XCHACHA_TAG_LENGTH) return undefined;
  const cipher = xchacha20poly1305(key, nonce, ad);
  try {
    return cipher.decrypt(sealed);
  } catch {
    // Lengths are right, so a tag that does not match is all that is left to refuse.
    return undefined;
  }
}

function checkLengths(key: Uint8Array, nonce: Uint8Array): void {
  assert(key.length === XCHACHA_KEY_LENGTH, "an XChaCha20-Poly1305 key has 32 bytes");
  assert(nonce.length === XCHACHA_NONCE_LENGTH, "an XChaCha20-Poly1305 nonce has 24 bytes");
}
