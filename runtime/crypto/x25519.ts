import { assert } from "../core/assert.ts";
import { allZero, equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";
import { x25519 as noble } from "@noble/curves/ed25519.js";
import { diffieHellman, type KeyObject } from "node:crypto";

import { DerKey, PublicKeys } from "./der.ts";
import { Provider } from "./provider.ts";

/** Length of secrets, public keys and shared secrets, in bytes. */
export const X25519_LENGTH = 32;

/** An X25519 secret key, ready for use. */
export interface X25519Secret {
  /** Its public key, 32 bytes: the caller must not write to it. */
  readonly publicKey: Uint8Array;
  /**
   * Diffie-Hellman with another party's public key.
   *
   * @param remote 32 bytes; any other length is a bug.
   * @returns 32 bytes, or `undefined` when `remote` has low order (the result would be all zero).
   */
  shared(remote: Uint8Array): Uint8Array | undefined;
  /** Forgets the secret. The native library's own copy goes with the garbage collector. */
  wipe(): void;
}

/** Makes a key object; `secret` is copied. */
export type ImportSecret = (secret: Uint8Array) => X25519Secret;

const PUBLIC_KEYS = new PublicKeys(DerKey.x25519Public);

class NativeSecret implements X25519Secret {
  #key: KeyObject | undefined;
  #publicKey: Uint8Array | undefined;

  constructor(secret: Uint8Array) {
    this.#key = DerKey.x25519Private.importPrivate(secret);
  }

  get publicKey(): Uint8Array {
    return this.#publicKey ??= DerKey.x25519Public.exportPublic(this.#live());
  }

  shared(remote: Uint8Array): Uint8Array | undefined {
    assert(remote.length === X25519_LENGTH, "an X25519 public key has 32 bytes");
    const privateKey = this.#live();
    const publicKey = PUBLIC_KEYS.get(remote);
    try {
      const { buffer, byteOffset } = diffieHellman({ privateKey, publicKey });
      return nonZero(new Uint8Array(buffer, byteOffset, X25519_LENGTH));
    } catch {
      return undefined;
    }
  }

  wipe(): void {
    this.#key = undefined;
  }

  #live(): KeyObject {
    assert(this.#key !== undefined, "a wiped X25519 secret is not used");
    return this.#key;
  }
}

class NobleSecret implements X25519Secret {
  readonly #secret: Uint8Array;
  #publicKey: Uint8Array | undefined;
  #wiped = false;

  constructor(secret: Uint8Array) {
    this.#secret = new Uint8Array(secret);
  }

  get publicKey(): Uint8Array {
    return this.#publicKey ??= noble.getPublicKey(this.#live());
  }

  shared(remote: Uint8Array): Uint8Array | undefined {
    assert(remote.length === X25519_LENGTH, "an X25519 public key has 32 bytes");
    const secret = this.#live();
    try {
      return nonZero(noble.getSharedSecret(secret, remote));
    } catch {
      return undefined;
    }
  }

  wipe(): void {
    this.#secret.fill(0);
    this.#wiped = true;
  }

  #live(): Uint8Array {
    assert(!this.#wiped, "a wiped X25519 secret is not used");
    return this.#secret;
  }
}

/** Both libraries refuse low-order points already; this does not depend on their version. */
function nonZero(shared: Uint8Array): Uint8Array | undefined {
  return allZero(shared) ? undefined : shared;
}

/** RFC 7748, "Diffie-Hellman": Alice's side, and a point of low order. */
function works(importSecret: ImportSecret): boolean {
  const secret = importSecret(
    fromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
  );
  const shared = secret.shared(
    fromHex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
  );
  return shared !== undefined &&
    equalBytes(
      shared,
      fromHex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
    ) &&
    equalBytes(
      secret.publicKey,
      fromHex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
    ) &&
    secret.shared(new Uint8Array(X25519_LENGTH)) === undefined;
}

/** Who does X25519. */
export const x25519Provider: Provider<ImportSecret> = new Provider<ImportSecret>("x25519", [
  { name: "native", implementation: (secret) => new NativeSecret(secret) },
  { name: "noble", implementation: (secret) => new NobleSecret(secret) },
], works);

/**
 * Takes an X25519 secret into use.
 *
 * @param secret 32 bytes, clamped by the algorithm itself; copied, so the caller wipes its own.
 *
 * Source: RFC 7748, "The X25519 and X448 Functions".
 */
export function x25519Secret(secret: Uint8Array): X25519Secret {
  assert(secret.length === X25519_LENGTH, "an X25519 secret has 32 bytes");
  return x25519Provider.use(secret);
}
