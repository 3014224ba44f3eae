import { sha256 } from "./sha256.ts";

/** Length of a tag, in bytes. */
export const HMAC_LENGTH = 32;

const BLOCK_LENGTH = 64;
const INNER = 0x36;
const OUTER = 0x5c;

/**
 * HMAC-SHA-256 of the parts, one after the other, over whoever does SHA-256.
 *
 * @returns 32 bytes. Compare them with `equalSecretBytes`.
 *
 * Source: RFC 2104, "Definition of HMAC".
 */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const block = key.length > BLOCK_LENGTH ? sha256(key) : key;
  const inner = padded(block, INNER);
  const outer = padded(block, OUTER);
  const tag = sha256(outer, sha256(inner, ...parts));
  inner.fill(0);
  outer.fill(0);
  return tag;
}

function padded(key: Uint8Array, pad: number): Uint8Array {
  const block = new Uint8Array(BLOCK_LENGTH).fill(pad);
  for (let index = 0; index < key.length; index++) block[index] = (key[index] ?? 0) ^ pad;
  return block;
}
