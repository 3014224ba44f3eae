/**
 * Sealing and opening. What the parts are is `../client/sealed_blob.ts`.
 *
 * Source: `docs/identity/keystore.md`, "Sealed bytes".
 *
 * @module
 */

import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";
import { openXchacha, sealXchacha } from "@runtime/crypto/xchacha_poly.ts";
import {
  encodeSealedHead,
  encodeSentHead,
  parseSealed,
  parseSent,
  SEAL_NONCE_LENGTH,
  type SealedHead,
  type SealedParts,
  type SentHead,
} from "../client/sealed_blob.ts";

const KEY_LENGTH = 32;
const SENT_INFO = new TextEncoder().encode("nexus:seal-to:1");

/** Seals for the key itself. @param aad Authenticated, not kept. */
export function sealOwn(
  key: Secret,
  head: SealedHead,
  { plain, aad }: { readonly plain: Uint8Array; readonly aad: Uint8Array },
): Uint8Array {
  const headBytes = encodeSealedHead(head);
  const ad = concatBytes(headBytes, aad);
  const { nonce } = head;
  return concatBytes(headBytes, key.use((bytes) => sealXchacha(bytes, plain, { nonce, ad })));
}

/** Opens what {@linkcode sealOwn} sealed; `undefined` for another key, other data, changed bytes. */
export function openOwn(
  key: Secret,
  { head: { nonce }, headBytes, sealed }: SealedParts<SealedHead>,
  aad: Uint8Array,
): Uint8Array | undefined {
  const ad = concatBytes(headBytes, aad);
  return key.use((bytes) => openXchacha(bytes, sealed, { nonce, ad }));
}

/**
 * Seals to a public key, of which nobody but its owner can open it: not even who sealed it.
 *
 * @param secret 32 bytes drawn for it; wiped here.
 * @returns `undefined` for a recipient of low order.
 */
export function sealTo(
  secret: Uint8Array,
  { recipient, expiresMs, label }: Pick<SentHead, "recipient" | "expiresMs" | "label">,
  { plain, aad }: { readonly plain: Uint8Array; readonly aad: Uint8Array },
): Uint8Array | undefined {
  const own = x25519Secret(secret);
  secret.fill(0);
  const shared = own.shared(recipient);
  const ephemeral = own.publicKey;
  own.wipe();
  if (shared === undefined) return undefined;
  const headBytes = encodeSentHead({ expiresMs, recipient, ephemeral, label });
  const ad = concatBytes(headBytes, aad);
  return underShared(shared, ephemeral, recipient, (key, nonce) => {
    return concatBytes(headBytes, sealXchacha(key, plain, { nonce, ad }));
  });
}

/** Opens what was sealed to this key; `undefined` when it was not, or was changed. */
export function openSent(
  own: X25519Secret,
  { head: { recipient, ephemeral }, headBytes, sealed }: SealedParts<SentHead>,
  aad: Uint8Array,
): Uint8Array | undefined {
  if (!equalBytes(own.publicKey, recipient)) return undefined;
  const shared = own.shared(ephemeral);
  if (shared === undefined) return undefined;
  const ad = concatBytes(headBytes, aad);
  return underShared(shared, ephemeral, recipient, (key, nonce) => {
    return openXchacha(key, sealed, { nonce, ad });
  });
}

/** Key and nonce are derived: each ephemeral key is used once. */
function underShared<T>(
  shared: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  work: (key: Uint8Array, nonce: Uint8Array) => T,
): T {
  const salt = concatBytes(ephemeral, recipient);
  const length = KEY_LENGTH + SEAL_NONCE_LENGTH;
  const derived = hkdfSha256({ secret: shared, salt, info: SENT_INFO }, length);
  shared.fill(0);
  try {
    return work(derived.subarray(0, KEY_LENGTH), derived.subarray(KEY_LENGTH));
  } finally {
    derived.fill(0);
  }
}

/** The parts of an NXSE; `undefined` for bytes that are none. */
export function sealedPartsOf(bytes: Uint8Array): SealedParts<SealedHead> | undefined {
  return parsedOrNone(() => parseSealed(bytes));
}

/** The parts of an NXSR; `undefined` for bytes that are none. */
export function sentPartsOf(bytes: Uint8Array): SealedParts<SentHead> | undefined {
  return parsedOrNone(() => parseSent(bytes));
}

function parsedOrNone<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
