import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** Length of a tag, in bytes. */
export const HMAC_LENGTH = 32;

/**
 * HMAC-SHA-256 of the parts, one after the other.
 *
 * @returns 32 bytes. Compare them with `equalSecretBytes`.
 *
 * Source: RFC 2104, "Definition of HMAC".
 */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = hmac.create(sha256, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
