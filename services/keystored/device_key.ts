import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { ED25519_SEED_LENGTH, type Ed25519Signer, ed25519Signer } from "@runtime/crypto/ed25519.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";
import { PROOF_TAG, PURPOSE_PREFIX } from "./protocol.ts";

const UTF8 = new TextEncoder();

/** Who signs a session proof. */
export type ProofRole = keyof typeof PROOF_TAG;
/** What a signature is for; it stands in what is signed. */
export type Purpose = keyof typeof PURPOSE_PREFIX;

/**
 * The device's identity: an Ed25519 key and the Noise static key that upstream derives from its seed.
 *
 * Nothing here gives out a secret. The bare key signs one kind of message alone, the session proof,
 * and builds it itself; all others carry their purpose in front.
 */
export class DeviceKey {
  readonly #signer: Ed25519Signer;
  readonly #static: X25519Secret;

  /** @param seed 32 bytes from rngd. Wiped here: what is needed is kept inside the key objects. */
  constructor(seed: Secret) {
    assert(seed.length === ED25519_SEED_LENGTH, "a device seed has 32 bytes");
    this.#signer = seed.use(ed25519Signer);
    this.#static = seed.use((bytes) => {
      const secret = clamped(sha256(bytes));
      const key = x25519Secret(secret);
      secret.fill(0);
      return key;
    });
    seed.wipe();
  }

  /** Ed25519, 32 bytes. */
  get verifyingKey(): Uint8Array {
    return this.#signer.publicKey;
  }

  /** X25519, 32 bytes. */
  get staticPublic(): Uint8Array {
    return this.#static.publicKey;
  }

  /** Signs `nexus:<purpose>\0 || message`. */
  sign(purpose: Purpose, message: Uint8Array): Uint8Array {
    return this.#signer.sign(concatBytes(UTF8.encode(PURPOSE_PREFIX[purpose]), message));
  }

  /** Signs the digest that binds this device's own Noise static key to it, in one role. */
  sessionProof(role: ProofRole): Uint8Array {
    return this.#signer.sign(sha256(UTF8.encode(PROOF_TAG[role]), this.#static.publicKey));
  }

  /** X25519 with a remote key; `undefined` for a point of low order. */
  staticDh(remote: Uint8Array): Uint8Array | undefined {
    return this.#static.shared(remote);
  }

  wipe(): void {
    this.#signer.wipe();
    this.#static.wipe();
  }
}

/** Source: RFC 7748, "The X25519 and X448 Functions", decodeScalar25519. */
function clamped(secret: Uint8Array): Uint8Array {
  secret[0] = (secret[0] ?? 0) & 248;
  secret[31] = ((secret[31] ?? 0) & 127) | 64;
  return secret;
}
