/** What sealing adds, in bytes. */
export const AEAD_TAG_LENGTH = 16;

/** One implementation of ChaCha20-Poly1305. It may rely on every length having been checked. */
export interface AeadCalls {
  /** Writes `plain.length` + 16 bytes to `out` at `offset`. */
  seal(
    key: Uint32Array<ArrayBuffer>,
    nonce: Uint8Array,
    ad: Uint8Array,
    plain: Uint8Array,
    out: Uint8Array,
    offset: number,
  ): void;
  /** Writes `sealed.length` - 16 bytes to `out` at `offset`; false and nothing when the tag is wrong. */
  open(
    key: Uint32Array<ArrayBuffer>,
    nonce: Uint8Array,
    ad: Uint8Array,
    sealed: Uint8Array,
    out: Uint8Array,
    offset: number,
  ): boolean;
}
