import { type Aead, createAead } from "@runtime/crypto/chacha_poly.ts";

import { NoiseError } from "./error.ts";
import { NOISE_KEY_LENGTH } from "./pattern.ts";

/** The nonce that is never used for a message; `rekey` alone uses it. */
export const NONCE_MAX = 2n ** 64n - 1n;

const WORD = 0x1_0000_0000;
const WORD_MAX = WORD - 1;
const WORD_MASK = BigInt(WORD_MAX);

/** The nonce of the message being worked on: no secret, and calls never overlap. */
const NONCE = new Uint8Array(12);
const NOTHING = new Uint8Array(0);

/** The nonce of a message: four zero bytes, then its counter. Good until the next call. */
export function nonceOf(low: number, high: number): Uint8Array {
  NONCE[4] = low;
  NONCE[5] = low >>> 8;
  NONCE[6] = low >>> 16;
  NONCE[7] = low >>> 24;
  NONCE[8] = high;
  NONCE[9] = high >>> 8;
  NONCE[10] = high >>> 16;
  NONCE[11] = high >>> 24;
  return NONCE;
}

/**
 * A key and its message counter: one direction of a transport.
 *
 * Source: Noise Protocol Framework rev. 34, "The CipherState object"; the nonce is four zero bytes
 * and the counter, little-endian ("The ChaChaPoly cipher functions").
 */
export class CipherState {
  #aead: Aead;
  #low: number;
  #high: number;
  #wiped = false;

  /**
   * @param key 32 bytes; copied.
   * @param counter Of the next message, 0..{@linkcode NONCE_MAX}.
   */
  constructor(key: Uint8Array, counter = 0n) {
    this.#aead = createAead(key);
    this.#low = Number(counter & WORD_MASK);
    this.#high = Number(counter >> 32n);
  }

  /** Counter of the next message. */
  get counter(): bigint {
    return BigInt(this.#high) << 32n | BigInt(this.#low);
  }

  /**
   * Seals `plain` to `out` at `offset`, where 16 bytes more than its length must fit.
   *
   * @returns bytes written.
   * @throws {NoiseError} `nonce_exhausted` at the counter's end; `failed` after a wipe.
   */
  seal(ad: Uint8Array, plain: Uint8Array, out: Uint8Array, offset: number): number {
    const length = this.#aead.sealInto(this.#nextNonce(), ad, plain, out, offset);
    this.#advance();
    return length;
  }

  /**
   * Opens `sealed` to `out` at `offset`, where 16 bytes less than its length must fit.
   *
   * @returns bytes written.
   * @throws {NoiseError} `decrypt_failed`: the counter stays. `nonce_exhausted`; `failed`.
   */
  open(ad: Uint8Array, sealed: Uint8Array, out: Uint8Array, offset: number): number {
    const length = this.#aead.openInto(this.#nextNonce(), ad, sealed, out, offset);
    if (length === undefined) throw new NoiseError("decrypt_failed");
    this.#advance();
    return length;
  }

  /** Replaces the key by a one-way function of it; the counter goes on. Source: "Rekey". */
  rekey(): void {
    if (this.#wiped) throw new NoiseError("failed");
    const [zeros, next] = [new Uint8Array(NOISE_KEY_LENGTH), new Uint8Array(NOISE_KEY_LENGTH + 16)];
    this.#aead.sealInto(nonceOf(WORD_MAX, WORD_MAX), NOTHING, zeros, next);
    this.#aead.wipe();
    this.#aead = createAead(next.subarray(0, NOISE_KEY_LENGTH));
    next.fill(0);
  }

  /** Overwrites the key. */
  wipe(): void {
    this.#aead.wipe();
    this.#wiped = true;
  }

  #nextNonce(): Uint8Array {
    if (this.#wiped) throw new NoiseError("failed");
    if (this.#low === WORD_MAX && this.#high === WORD_MAX) throw new NoiseError("nonce_exhausted");
    return nonceOf(this.#low, this.#high);
  }

  #advance(): void {
    this.#low++;
    if (this.#low < WORD) return;
    this.#low = 0;
    this.#high++;
  }
}
