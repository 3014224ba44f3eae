/**
 * keystored's own key, which the host hands to keystored alone: drawn with the state directory, and
 * kept in `state.json` wrapped under the record key.
 *
 * Source: `docs/state_format.md`, "The state directory".
 *
 * @module
 */

import { concatBytes } from "@runtime/core/bytes.ts";
import type { EntropySource } from "@runtime/core/ports.ts";
import { Secret } from "@runtime/core/secret.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";
import { openXchacha, sealXchacha, XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import { drawn } from "./record_key.ts";

const KEY_LENGTH = 32;
const INFO = new TextEncoder().encode("nexus:keystore-kek");
const NO_SALT = new Uint8Array(0);

/** A new one, wrapped. @param path For the failure. */
export function newKeystoreKey(
  entropy: EntropySource,
  recordKey: Secret,
  path: string,
): Uint8Array {
  const key = new Secret(drawn(entropy, KEY_LENGTH, path));
  try {
    return wrapKeystoreKey(key, recordKey, drawn(entropy, XCHACHA_NONCE_LENGTH, path));
  } finally {
    key.wipe();
  }
}

/** @param nonce 24 bytes drawn for this. */
export function wrapKeystoreKey(key: Secret, recordKey: Secret, nonce: Uint8Array): Uint8Array {
  const sealed = wrapping(
    recordKey,
    (kek) => key.use((bytes) => sealXchacha(kek, bytes, { nonce, ad: INFO })),
  );
  return concatBytes(nonce, sealed);
}

/** @returns `undefined` for bytes that this record key did not wrap. */
export function unwrapKeystoreKey(wrapped: Uint8Array, recordKey: Secret): Secret | undefined {
  const nonce = wrapped.subarray(0, XCHACHA_NONCE_LENGTH);
  const sealed = wrapped.subarray(XCHACHA_NONCE_LENGTH);
  const key = wrapping(recordKey, (kek) => openXchacha(kek, sealed, { nonce, ad: INFO }));
  return key && new Secret(key);
}

function wrapping<T>(recordKey: Secret, work: (kek: Uint8Array) => T): T {
  const kek = recordKey.use((secret) =>
    hkdfSha256({ secret, salt: NO_SALT, info: INFO }, KEY_LENGTH)
  );
  try {
    return work(kek);
  } finally {
    kek.fill(0);
  }
}
