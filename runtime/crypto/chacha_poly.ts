import { assert } from "../core/assert.ts";
import { equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";

import { AEAD_TAG_LENGTH, type AeadCalls } from "./aead_calls.ts";
import { nativeAead, nativeChachaPresent } from "./chacha_poly_native.ts";
import { nobleAead } from "./chacha_poly_noble.ts";
import { wasmAead, wasmTakes } from "./chacha_poly_wasm.ts";
import { Provider } from "./provider.ts";

/** Length of a key, in bytes. */
export const AEAD_KEY_LENGTH = 32;
/** Length of a nonce, in bytes. */
export const AEAD_NONCE_LENGTH = 12;
export { AEAD_TAG_LENGTH };

/**
 * From how many bytes of plaintext on `node:crypto` is faster than the WebAssembly module: its inner
 * loop is a quarter faster, but a cipher object and a buffer of its own cost it about 6 us.
 */
const NATIVE_LENGTH_MIN = 32 * 1024;

/** ChaCha20-Poly1305 under one key. Buffers may overlap; none may be shared memory. */
export interface Aead {
  /**
   * Seals `plain` to `out` at `offset`, the tag behind it.
   *
   * @param nonce 12 bytes, never twice under one key.
   * @param ad Authenticated, not sent; may be empty.
   * @param out Must have room for `plain.length` + 16 bytes from `offset` on.
   * @returns how many bytes were written.
   */
  sealInto(
    nonce: Uint8Array,
    ad: Uint8Array,
    plain: Uint8Array,
    out: Uint8Array,
    offset?: number,
  ): number;
  /**
   * Opens `sealed` (tag at its end) to `out` at `offset`.
   *
   * @param out Must have room for `sealed.length` - 16 bytes from `offset` on.
   * @returns how many bytes were written, or `undefined` when the tag does not match or `sealed` is
   *   shorter than a tag: `out` is then untouched.
   */
  openInto(
    nonce: Uint8Array,
    ad: Uint8Array,
    sealed: Uint8Array,
    out: Uint8Array,
    offset?: number,
  ): number | undefined;
  /** Overwrites the key. Using it afterwards is a bug. */
  wipe(): void;
}

/** The module; `node:crypto` where that is faster; the reference for what neither can do. */
const OWN: AeadCalls = {
  seal: (key, nonce, ad, plain, out, offset) =>
    fastest(plain.length, ad.length).seal(key, nonce, ad, plain, out, offset),
  open: (key, nonce, ad, sealed, out, offset) =>
    fastest(sealed.length - AEAD_TAG_LENGTH, ad.length).open(key, nonce, ad, sealed, out, offset),
};

function fastest(length: number, adLength: number): AeadCalls {
  if (length < NATIVE_LENGTH_MIN && wasmTakes(length, adLength)) return wasmAead;
  if (nativeChachaPresent()) return nativeAead;
  return wasmTakes(length, adLength) ? wasmAead : nobleAead;
}

const ALL_WASM: AeadCalls = {
  seal: (key, nonce, ad, plain, out, offset) =>
    (wasmTakes(plain.length, ad.length) ? wasmAead : nobleAead)
      .seal(key, nonce, ad, plain, out, offset),
  open: (key, nonce, ad, sealed, out, offset) =>
    (wasmTakes(sealed.length - AEAD_TAG_LENGTH, ad.length) ? wasmAead : nobleAead)
      .open(key, nonce, ad, sealed, out, offset),
};

class KeyedAead implements Aead {
  readonly #key = new Uint32Array(8);
  #calls: AeadCalls = nobleAead;
  #wiped = true;

  /** Takes a key into use. */
  begin(key: Uint8Array, calls: AeadCalls): this {
    assert(key.length === AEAD_KEY_LENGTH, "a ChaCha20-Poly1305 key has 32 bytes");
    for (let word = 0; word < this.#key.length; word++) {
      const at = word * 4;
      this.#key[word] = (key[at] ?? 0) | (key[at + 1] ?? 0) << 8 | (key[at + 2] ?? 0) << 16 |
        (key[at + 3] ?? 0) << 24;
    }
    this.#calls = calls;
    this.#wiped = false;
    return this;
  }

  sealInto(
    nonce: Uint8Array,
    ad: Uint8Array,
    plain: Uint8Array,
    out: Uint8Array,
    offset = 0,
  ): number {
    const length = plain.length + AEAD_TAG_LENGTH;
    assert(!this.#wiped, "a wiped AEAD key is not used");
    assert(nonce.length === AEAD_NONCE_LENGTH, "an AEAD nonce has 12 bytes");
    assert(offset >= 0 && offset + length <= out.length, "a sealed message fits its buffer");
    this.#calls.seal(this.#key, nonce, ad, plain, out, offset);
    return length;
  }

  openInto(
    nonce: Uint8Array,
    ad: Uint8Array,
    sealed: Uint8Array,
    out: Uint8Array,
    offset = 0,
  ): number | undefined {
    const length = sealed.length - AEAD_TAG_LENGTH;
    assert(!this.#wiped, "a wiped AEAD key is not used");
    assert(nonce.length === AEAD_NONCE_LENGTH, "an AEAD nonce has 12 bytes");
    if (length < 0) return undefined;
    assert(offset >= 0 && offset + length <= out.length, "an opened message fits its buffer");
    return this.#calls.open(this.#key, nonce, ad, sealed, out, offset) ? length : undefined;
  }

  wipe(): void {
    this.#key.fill(0);
    this.#wiped = true;
  }
}

const SAMPLE_SEALED = fromHex(
  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b" +
    "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
    "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
);

/** RFC 8439, "Example and Test Vector for AEAD_CHACHA20_POLY1305", and a tag with one bit changed. */
function works(calls: AeadCalls): boolean {
  const key = createAead(Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index), calls);
  const nonce = fromHex("070000004041424344454647");
  const ad = fromHex("50515253c0c1c2c3c4c5c6c7");
  const plain = new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
      "sunscreen would be it.",
  );
  const sealed = new Uint8Array(SAMPLE_SEALED.length);
  const opened = new Uint8Array(plain.length);
  key.sealInto(nonce, ad, plain, sealed);
  const right = equalBytes(sealed, SAMPLE_SEALED) &&
    key.openInto(nonce, ad, sealed, opened) === plain.length && equalBytes(opened, plain);
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  return right && key.openInto(nonce, ad, sealed, opened) === undefined;
}

/** Who does ChaCha20-Poly1305. `own` is the module, with `node:crypto` for long messages. */
export const aeadProvider: Provider<AeadCalls> = new Provider<AeadCalls>("chacha20-poly1305", [
  { name: "own", implementation: OWN },
  { name: "noble", implementation: nobleAead },
], works);

/** Each path by itself, for tests that compare them; `native` only where the runtime has it. */
export function aeadPaths(): readonly { readonly name: string; readonly calls: AeadCalls }[] {
  return [
    { name: "own", calls: OWN },
    { name: "wasm", calls: ALL_WASM },
    { name: "noble", calls: nobleAead },
    ...(nativeChachaPresent() ? [{ name: "native", calls: nativeAead }] : []),
  ];
}

/**
 * Takes a ChaCha20-Poly1305 key into use.
 *
 * @param key 32 bytes; copied, so the caller wipes its own.
 * @param calls The implementation; the provider's choice when left out.
 *
 * Source: RFC 8439, "AEAD Construction".
 */
export function createAead(key: Uint8Array, calls: AeadCalls = aeadProvider.use): Aead {
  return new KeyedAead().begin(key, calls);
}

/** Keyed for one message at a time: calls never overlap, because nothing waits. */
const ONCE = new KeyedAead();

/** Seals one message as {@linkcode Aead.sealInto} does, under a key that is not kept. */
export function sealOnce(
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  plain: Uint8Array,
  out: Uint8Array,
  offset: number,
): number {
  try {
    return ONCE.begin(key, aeadProvider.use).sealInto(nonce, ad, plain, out, offset);
  } finally {
    ONCE.wipe();
  }
}

/** Opens one message as {@linkcode Aead.openInto} does, under a key that is not kept. */
export function openOnce(
  key: Uint8Array,
  nonce: Uint8Array,
  ad: Uint8Array,
  sealed: Uint8Array,
  out: Uint8Array,
  offset: number,
): number | undefined {
  try {
    return ONCE.begin(key, aeadProvider.use).openInto(nonce, ad, sealed, out, offset);
  } finally {
    ONCE.wipe();
  }
}
