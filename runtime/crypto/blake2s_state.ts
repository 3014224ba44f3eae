import { assert } from "../core/assert.ts";

import { compress } from "./blake2s_compress.gen.ts";

/** Length of a digest, in bytes. */
export const BLAKE2S_LENGTH = 32;
/** Length of a block, in bytes. */
export const BLAKE2S_BLOCK_LENGTH = 64;

/** Source: RFC 7693, "Initialization Vector". */
const IV = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

/** Parameter block, first word: fanout 1, depth 1, digest of 32 bytes. The key length is bits 8.. */
const PARAMETERS = 0x01010020;

/** Up to this many bytes a loop copies faster than a view can be made. */
const LOOP_LENGTH_MAX = 64;

/** BLAKE2s-256 in progress. Reusable: nothing is allocated after construction. */
export class Blake2sState {
  readonly #state = new Int32Array(8);
  readonly #words = new Int32Array(BLAKE2S_BLOCK_LENGTH / 4);
  readonly #block = new Uint8Array(this.#words.buffer);
  #filled = 0;
  /** Bytes compressed so far; exact up to 2^53. */
  #hashed = 0;

  /** Starts a hash, keyed by 0..32 bytes. */
  begin(keyLength = 0): this {
    copyWords(IV, this.#state);
    this.#state[0] = (IV[0] ?? 0) ^ PARAMETERS ^ keyLength << 8;
    this.#filled = 0;
    this.#hashed = 0;
    return this;
  }

  /** Starts a keyed hash. Source: RFC 7693, "BLAKE2 Processing". */
  beginKeyed(key: Uint8Array): this {
    assert(key.length >= 1 && key.length <= BLAKE2S_LENGTH, "a BLAKE2s key has 1 to 32 bytes");
    this.begin(key.length);
    this.#block.fill(0);
    this.#block.set(key);
    this.#filled = BLAKE2S_BLOCK_LENGTH;
    return this;
  }

  /** Continues from a copy of another state. */
  copy(from: Blake2sState): this {
    copyWords(from.#state, this.#state);
    if (from.#filled > 0) copyWords(from.#words, this.#words);
    this.#filled = from.#filled;
    this.#hashed = from.#hashed;
    return this;
  }

  /** Hashes more bytes. */
  update(bytes: Uint8Array): this {
    let at = 0;
    while (at < bytes.length) {
      if (this.#filled === BLAKE2S_BLOCK_LENGTH) this.#compress(0);
      const take = Math.min(BLAKE2S_BLOCK_LENGTH - this.#filled, bytes.length - at);
      this.#append(bytes, at, take);
      at += take;
    }
    return this;
  }

  /** Hashes one byte. */
  updateByte(value: number): this {
    if (this.#filled === BLAKE2S_BLOCK_LENGTH) this.#compress(0);
    this.#block[this.#filled++] = value;
    return this;
  }

  /**
   * Hashes a full block made of `key`, zero-padded, each byte XORed with `mask`: how HMAC starts.
   * Must be the first thing hashed.
   */
  updatePad(key: Uint8Array, mask: number): this {
    fillWords(this.#words, mask * 0x01010101);
    for (let index = 0; index < key.length; index++) {
      this.#block[index] = (key[index] ?? 0) ^ mask;
    }
    this.#filled = BLAKE2S_BLOCK_LENGTH;
    return this;
  }

  /** Compresses the full block now, so that copies need not. At least one byte must follow. */
  flush(): void {
    assert(this.#filled === BLAKE2S_BLOCK_LENGTH, "only a full block is flushed");
    this.#compress(0);
  }

  /** Ends the hash and writes 32 bytes to `out`. The state must be begun again after it. */
  digestInto(out: Uint8Array, offset = 0): void {
    assert(offset + BLAKE2S_LENGTH <= out.length, "a digest fits its buffer");
    let at = this.#filled;
    for (; at % 4 !== 0; at++) this.#block[at] = 0;
    fillWords(this.#words, 0, at / 4);
    this.#compress(-1);
    for (let index = 0; index < 8; index++) {
      const word = this.#state[index] ?? 0;
      const to = offset + index * 4;
      out[to] = word;
      out[to + 1] = word >>> 8;
      out[to + 2] = word >>> 16;
      out[to + 3] = word >>> 24;
    }
  }

  /** Overwrites everything that depends on what was hashed. */
  wipe(): void {
    fillWords(this.#state, 0);
    fillWords(this.#words, 0);
  }

  #append(bytes: Uint8Array, at: number, count: number): void {
    if (count < LOOP_LENGTH_MAX) {
      for (let index = 0; index < count; index++) {
        this.#block[this.#filled + index] = bytes[at + index] ?? 0;
      }
    } else {
      this.#block.set(bytes.subarray(at, at + count), this.#filled);
    }
    this.#filled += count;
  }

  #compress(last: number): void {
    this.#hashed += this.#filled;
    const high = this.#hashed / 0x1_0000_0000;
    compress(this.#state, this.#words, this.#hashed | 0, high | 0, last);
    this.#filled = 0;
  }
}

/** For as few words as these, a loop takes a quarter of what the array's own methods take. */
function copyWords(from: Int32Array, to: Int32Array): void {
  for (let index = 0; index < from.length; index++) to[index] = from[index] ?? 0;
}

function fillWords(words: Int32Array, value: number, from = 0): void {
  for (let index = from; index < words.length; index++) words[index] = value;
}
