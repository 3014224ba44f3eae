import { chacha20poly1305 } from "@noble/ciphers/chacha.js";

import type { AeadCalls } from "./aead_calls.ts";

/** The reference. It allocates; nothing depends on its speed. */
export const nobleAead: AeadCalls = {
  seal(key, nonce, ad, plain, out, offset) {
    out.set(chacha20poly1305(new Uint8Array(key.buffer), nonce, ad).encrypt(plain), offset);
  },

  open(key, nonce, ad, sealed, out, offset) {
    const cipher = chacha20poly1305(new Uint8Array(key.buffer), nonce, ad);
    const plain = opened(cipher, sealed);
    if (plain === undefined) return false;
    out.set(plain, offset);
    plain.fill(0);
    return true;
  },
};

/** noble throws for a tag that does not match, and only for that once lengths are right. */
function opened(
  cipher: { decrypt(sealed: Uint8Array): Uint8Array },
  sealed: Uint8Array,
): Uint8Array | undefined {
  try {
    return cipher.decrypt(sealed);
  } catch {
    return undefined;
  }
}
