import { assert } from "../core/assert.ts";
import { equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";
import { ed25519 as noble } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { type KeyObject, sign as nativeSign, verify as nativeVerify } from "node:crypto";

import { DerKey, PublicKeys } from "./der.ts";
import { canonicalPoint, canonicalScalar } from "./ed25519_encoding.ts";
import { Provider } from "./provider.ts";

/** Length of a seed, in bytes. */
export const ED25519_SEED_LENGTH = 32;
/** Length of a verifying key, in bytes. */
export const ED25519_KEY_LENGTH = 32;
/** Length of a signature, in bytes: R, then S. */
export const ED25519_SIGNATURE_LENGTH = 64;

/** An Ed25519 signing key, ready for use. */
export interface Ed25519Signer {
  /** Its verifying key, 32 bytes: the caller must not write to it. */
  readonly publicKey: Uint8Array;
  /** Signs; the result has 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
  /** Forgets the seed. The native library's own copy goes with the garbage collector. */
  wipe(): void;
}

/** What an implementation of Ed25519 does. */
export interface Ed25519 {
  /** Takes a seed of 32 bytes into use. */
  signer(seed: Uint8Array): Ed25519Signer;
  /** Whether [S]B = R + [k]A. Encodings have been checked: canonical, neither A nor R small. */
  equationHolds(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

const PUBLIC_KEYS = new PublicKeys(DerKey.ed25519Public);

class NativeSigner implements Ed25519Signer {
  readonly publicKey: Uint8Array;
  #key: KeyObject | undefined;

  constructor(seed: Uint8Array) {
    this.#key = DerKey.ed25519Private.importPrivate(seed);
    this.publicKey = DerKey.ed25519Public.exportPublic(this.#key);
  }

  sign(message: Uint8Array): Uint8Array {
    assert(this.#key !== undefined, "a wiped Ed25519 seed is not used");
    const { buffer, byteOffset } = nativeSign(null, message, this.#key);
    return new Uint8Array(buffer, byteOffset, ED25519_SIGNATURE_LENGTH);
  }

  wipe(): void {
    this.#key = undefined;
  }
}

class NobleSigner implements Ed25519Signer {
  readonly publicKey: Uint8Array;
  readonly #seed: Uint8Array;
  #wiped = false;

  constructor(seed: Uint8Array) {
    this.#seed = new Uint8Array(seed);
    this.publicKey = noble.getPublicKey(this.#seed);
  }

  sign(message: Uint8Array): Uint8Array {
    assert(!this.#wiped, "a wiped Ed25519 seed is not used");
    return noble.sign(message, this.#seed);
  }

  wipe(): void {
    this.#seed.fill(0);
    this.#wiped = true;
  }
}

/** The native check is cofactorless: it recomputes R and compares its bytes. */
const NATIVE: Ed25519 = {
  signer: (seed) => new NativeSigner(seed),
  equationHolds(key, message, signature) {
    try {
      return nativeVerify(null, message, PUBLIC_KEYS.get(key), signature);
    } catch {
      return false;
    }
  },
};

/** noble's own `verify` multiplies by the cofactor, so the equation is written out here. */
const NOBLE: Ed25519 = {
  signer: (seed) => new NobleSigner(seed),
  equationHolds(key, message, signature) {
    try {
      const point = noble.Point.fromBytes(key);
      const commitment = noble.Point.fromBytes(signature.subarray(0, 32));
      const hash = sha512.create().update(signature.subarray(0, 32)).update(key).update(message);
      const challenge = littleEndian(hash.digest()) % noble.Point.Fn.ORDER;
      const left = noble.Point.BASE.multiplyUnsafe(littleEndian(signature.subarray(32)));
      return left.equals(commitment.add(point.multiplyUnsafe(challenge)));
    } catch {
      return false;
    }
  },
};

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index--) {
    value = value << 8n | BigInt(bytes[index] ?? 0);
  }
  return value;
}

/** RFC 8032, "Test Vectors for Ed25519", TEST 2, and the same with one bit changed. */
function works(candidate: Ed25519): boolean {
  const signer = candidate.signer(
    fromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
  );
  const key = fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature = fromHex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  return equalBytes(signer.publicKey, key) &&
    equalBytes(signer.sign(Uint8Array.of(0x72)), signature) &&
    candidate.equationHolds(key, Uint8Array.of(0x72), signature) &&
    !candidate.equationHolds(key, Uint8Array.of(0x73), signature);
}

/** Who does Ed25519. */
export const ed25519Provider: Provider<Ed25519> = new Provider<Ed25519>("ed25519", [
  { name: "native", implementation: NATIVE },
  { name: "noble", implementation: NOBLE },
], works);

/**
 * Takes an Ed25519 seed into use.
 *
 * @param seed 32 bytes; copied, so the caller wipes its own.
 *
 * Source: RFC 8032, "Key Generation" and "Sign".
 */
export function ed25519Signer(seed: Uint8Array): Ed25519Signer {
  assert(seed.length === ED25519_SEED_LENGTH, "an Ed25519 seed has 32 bytes");
  return ed25519Provider.use.signer(seed);
}

/**
 * The project's one rule for Ed25519 signatures: strict and cofactorless.
 *
 * Refuses an S that is not below the group order, encodings of A and R that are not canonical, and
 * A or R of small order; then [S]B = R + [k]A must hold exactly. Total: a key or a signature of
 * another length is simply not valid.
 *
 * Source: RFC 8032, "Verify"; the rule is that of ed25519-dalek's `verify_strict`.
 */
export function ed25519Verify(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return key.length === ED25519_KEY_LENGTH &&
    signature.length === ED25519_SIGNATURE_LENGTH &&
    canonicalScalar(signature, 32) &&
    canonicalPoint(key, 0) &&
    canonicalPoint(signature, 0) &&
    ed25519Provider.use.equationHolds(key, message, signature);
}
