import { hchacha } from "@noble/ciphers/chacha.js";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { choices } from "@tests/fakes/random.ts";
import { test } from "@tests/fakes/test.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { hchacha20 } from "./hchacha20.ts";

const SIGMA = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

function wordsOf(hex: string): Uint32Array {
  const view = new DataView(fromHex(hex).slice().buffer);
  return Uint32Array.from({ length: view.byteLength / 4 }, (_, at) => view.getUint32(at * 4, true));
}

/** draft-irtf-cfrg-xchacha-03, "Example and Test Vector for the HChaCha20 Block Function". */
test("hchacha20 equals the draft's example", () => {
  const key = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, "0")).join(
    "",
  );
  const out = new Uint32Array(8);
  hchacha20(wordsOf(key), wordsOf("000000090000004a0000000031415927"), out);
  const bytes = new Uint8Array(32);
  out.forEach((word, at) => new DataView(bytes.buffer).setUint32(at * 4, word, true));
  equal(toHex(bytes), "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
});

test("hchacha20 equals another implementation for inputs by chance", () => {
  const choose = choices(1);
  const words = (length: number) => Uint32Array.from({ length }, () => choose(0x1_0000_0000));
  for (let round = 0; round < 500; round++) {
    const [key, nonce] = [words(8), words(4)];
    const [own, other] = [new Uint32Array(8), new Uint32Array(8)];
    hchacha20(key, nonce, own);
    hchacha(SIGMA, key, nonce, other);
    deepEqual(own, other);
  }
});
