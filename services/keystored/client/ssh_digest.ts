import { Sha512 } from "@runtime/crypto/sha512.ts";

/** The digest that a signature of {@linkcode sshSignedBytes} is over, of bytes that come piece by piece. */
export class SshDigest {
  readonly #hash = new Sha512();

  /** Adds bytes, which are not kept. */
  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** SHA-512 of everything that was added, 64 bytes. Ends it. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }
}
