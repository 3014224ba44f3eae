import { createCipheriv, createDecipheriv, getCiphers } from "node:crypto";

import { AEAD_TAG_LENGTH, type AeadCalls } from "./aead_calls.ts";

const CIPHER = "chacha20-poly1305";
const OPTIONS = { authTagLength: AEAD_TAG_LENGTH } as const;

const FILL = Uint8Array.prototype.fill;

let present: boolean | undefined;

/** Whether the runtime has the cipher: Deno 2.9 does, 2.4 does not. */
export function nativeChachaPresent(): boolean {
  return present ??= getCiphers().includes(CIPHER) && constructible();
}

/** The list of names and what can be made differ between versions, so one is made. */
function constructible(): boolean {
  try {
    createCipheriv(CIPHER, new Uint8Array(32), new Uint8Array(12), OPTIONS).final();
    return true;
  } catch {
    return false;
  }
}

/** `node:crypto`. Plaintext is kept back until the tag has been checked. */
export const nativeAead: AeadCalls = {
  seal(key, nonce, ad, plain, out, offset) {
    const cipher = createCipheriv(CIPHER, new Uint8Array(key.buffer), nonce, OPTIONS);
    if (ad.length > 0) cipher.setAAD(ad, { plaintextLength: plain.length });
    out.set(cipher.update(plain), offset);
    cipher.final();
    out.set(cipher.getAuthTag(), offset + plain.length);
  },

  open(key, nonce, ad, sealed, out, offset) {
    const length = sealed.length - AEAD_TAG_LENGTH;
    const decipher = createDecipheriv(CIPHER, new Uint8Array(key.buffer), nonce, OPTIONS);
    if (ad.length > 0) decipher.setAAD(ad, { plaintextLength: length });
    decipher.setAuthTag(sealed.subarray(length));
    const plain = decipher.update(sealed.subarray(0, length));
    const right = tagHolds(decipher);
    if (right) out.set(plain, offset);
    wipe(plain);
    return right;
  },
};

function tagHolds(decipher: { final(): unknown }): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

/** Not `Buffer`'s own `fill`, which takes twenty times as long on Deno 2.9. */
function wipe(bytes: Uint8Array): void {
  FILL.call(bytes, 0);
}
