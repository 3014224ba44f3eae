import { InvariantError } from "../core/assert.ts";
import { concatBytes } from "../core/bytes.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { blake2s as nobleBlake2s } from "@noble/hashes/blake2.js";
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { parseStanzas, stanzaBytes } from "@tests/fakes/stanzas.ts";
import { test } from "@tests/fakes/test.ts";

import {
  blake2s,
  blake2sInto,
  blake2sKeyed,
  blake2sProvider,
  hmacBlake2s,
  noiseHkdfInto,
} from "./blake2s.ts";

const UNKEYED = "vectors/blake2s/blake2s-unkeyed-even-lengths.json";
const KEYED = "vectors/blake2s/blake2s-kat-keyed.txt";
const RFC7693 = "vectors/blake2s/rfc7693-blake2s.json";

/** Cases that must run, per implementation. */
const UNKEYED_CASES = 128;
const KEYED_CASES = 256;

function withEach(body: () => void): void {
  for (const name of blake2sProvider.names) {
    blake2sProvider.force(name);
    try {
      body();
    } finally {
      blake2sProvider.force(undefined);
    }
  }
}

test("blake2s gives the designers' unkeyed digests", () => {
  const cases = JSON.parse(sharedText(UNKEYED));
  equal(cases.length, UNKEYED_CASES);
  withEach(() => {
    for (const one of cases) equal(toHex(blake2s(fromHex(one.in))), one.out);
  });
}, { ignore: !sharedPresent(UNKEYED) });

test("blake2sKeyed gives the designers' keyed digests", () => {
  const stanzas = parseStanzas(sharedText(KEYED));
  equal(stanzas.length, KEYED_CASES);
  withEach(() => {
    for (const stanza of stanzas) {
      const digest = blake2sKeyed(stanzaBytes(stanza, "key"), stanzaBytes(stanza, "in"));
      equal(toHex(digest), stanza.get("hash"));
    }
  });
}, { ignore: !sharedPresent(KEYED) });

test("blake2s gives the digest of RFC 7693's example", () => {
  const { abc } = JSON.parse(sharedText(RFC7693));
  withEach(() => equal(toHex(blake2s(fromHex(abc.in))), abc.out));
}, { ignore: !sharedPresent(RFC7693) });

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 6)) & 0xff);
}

test("blake2sInto joins its two parts at every split, and may write over one of them", () => {
  withEach(() => {
    const whole = pattern(200);
    for (let split = 0; split <= whole.length; split++) {
      const out = new Uint8Array(32);
      blake2sInto(whole.subarray(0, split), whole.subarray(split), out);
      deepEqual(out, nobleBlake2s(whole));
    }
    const first = pattern(32);
    blake2sInto(first, pattern(70), first);
    deepEqual(first, nobleBlake2s(concatBytes(pattern(32), pattern(70))));
  });
});

test("hmacBlake2s equals the reference for every key length and block boundary", () => {
  withEach(() => {
    for (let keyLength = 0; keyLength <= 64; keyLength++) {
      const [key, message] = [pattern(keyLength), pattern(keyLength * 3)];
      deepEqual(hmacBlake2s(key, message), nobleHmac(nobleBlake2s, key, message));
    }
  });
});

test("noiseHkdfInto is two chained HMACs, also when the first output is the key", () => {
  withEach(() => {
    for (const input of [new Uint8Array(0), pattern(32)]) {
      const key = Uint8Array.from({ length: 32 }, (_, index) => index ^ 0x55);
      const secret = nobleHmac(nobleBlake2s, key, input);
      const first = nobleHmac(nobleBlake2s, secret, Uint8Array.of(1));
      const second = nobleHmac(nobleBlake2s, secret, Uint8Array.of(...first, 2));
      const out = new Uint8Array(32);
      noiseHkdfInto(key, input, key, out);
      deepEqual([key, out], [first, second]);
    }
  });
});

test("blake2s functions treat wrong sizes as bugs", () => {
  const of32 = new Uint8Array(32);
  throws(() => blake2sInto(of32, of32, new Uint8Array(31)), InvariantError);
  throws(() => hmacBlake2s(new Uint8Array(65), of32), InvariantError);
  throws(() => noiseHkdfInto(new Uint8Array(31), of32, of32, new Uint8Array(32)), InvariantError);
  throws(() => noiseHkdfInto(of32, of32, new Uint8Array(32), new Uint8Array(31)), InvariantError);
  throws(() => noiseHkdfInto(of32, of32, of32, of32), InvariantError);
});
