import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject } from "node:crypto";

import { equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";

/** Length of the raw keys that are wrapped here, in bytes. */
const KEY_LENGTH = 32;

/** A fixed DER prefix in front of 32 raw key bytes: how a native library takes raw keys. */
export class DerKey {
  readonly #prefix: Uint8Array;

  private constructor(prefix: string) {
    this.#prefix = fromHex(prefix);
  }

  /** X25519 and Ed25519, private (PKCS #8) and public (SPKI). Source: RFC 8410, "Examples". */
  static readonly x25519Private = new DerKey("302e020100300506032b656e04220420");
  static readonly x25519Public = new DerKey("302a300506032b656e032100");
  static readonly ed25519Private = new DerKey("302e020100300506032b657004220420");
  static readonly ed25519Public = new DerKey("302a300506032b6570032100");

  /** The DER form of a raw key, in a fresh array that the caller wipes when the key is secret. */
  wrap(key: Uint8Array): Buffer {
    const der = Buffer.alloc(this.#prefix.length + KEY_LENGTH);
    der.set(this.#prefix);
    der.set(key, this.#prefix.length);
    return der;
  }

  /** The raw key inside its DER form, as a copy. */
  unwrap(der: Uint8Array): Uint8Array {
    return new Uint8Array(der.subarray(this.#prefix.length));
  }
}

/** Most public keys that are kept imported. */
const IMPORTED_COUNT_MAX = 8;

/** Imports public keys, and keeps those used last: importing one costs a tenth of using it. */
export class PublicKeys {
  readonly #der: DerKey;
  readonly #recent: { readonly bytes: Uint8Array; readonly key: KeyObject }[] = [];

  constructor(der: DerKey) {
    this.#der = der;
  }

  /** The native form of 32 raw bytes. Throws what the native library throws. */
  get(bytes: Uint8Array): KeyObject {
    const index = this.#recent.findIndex((known) => equalBytes(known.bytes, bytes));
    const [known] = index < 0 ? [] : this.#recent.splice(index, 1);
    const entry = known ?? { bytes: new Uint8Array(bytes), key: this.#import(bytes) };
    this.#recent.unshift(entry);
    if (this.#recent.length > IMPORTED_COUNT_MAX) this.#recent.pop();
    return entry.key;
  }

  #import(bytes: Uint8Array): KeyObject {
    return createPublicKey({ key: this.#der.wrap(bytes), format: "der", type: "spki" });
  }
}
