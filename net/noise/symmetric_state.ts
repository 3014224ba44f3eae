import { blake2s, blake2sInto, noiseHkdfInto } from "@runtime/crypto/blake2s.ts";
import { openOnce, sealOnce } from "@runtime/crypto/chacha_poly.ts";

import { nonceOf } from "./cipher_state.ts";
import { NoiseError } from "./error.ts";
import { NOISE_KEY_LENGTH, NOISE_TAG_LENGTH } from "./pattern.ts";

const UTF8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** How the transcript of the suite used last starts: a program has one. */
let lastStart = { protocol: "", hash: new Uint8Array(NOISE_KEY_LENGTH) };

/** The suite's name, zero-padded to a hash, or hashed when it is longer than one. */
function startOf(protocol: string): Uint8Array<ArrayBuffer> {
  const name = UTF8.encode(protocol);
  const hash = new Uint8Array(NOISE_KEY_LENGTH);
  hash.set(name.length <= NOISE_KEY_LENGTH ? name : blake2s(name));
  return hash;
}

/**
 * Transcript hash, chaining key and cipher key of a handshake.
 *
 * Source: Noise Protocol Framework rev. 34, "The SymmetricState object".
 */
export class SymmetricState {
  /** All that is copied and wiped, in one piece: an array costs half a microsecond, a view none. */
  readonly #block = new Uint8Array(3 * NOISE_KEY_LENGTH);
  readonly #hash = this.#block.subarray(0, NOISE_KEY_LENGTH);
  readonly #keys = this.#block.subarray(NOISE_KEY_LENGTH);
  readonly #chain = this.#keys.subarray(0, NOISE_KEY_LENGTH);
  readonly #key = this.#keys.subarray(NOISE_KEY_LENGTH);
  #keyed = false;
  /** Messages under the present key; a handshake uses a handful. */
  #counter = 0;

  /** Starts a transcript. @param protocol The suite's name. */
  begin(protocol: string): void {
    if (lastStart.protocol !== protocol) lastStart = { protocol, hash: startOf(protocol) };
    this.#hash.set(lastStart.hash);
    this.#chain.set(lastStart.hash);
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
    this.#counter = 0;
  }

  /** Writes `plain`, sealed when there is a key, to `out` at `offset`. Returns bytes written. */
  encryptAndHash(plain: Uint8Array, out: Uint8Array, offset: number): number {
    let length = plain.length;
    if (this.#keyed) {
      length = sealOnce(this.#key, nonceOf(this.#counter, 0), this.#hash, plain, out, offset);
      this.#counter++;
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
    const nonce = nonceOf(this.#counter, 0);
    const length = openOnce(this.#key, nonce, this.#hash, sealed, plain, 0);
    if (length === undefined) throw new NoiseError("decrypt_failed");
    this.#counter++;
    this.mixHash(sealed);
    return plain;
  }

  /** The two transport keys: initiator's sending key first. The caller wipes them. */
  split(): readonly [Uint8Array, Uint8Array] {
    const keys = new Uint8Array(2 * NOISE_KEY_LENGTH);
    const [first, second] = [keys.subarray(0, NOISE_KEY_LENGTH), keys.subarray(NOISE_KEY_LENGTH)];
    noiseHkdfInto(this.#chain, NOTHING, first, second);
    return [first, second];
  }

  /** Becomes a copy of another state. */
  copy(from: SymmetricState): void {
    this.#block.set(from.#block);
    this.#keyed = from.#keyed;
    this.#counter = from.#counter;
  }

  /** Overwrites the keys; the transcript hash, which is no secret, stays. */
  wipeKeys(): void {
    this.#keys.fill(0);
    this.#keyed = false;
  }

  /** Overwrites everything. */
  wipe(): void {
    this.#hash.fill(0);
    this.wipeKeys();
  }
}
