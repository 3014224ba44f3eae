import { AEAD_TAG_LENGTH, type AeadCalls } from "./aead_calls.ts";
import * as wasm from "./wasm/chacha_poly.wasm";

const MEMORY = new Uint8Array(wasm.memory.buffer);
const KEY = new Uint32Array(wasm.memory.buffer, wasm.keyAt(), 8);
const AD = wasm.adAt();
const AD_LENGTH_MAX = wasm.adMax();
const DATA = wasm.dataAt();
const DATA_LENGTH_MAX = wasm.dataMax();

/** Whether lengths fit the module's memory, which never grows: 64 KiB of message. */
export function wasmTakes(length: number, adLength: number): boolean {
  return length <= DATA_LENGTH_MAX && adLength <= AD_LENGTH_MAX;
}

/**
 * Our SIMD module. It works in its own memory: one copy in, one out. The key is wiped there by the
 * call itself, opened plaintext after it was copied out.
 */
export const wasmAead: AeadCalls = {
  seal(key, nonce, ad, plain, out, offset) {
    KEY.set(key);
    if (ad.length > 0) MEMORY.set(ad, AD);
    MEMORY.set(plain, DATA);
    wasm.seal(ad.length, plain.length, word(nonce, 0), word(nonce, 4), word(nonce, 8));
    out.set(MEMORY.subarray(DATA, DATA + plain.length + AEAD_TAG_LENGTH), offset);
  },

  open(key, nonce, ad, sealed, out, offset) {
    const length = sealed.length - AEAD_TAG_LENGTH;
    KEY.set(key);
    if (ad.length > 0) MEMORY.set(ad, AD);
    MEMORY.set(sealed, DATA);
    if (wasm.open(ad.length, length, word(nonce, 0), word(nonce, 4), word(nonce, 8)) === 0) {
      return false;
    }
    out.set(MEMORY.subarray(DATA, DATA + length), offset);
    wasm.wipe(length);
    return true;
  },
};

/** A little-endian 32-bit word, signed as WebAssembly takes it. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16 |
    (bytes[at + 3] ?? 0) << 24;
}
