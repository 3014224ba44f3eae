import { InvariantError } from "../core/assert.ts";
import { fromHex } from "../core/hex.ts";
import { deepEqual, equal, notDeepEqual, throws } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { parseStanzas, stanzaBytes } from "@tests/fakes/stanzas.ts";
import { test } from "@tests/fakes/test.ts";

import type { AeadCalls } from "./aead_calls.ts";
import { AEAD_TAG_LENGTH, aeadPaths, createAead } from "./chacha_poly.ts";

const WYCHEPROOF = "vectors/wycheproof/chacha20_poly1305_test.json";
const RING = "vectors/chacha/ring-aead_chacha20_poly1305_tests.txt";

/** Cases that must run, per implementation. The rest of each file has nonces of other lengths. */
const WYCHEPROOF_CASES = 316;
const WYCHEPROOF_INVALID = 60;
const RING_CASES = 66;

interface Case {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ad: Uint8Array;
  readonly plain: Uint8Array;
  readonly sealed: Uint8Array;
}

const FILLER = 0xa5;

/** Seals and opens one case at an offset, over buffers whose other bytes must not change. */
function sealsAndOpens(calls: AeadCalls, one: Case, label: string): void {
  const aead = createAead(one.key, calls);
  const out = new Uint8Array(one.sealed.length + 7).fill(FILLER);
  equal(aead.sealInto(one.nonce, one.ad, one.plain, out, 3), one.sealed.length, label);
  deepEqual(out.subarray(3, -4), one.sealed, label);
  deepEqual([...out.subarray(0, 3), ...out.subarray(-4)], new Array(7).fill(FILLER), label);
  out.fill(FILLER);
  equal(aead.openInto(one.nonce, one.ad, one.sealed, out, 3), one.plain.length, label);
  deepEqual(out.subarray(3, 3 + one.plain.length), one.plain, label);
  deepEqual([...out.subarray(3 + one.plain.length)].every((byte) => byte === FILLER), true, label);
}

/** Opening fails and writes nothing. */
function refuses(calls: AeadCalls, one: Case, label: string): void {
  const out = new Uint8Array(one.sealed.length).fill(FILLER);
  const opened = createAead(one.key, calls).openInto(one.nonce, one.ad, one.sealed, out);
  equal(opened, undefined, label);
  equal(out.every((byte) => byte === FILLER), true, `${label}: no plaintext`);
}

test("createAead seals and opens Wycheproof's cases on every path", () => {
  const groups = JSON.parse(sharedText(WYCHEPROOF)).testGroups;
  for (const { name, calls } of aeadPaths()) {
    let [cases, invalid] = [0, 0];
    for (const group of groups) {
      if (group.ivSize !== 96) continue;
      for (const one of group.tests) {
        const label = `${name} ${one.tcId}`;
        const [key, nonce, ad] = [fromHex(one.key), fromHex(one.iv), fromHex(one.aad)];
        const input = {
          key,
          nonce,
          ad,
          plain: fromHex(one.msg),
          sealed: fromHex(one.ct + one.tag),
        };
        cases++;
        if (one.result === "valid") sealsAndOpens(calls, input, label);
        else refuses(calls, input, label), invalid++;
      }
    }
    deepEqual([name, cases, invalid], [name, WYCHEPROOF_CASES, WYCHEPROOF_INVALID]);
  }
}, { ignore: !sharedPresent(WYCHEPROOF) });

test("createAead seals and opens ring's cases on every path", () => {
  const stanzas = parseStanzas(sharedText(RING)).filter((one) =>
    one.has("CT") && !one.has("FAILS")
  );
  equal(stanzas.length, RING_CASES);
  for (const { name, calls } of aeadPaths()) {
    for (const [index, stanza] of stanzas.entries()) {
      const of = (field: string) => stanzaBytes(stanza, field);
      const sealed = Uint8Array.of(...of("CT"), ...of("TAG"));
      const input = { key: of("KEY"), nonce: of("NONCE"), ad: of("AD"), plain: of("IN"), sealed };
      sealsAndOpens(calls, input, `${name} ${index}`);
    }
  }
}, { ignore: !sharedPresent(RING) });

/** Bytes that differ from one index to the next, all of them large. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 255 - (index * seed + (index >> 8)) % 61);
}

/** Lengths at which one of the module's loops starts, ends or is left out, and its bound. */
const LENGTHS = [
  ...Array.from({ length: 40 }, (_, index) => index),
  ...[63, 64, 65, 127, 128, 175, 176, 177, 191, 192, 193, 207, 208, 209, 255, 256, 257],
  ...[447, 448, 449, 463, 464, 465, 511, 512, 703, 704, 705, 960, 1023, 1024, 4096, 16383, 16384],
  ...[65519, 65535, 65536, 65537, 70000],
];

