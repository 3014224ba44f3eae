import { blake2s, blake2sInto, noiseHkdfInto } from "@runtime/crypto/blake2s.ts";

import { CipherState } from "./cipher_state.ts";
import { NOISE_KEY_LENGTH, NOISE_TAG_LENGTH } from "./pattern.ts";

const UTF8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

/**
 * Transcript hash, chaining key and cipher key of a handshake.
 *
 * Source: Noise Protocol Framework rev. 34, "The SymmetricState object".
 */
export class SymmetricState {
  readonly #hash = new Uint8Array(NOISE_KEY_LENGTH);
  readonly #chain = new Uint8Array(NOISE_KEY_LENGTH);
  readonly #key = new Uint8Array(NOISE_KEY_LENGTH);
  #keyed = false;
  /** Messages under the present key; a handshake uses a handful. */
  #counter = 0n;

  /** Starts a transcript. @param protocol The suite's name, longer than a hash is hashed. */
  begin(protocol: string): void {
    const name = UTF8.encode(protocol);
    if (name.length <= NOISE_KEY_LENGTH) this.#hash.set(name);
    else this.#hash.set(blake2s(name));
    this.#chain.set(this.#hash);
  }

  /** The transcript hash so far, as a copy. */
  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  mixHash(bytes: Uint8Array): void {
    blake2sInto(this.#hash, bytes, this.#hash);
  }

  mixKey(shared: Uint8Array): void {
    noiseHkdfInto(this.#chain, shared, this.#chain, this.#key);
    this.#keyed = true;
    this.#counter = 0n;
  }

  /** Writes `plain`, sealed when there is a key, to `out` at `offset`. Returns bytes written. */
  encryptAndHash(plain: Uint8Array, out: Uint8Array, offset: number): number {
    let length = plain.length;
    if (this.#keyed) {
      length = this.#withCipher((cipher) => cipher.seal(this.#hash, plain, out, offset));
    } else out.set(plain, offset);
    this.mixHash(out.subarray(offset, offset + length));
    return length;
  }

  /**
   * The plaintext of `sealed`, in a fresh array.
   *
   * @throws {NoiseError} `decrypt_failed`: the state must not be used again.
   */
  decryptAndHash(sealed: Uint8Array): Uint8Array {
    if (!this.#keyed) {
      this.mixHash(sealed);
      return sealed.slice();
    }
    const plain = new Uint8Array(Math.max(0, sealed.length - NOISE_TAG_LENGTH));
    this.#withCipher((cipher) => cipher.open(this.#hash, sealed, plain, 0));
    this.mixHash(sealed);
    return plain;
  }

  /** The two transport keys: initiator's sending key first. The caller wipes them. */
  split(): readonly [Uint8Array, Uint8Array] {
    const [first, second] = [new Uint8Array(NOISE_KEY_LENGTH), new Uint8Array(NOISE_KEY_LENGTH)];
    noiseHkdfInto(this.#chain, NOTHING, first, second);
    return [first, second];
  }

  /** Becomes a copy of another state. */
  copy(from: SymmetricState): void {
    this.#hash.set(from.#hash);
    this.#chain.set(from.#chain);
    this.#key.set(from.#key);
    this.#keyed = from.#keyed;
    this.#counter = from.#counter;
  }

  /** Overwrites the keys; the transcript hash, which is no secret, stays. */
  wipeKeys(): void {
    this.#chain.fill(0);
    this.#key.fill(0);
    this.#keyed = false;
  }

  /** Overwrites everything. */
  wipe(): void {
    this.#hash.fill(0);
    this.wipeKeys();
  }

  #withCipher<T>(use: (cipher: CipherState) => T): T {
    const cipher = new CipherState(this.#key, this.#counter);
    try {
      return use(cipher);
    } finally {
      this.#counter = cipher.counter;
      cipher.wipe();
    }
  }
}
