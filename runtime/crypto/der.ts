import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

import { equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";

/** Length of the raw keys that are wrapped here, in bytes. */
const KEY_LENGTH = 32;

/**
 * A fixed DER prefix in front of 32 raw key bytes: how a native library takes raw keys. Each kind
 * has one buffer, because an array of its own costs a fifth of an import.
 */
export class DerKey {
  readonly #der: Buffer;
  readonly #key: Uint8Array;

  private constructor(prefix: string) {
    const bytes = fromHex(prefix);
    this.#der = Buffer.alloc(bytes.length + KEY_LENGTH);
    this.#der.set(bytes);
    this.#key = new Uint8Array(this.#der.buffer, this.#der.byteOffset + bytes.length, KEY_LENGTH);
  }

  /** X25519 and Ed25519, private (PKCS #8) and public (SPKI). Source: RFC 8410, "Examples". */
  static readonly x25519Private = new DerKey("302e020100300506032b656e04220420");
  static readonly x25519Public = new DerKey("302a300506032b656e032100");
  static readonly ed25519Private = new DerKey("302e020100300506032b657004220420");
  static readonly ed25519Public = new DerKey("302a300506032b6570032100");

  /** The native form of a raw secret key. No copy of it is left here. */
  importPrivate(key: Uint8Array): KeyObject {
    this.#key.set(key);
    try {
      return createPrivateKey({ key: this.#der, format: "der", type: "pkcs8" });
    } finally {
      this.#key.fill(0);
    }
  }

  /** The native form of a raw public key. Throws what the native library throws. */
  importPublic(key: Uint8Array): KeyObject {
    this.#key.set(key);
    return createPublicKey({ key: this.#der, format: "der", type: "spki" });
  }

  /** The raw public key that goes with a native secret key. */
  exportPublic(key: KeyObject): Uint8Array {
    const der = createPublicKey(key).export({ format: "der", type: "spki" });
    return new Uint8Array(der.buffer, der.byteOffset + der.length - KEY_LENGTH, KEY_LENGTH);
  }
}

/** Most public keys that are kept imported. */
export const IMPORTED_COUNT_MAX = 8;

interface Imported {
  readonly bytes: Uint8Array;
  key: KeyObject;
}

/** Imports public keys, and keeps those used last: importing one costs a tenth of using it. */
export class PublicKeys {
  readonly #der: DerKey;
  /** The one used last comes first. */
  readonly #recent: Imported[] = [];

  constructor(der: DerKey) {
    this.#der = der;
  }

  /** The native form of 32 raw bytes. Throws what the native library throws. */
  get(bytes: Uint8Array): KeyObject {
    for (let index = 0; index < this.#recent.length; index++) {
      const known = this.#recent[index];
      if (known !== undefined && equalBytes(known.bytes, bytes)) {
        return this.#first(known, index);
      }
    }
    return this.#add(bytes, this.#der.importPublic(bytes));
  }

  /** Takes the place of the one used longest ago when there is no room. */
  #add(bytes: Uint8Array, key: KeyObject): KeyObject {
    const count = this.#recent.length;
    const oldest = this.#recent[IMPORTED_COUNT_MAX - 1];
    if (oldest === undefined) return this.#first({ bytes: new Uint8Array(bytes), key }, count);
    oldest.bytes.set(bytes);
    oldest.key = key;
    return this.#first(oldest, count - 1);
  }

  /** Puts what stands at `index`, or comes to stand there, in front of the others. */
  #first(used: Imported, index: number): KeyObject {
    for (let at = index; at > 0; at--) {
      const before = this.#recent[at - 1];
      if (before !== undefined) this.#recent[at] = before;
    }
    this.#recent[0] = used;
    return used.key;
  }
}
