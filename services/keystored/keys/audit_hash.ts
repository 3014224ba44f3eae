import { toHex } from "@runtime/core/hex.ts";
import { Secret } from "@runtime/core/secret.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";
import { hmacSha256 } from "@runtime/crypto/hmac.ts";

const INFO = new TextEncoder().encode("nexus:audit-hash:1");
const KEY_LENGTH = 32;
const SHOWN_LENGTH = 8;

/**
 * Names payloads in audit records: the same payload has the same name on this device, and nobody
 * without its key finds out which payload a name is of.
 */
export class AuditHash {
  readonly #key: Secret;

  constructor(kek: Secret) {
    this.#key = kek.use((secret) =>
      new Secret(hkdfSha256({ secret, salt: new Uint8Array(0), info: INFO }, KEY_LENGTH))
    );
  }

  /** 16 hexadecimal digits. */
  of(parts: readonly Uint8Array[]): string {
    return this.#key.use((key) => toHex(hmacSha256(key, ...parts).subarray(0, SHOWN_LENGTH)));
  }
}
