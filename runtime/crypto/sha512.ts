import { sha512 as noble } from "@noble/hashes/sha2.js";

/** Length of a digest, in bytes. */
export const SHA512_LENGTH = 64;

/** A digest of bytes that come piece by piece. */
export class Sha512 {
  readonly #hash = noble.create();

  /** Adds bytes, which are not kept. */
  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** The digest of everything that was added, 64 bytes. Ends it. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }
}

/**
 * SHA-512 of the bytes.
 *
 * Source: FIPS 180-4, "Secure Hash Standard".
 */
export function sha512(bytes: Uint8Array): Uint8Array {
  return new Sha512().update(bytes).digest();
}
