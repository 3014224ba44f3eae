import { blake2s, blake2sInto, noiseHkdfInto } from "@runtime/crypto/blake2s.ts";
import { openOnce, sealOnce } from "@runtime/crypto/chacha_poly.ts";

import { nonceOf } from "./cipher_state.ts";
import { NoiseError } from "./error.ts";
import { NOISE_KEY_LENGTH, NOISE_TAG_LENGTH } from "./pattern.ts";

const UTF8 = new TextEncoder();

/** Length of a state in bytes: its owner may keep several in one array, which costs as much as one. */
export const SYMMETRIC_STATE_LENGTH = 3 * NOISE_KEY_LENGTH;

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
  /** All that is copied and wiped. */
  readonly #block: Uint8Array;
  readonly #hash: Uint8Array;
  /** The next two. */
  readonly #keys: Uint8Array;
  readonly #chain: Uint8Array;
  readonly #key: Uint8Array;
  #keyed = false;
  /** Messages under the present key; a handshake uses a handful. */
  #counter = 0;

  /** @param block Where it lives, {@linkcode SYMMETRIC_STATE_LENGTH} bytes that are nobody else's. */
  constructor(block: Uint8Array = new Uint8Array(SYMMETRIC_STATE_LENGTH)) {
    this.#block = block;
    this.#hash = block.subarray(0, NOISE_KEY_LENGTH);
    this.#keys = block.subarray(NOISE_KEY_LENGTH);
    this.#chain = this.#keys.subarray(0, NOISE_KEY_LENGTH);
    this.#key = this.#keys.subarray(NOISE_KEY_LENGTH);
  }

  /** Starts a transcript. @param protocol The suite's name. */
  begin(protocol: string): void {
    if (lastStart.protocol !== protocol) lastStart = { protocol, hash: startOf(protocol) };
    this.#hash.set(lastStart.hash);
    this.#chain.set(lastStart.hash);
  }

  /** The transcript hash so far, as a copy. */
  get hash(): Uint8Array {
    return this.copyHash(new Uint8Array(NOISE_KEY_LENGTH));
  }

  /** Writes the transcript hash so far to `out`, 32 bytes, and returns it. */
  copyHash(out: Uint8Array): Uint8Array {
    out.set(this.#hash);
    return out;
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
   * The plaintext of `sealed`, in `out`, which is as long and stays as it was when this throws.
   *
   * @param out A fresh array when left out.
   * @throws {NoiseError} `decrypt_failed`: the state must not be used again.
   */
  decryptAndHash(sealed: Uint8Array, out: Uint8Array = this.#room(sealed)): Uint8Array {
    if (this.#keyed) {
      const nonce = nonceOf(this.#counter, 0);
      const length = openOnce(this.#key, nonce, this.#hash, sealed, out, 0);
      if (length === undefined) throw new NoiseError("decrypt_failed");
      this.#counter++;
    } else out.set(sealed);
    this.mixHash(sealed);
    return out;
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

  #room(sealed: Uint8Array): Uint8Array {
    return new Uint8Array(Math.max(0, sealed.length - (this.#keyed ? NOISE_TAG_LENGTH : 0)));
  }
}
