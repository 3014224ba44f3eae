import { assert } from "../core/assert.ts";
import { concatBytes, equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";
import { blake2s as noble } from "@noble/hashes/blake2.js";
import { hmac } from "@noble/hashes/hmac.js";

import { BLAKE2S_BLOCK_LENGTH, BLAKE2S_LENGTH, Blake2sState } from "./blake2s_state.ts";
import { Provider } from "./provider.ts";

export { BLAKE2S_BLOCK_LENGTH, BLAKE2S_LENGTH };

/** HMAC's two masks. Source: RFC 2104, "Definition of HMAC". */
const INNER_MASK = 0x36;
const OUTER_MASK = 0x5c;

/** What the Noise suite asks of a hash. `out` and its kind are 32 bytes. */
export interface Blake2sCalls {
  /** BLAKE2s-256 of `first`, then `second`, into `out`, which may be one of them. */
  hashInto(first: Uint8Array, second: Uint8Array, out: Uint8Array): void;
  /** BLAKE2s-256, keyed by 1..32 bytes. */
  keyed(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** HMAC-BLAKE2s; the key has at most 64 bytes. */
  hmac(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** Noise's HKDF with two outputs. `first` may be `key`. */
  hkdfInto(key: Uint8Array, input: Uint8Array, first: Uint8Array, second: Uint8Array): void;
}

const HASH = new Blake2sState();
const INNER = new Blake2sState();
const OUTER = new Blake2sState();
const SECRET = new Uint8Array(BLAKE2S_LENGTH);

/** Ours: an unrolled compression function, no allocation. Calls never overlap: nothing waits. */
const OWN: Blake2sCalls = {
  hashInto(first, second, out) {
    HASH.begin().update(first).update(second).digestInto(out);
  },

  keyed(key, message) {
    const out = new Uint8Array(BLAKE2S_LENGTH);
    HASH.beginKeyed(key).update(message).digestInto(out);
    HASH.wipe();
    return out;
  },

  hmac(key, message) {
    const out = new Uint8Array(BLAKE2S_LENGTH);
    beginHmac(key);
    hmacInto(key, message, out);
    wipeScratch();
    return out;
  },

  hkdfInto(key, input, first, second) {
    beginHmac(key);
    hmacInto(key, input, SECRET);
    beginHmac(SECRET);
    HASH.copy(INNER).updateByte(1);
    endHmac(first);
    HASH.copy(INNER).update(first).updateByte(2);
    endHmac(second);
    wipeScratch();
  },
};

/** Leaves INNER and OUTER keyed: both can be continued any number of times. */
function beginHmac(key: Uint8Array): void {
  INNER.begin().updatePad(key, INNER_MASK).flush();
  OUTER.begin().updatePad(key, OUTER_MASK).flush();
}

/** HMAC of a message under the key that INNER and OUTER already hold. */
function hmacInto(key: Uint8Array, message: Uint8Array, out: Uint8Array): void {
  // Of an empty message the padded key is the last block, which was flushed as another.
  if (message.length === 0) HASH.begin().updatePad(key, INNER_MASK);
  else HASH.copy(INNER).update(message);
  endHmac(out);
}

/** Ends HASH as the inner hash and writes the HMAC. */
function endHmac(out: Uint8Array): void {
  HASH.digestInto(out);
  HASH.copy(OUTER).update(out).digestInto(out);
}

function wipeScratch(): void {
  HASH.wipe();
  INNER.wipe();
  OUTER.wipe();
  SECRET.fill(0);
}

const NOBLE: Blake2sCalls = {
  hashInto: (first, second, out) => out.set(noble(concatBytes(first, second))),
  keyed: (key, message) => noble(message, { key }),
  hmac: (key, message) => hmac(noble, key, message),
  hkdfInto(key, input, first, second) {
    const secret = hmac(noble, key, input);
    first.set(hmac(noble, secret, Uint8Array.of(1)));
    second.set(hmac(noble, secret, concatBytes(first, Uint8Array.of(2))));
    secret.fill(0);
  },
};

/** RFC 7693, "Example of BLAKE2s Computation"; HKDF is compared in the Noise vectors. */
function works(calls: Blake2sCalls): boolean {
  const out = new Uint8Array(BLAKE2S_LENGTH);
  calls.hashInto(Uint8Array.of(0x61, 0x62), Uint8Array.of(0x63), out);
  return equalBytes(
    out,
    fromHex("508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"),
  );
}

/** Who does BLAKE2s. */
export const blake2sProvider: Provider<Blake2sCalls> = new Provider<Blake2sCalls>("blake2s", [
  { name: "own", implementation: OWN },
  { name: "noble", implementation: NOBLE },
], works);

const NOTHING = new Uint8Array(0);

/**
 * BLAKE2s-256.
 *
 * @returns 32 bytes.
 *
 * Source: RFC 7693, "The BLAKE2 Cryptographic Hash and Message Authentication Code (MAC)".
 */
export function blake2s(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLAKE2S_LENGTH);
  blake2sProvider.use.hashInto(message, NOTHING, out);
  return out;
}

/** BLAKE2s-256 of `first`, then `second`, into the 32 bytes of `out`, which may be one of them. */
export function blake2sInto(first: Uint8Array, second: Uint8Array, out: Uint8Array): void {
  assert(out.length === BLAKE2S_LENGTH, "a BLAKE2s digest has 32 bytes");
  blake2sProvider.use.hashInto(first, second, out);
}

/** BLAKE2s-256 keyed by 1..32 bytes. */
export function blake2sKeyed(key: Uint8Array, message: Uint8Array): Uint8Array {
  return blake2sProvider.use.keyed(key, message);
}

/**
 * HMAC with BLAKE2s-256.
 *
 * @param key At most 64 bytes.
 *
 * Source: RFC 2104, "Definition of HMAC".
 */
export function hmacBlake2s(key: Uint8Array, message: Uint8Array): Uint8Array {
  assert(key.length <= BLAKE2S_BLOCK_LENGTH, "an HMAC key has at most one block");
  return blake2sProvider.use.hmac(key, message);
}

/**
 * Noise's HKDF with BLAKE2s and two outputs.
 *
 * @param key The chaining key, 32 bytes.
 * @param input 0 or 32 bytes.
 * @param first 32 bytes; may be `key`.
 * @param second 32 bytes, another array.
 *
 * Source: Noise Protocol Framework rev. 34, "Hash functions".
 */
export function noiseHkdfInto(
  key: Uint8Array,
  input: Uint8Array,
  first: Uint8Array,
  second: Uint8Array,
): void {
  assert(key.length === BLAKE2S_LENGTH, "a chaining key has 32 bytes");
  assert(first.length === BLAKE2S_LENGTH, "HKDF's first output has 32 bytes");
  assert(second.length === BLAKE2S_LENGTH && second !== first, "HKDF's outputs are apart");
  blake2sProvider.use.hkdfInto(key, input, first, second);
}
