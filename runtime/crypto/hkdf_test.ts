import { InvariantError } from "../core/assert.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { parseStanzas, stanzaBytes } from "@tests/fakes/stanzas.ts";
import { test } from "@tests/fakes/test.ts";
import { sha256 as reference } from "@noble/hashes/sha2.js";

import { HKDF_LENGTH_MAX, hkdfProvider, hkdfSha256 } from "./hkdf.ts";
import { sha256, sha256Provider } from "./sha256.ts";

const WYCHEPROOF = "vectors/wycheproof/hkdf_sha256_test.json";
const RFC5869 = "vectors/hkdf/ring-hkdf_tests-rfc5869.txt";

/** Cases that must run, per implementation. */
const WYCHEPROOF_CASES = 86;
const RFC5869_CASES = 4;

function withEach(body: () => void): void {
  for (const name of hkdfProvider.names) {
    hkdfProvider.force(name);
    try {
      body();
    } finally {
      hkdfProvider.force(undefined);
    }
  }
}

test("hkdfSha256 gives Wycheproof's keys and refuses lengths beyond 255 blocks", () => {
  withEach(() => {
    let cases = 0;
    for (const { tests } of JSON.parse(sharedText(WYCHEPROOF)).testGroups) {
      for (const one of tests) {
        const [secret, salt, info] = [fromHex(one.ikm), fromHex(one.salt), fromHex(one.info)];
        const derive = () => toHex(hkdfSha256({ secret, salt, info }, one.size));
        if (one.result === "valid") equal(derive(), one.okm, `${one.tcId}`);
        else throws(derive, InvariantError);
        cases++;
      }
    }
    equal(cases, WYCHEPROOF_CASES);
  });
}, { ignore: !sharedPresent(WYCHEPROOF) });

test("hkdfSha256 gives RFC 5869's keys", () => {
  const stanzas = parseStanzas(sharedText(RFC5869)).filter((one) => {
    return (one.get("OKM") ?? '""') !== '""';
  });
  equal(stanzas.length, RFC5869_CASES);
  withEach(() => {
    for (const stanza of stanzas) {
      const okm = stanzaBytes(stanza, "OKM");
      const input = {
        secret: stanzaBytes(stanza, "IKM"),
        salt: stanzaBytes(stanza, "salt"),
        info: stanzaBytes(stanza, "info"),
      };
      deepEqual(hkdfSha256(input, okm.length), okm);
    }
  });
}, { ignore: !sharedPresent(RFC5869) });

test("hkdfSha256 treats a length out of range as a bug", () => {
  const input = { secret: new Uint8Array(32), salt: new Uint8Array(0), info: new Uint8Array(0) };
  throws(() => hkdfSha256(input, 0), InvariantError);
  throws(() => hkdfSha256(input, HKDF_LENGTH_MAX + 1), InvariantError);
});

/** FIPS 180-4 examples, from NIST's "SHA256.pdf", and the digest of nothing. */
const SHA256_ANSWERS = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
] as const;

test("sha256 gives the published digests, whole or in parts", () => {
  for (const name of sha256Provider.names) {
    sha256Provider.force(name);
    for (const [text, digest] of SHA256_ANSWERS) {
      const bytes = new TextEncoder().encode(text);
      const middle = bytes.length >> 1;
      equal(toHex(sha256(bytes)), digest);
      equal(toHex(sha256(bytes.subarray(0, middle), bytes.subarray(middle))), digest);
    }
  }
  sha256Provider.force(undefined);
});

test("sha256 gives the reference's digest at every length to 300, whole or in parts", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index * 7 + (index >> 4));
  for (let length = 0; length <= bytes.length; length++) {
    const message = bytes.subarray(0, length);
    const digest = toHex(reference(message));
    equal(toHex(sha256(message)), digest, `${length} bytes`);
    equal(toHex(sha256(message.subarray(0, length >> 2), message.subarray(length >> 2))), digest);
  }
});
