import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { openXchacha, sealXchacha } from "./xchacha_poly.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);
const MESSAGE = {
  nonce: Uint8Array.from({ length: 24 }, (_, index) => 0x40 + index),
  ad: fromHex("50515253c0c1c2c3c4c5c6c7"),
};
const PLAIN = new TextEncoder().encode(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
    "sunscreen would be it.",
);

/** draft-irtf-cfrg-xchacha-03, appendix A.3.1. */
const TAG = "c0875924c1c7987947deafd8780acf49";
const SEALED_HEAD = "bd6d179d3e83d43b9576579493c0e939";

test("sealXchacha equals the draft's example, and openXchacha opens it", () => {
  const sealed = sealXchacha(KEY, PLAIN, MESSAGE);
  equal(toHex(sealed.subarray(0, 16)), SEALED_HEAD);
  equal(toHex(sealed.subarray(-16)), TAG);
  deepEqual(openXchacha(KEY, sealed, MESSAGE), PLAIN);
});

test("openXchacha refuses each changed bit, other data and every shorter message", () => {
  const sealed = sealXchacha(KEY, PLAIN.subarray(0, 3), MESSAGE);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = sealed.slice();
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ 1 << (bit & 7);
    equal(openXchacha(KEY, changed, MESSAGE), undefined);
  }
  equal(openXchacha(KEY, sealed, { ...MESSAGE, ad: new Uint8Array(0) }), undefined);
  for (let length = 0; length < sealed.length; length++) {
    equal(openXchacha(KEY, sealed.subarray(0, length), MESSAGE), undefined);
  }
});

test("sealXchacha gives the bytes of another implementation at every length", () => {
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 256, 300, 4096, 65_480, 65_537]) {
    const plain = Uint8Array.from({ length }, (_, index) => index * 7);
    const nonce = Uint8Array.from({ length: 24 }, (_, index) => 255 - index * length);
    const sealed = sealXchacha(KEY, plain, { ...MESSAGE, nonce });
    deepEqual(sealed, xchacha20poly1305(KEY, nonce, MESSAGE.ad).encrypt(plain), `${length}`);
    deepEqual(openXchacha(KEY, sealed, { ...MESSAGE, nonce }), plain, `${length}`);
  }
});