test("createAead gives the same bytes on every path at every length", () => {
  const [key, nonce] = [pattern(32, 3), pattern(12, 5)];
  const [reference] = aeadPaths().filter((path) => path.name === "noble");
  if (reference === undefined) throw new InvariantError("noble is always there");
  for (const length of LENGTHS) {
    const plain = pattern(length, 7);
    const ad = pattern(length % 67, 11);
    const sealed = new Uint8Array(length + AEAD_TAG_LENGTH);
    createAead(key, reference.calls).sealInto(nonce, ad, plain, sealed);
    for (const { name, calls } of aeadPaths()) {
      sealsAndOpens(calls, { key, nonce, ad, plain, sealed }, `${name} ${length}`);
    }
  }
});

test("createAead takes associated data beyond the module's room", () => {
  const [key, nonce, plain] = [pattern(32, 3), pattern(12, 5), pattern(100, 7)];
  const results = aeadPaths().map(({ calls }) => {
    const sealed = new Uint8Array(116);
    createAead(key, calls).sealInto(nonce, pattern(5000, 3), plain, sealed);
    return sealed;
  });
  for (const result of results) deepEqual(result, results[0]);
});

test("openInto refuses every single flipped bit and releases nothing", () => {
  const [key, nonce, ad, plain] = [pattern(32, 3), pattern(12, 5), pattern(9, 3), pattern(50, 7)];
  for (const { name, calls } of aeadPaths()) {
    const sealed = new Uint8Array(66);
    createAead(key, calls).sealInto(nonce, ad, plain, sealed);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = sealed.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ 1 << (bit & 7);
      refuses(calls, { key, nonce, ad, plain, sealed: flipped }, `${name} bit ${bit}`);
    }
    refuses(calls, { key, nonce, ad: ad.subarray(1), plain, sealed }, `${name} ad`);
    refuses(calls, { key, nonce: pattern(12, 6), ad, plain, sealed }, `${name} nonce`);
  }
});

test("openInto releases nothing of a long message either", () => {
  const [key, nonce, ad] = [pattern(32, 3), pattern(12, 5), pattern(9, 3)];
  for (const length of [16_384, 40_000, 65_519, 70_000]) {
    const [plain, sealed] = [pattern(length, 7), new Uint8Array(length + AEAD_TAG_LENGTH)];
    createAead(key).sealInto(nonce, ad, plain, sealed);
    for (const at of [0, length >> 1, length - 1, length, length + AEAD_TAG_LENGTH - 1]) {
      const flipped = sealed.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 0x80;
      for (const { name, calls } of aeadPaths()) {
        refuses(calls, { key, nonce, ad, plain, sealed: flipped }, `${name} ${length} at ${at}`);
      }
    }
  }
});

test("openInto refuses what is shorter than a tag", () => {
  for (const { calls } of aeadPaths()) {
    const aead = createAead(pattern(32, 3), calls);
    for (let length = 0; length < AEAD_TAG_LENGTH; length++) {
      const sealed = new Uint8Array(length);
      equal(aead.openInto(pattern(12, 5), sealed, sealed, new Uint8Array(32)), undefined);
    }
  }
});

test("sealInto and openInto work in place", () => {
  for (const length of [5, 700, 20_000]) {
    for (const { name, calls } of aeadPaths()) {
      const aead = createAead(pattern(32, 3), calls);
      const buffer = new Uint8Array(length + AEAD_TAG_LENGTH);
      buffer.set(pattern(length, 7));
      aead.sealInto(pattern(12, 5), new Uint8Array(0), buffer.subarray(0, length), buffer);
      notDeepEqual(buffer.subarray(0, length), pattern(length, 7));
      equal(aead.openInto(pattern(12, 5), new Uint8Array(0), buffer, buffer), length);
      deepEqual(buffer.subarray(0, length), pattern(length, 7), name);
    }
  }
});

test("createAead treats wrong sizes, small buffers and use after a wipe as bugs", () => {
  const none = new Uint8Array(0);
  for (const { calls } of aeadPaths()) {
    throws(() => createAead(new Uint8Array(31), calls), InvariantError);
    const aead = createAead(pattern(32, 3), calls);
    throws(() => aead.sealInto(pattern(11, 5), none, none, new Uint8Array(16)), InvariantError);
    throws(() => aead.sealInto(pattern(12, 5), none, none, new Uint8Array(15)), InvariantError);
    throws(() => aead.sealInto(pattern(12, 5), none, none, new Uint8Array(16), 1), InvariantError);
    throws(
      () => aead.openInto(pattern(12, 5), none, new Uint8Array(17), none),
      InvariantError,
    );
    aead.wipe();
    throws(() => aead.sealInto(pattern(12, 5), none, none, new Uint8Array(16)), InvariantError);
  }
});

test("wipe overwrites the key that the implementations are handed", () => {
  let seen: Uint32Array | undefined;
  const aead = createAead(pattern(32, 3), {
    seal: (key) => void (seen = key),
    open: () => false,
  });
  aead.sealInto(pattern(12, 5), new Uint8Array(0), new Uint8Array(0), new Uint8Array(16));
  equal(seen?.some((word) => word !== 0), true);
  aead.wipe();
  deepEqual(seen, new Uint32Array(8));
});
