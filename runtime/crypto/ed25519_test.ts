import { InvariantError } from "../core/assert.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { ed25519 as noble } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { parseStanzas, stanzaBytes } from "@tests/fakes/stanzas.ts";
import { test } from "@tests/fakes/test.ts";

import { ed25519Provider, ed25519Signer, ed25519Verify } from "./ed25519.ts";

const WYCHEPROOF = "vectors/wycheproof/ed25519_test.json";
const SPECCHECK = "vectors/ed25519/speccheck-cases.json";
const SPECCHECK_MORE = "vectors/ed25519/speccheck-cases-with-x-coordinates.json";
const BORINGSSL = "vectors/ed25519/boringssl-evp-ed25519_tests-rfc8032-rfc8410.txt";

/** Cases that must run, per implementation. */
const WYCHEPROOF_CASES = 151;
const SPECCHECK_CASES = 12;
const SPECCHECK_MORE_CASES = 15;
const BORINGSSL_SIGN_CASES = 5;
const BORINGSSL_VERIFY_CASES = 7;

/**
 * The one speccheck case that the strict cofactorless rule accepts: A and R of mixed order with an
 * equation that holds without the cofactor. Source: ed25519-speccheck, README, condition table.
 */
const SPECCHECK_ACCEPTED = [3];

/** What each implementation says, in the order of their names; they must say the same. */
function verdict(key: string, message: string, signature: string): boolean {
  const verdicts = ed25519Provider.names.map((name) => {
    ed25519Provider.force(name);
    try {
      return ed25519Verify(fromHex(key), fromHex(message), fromHex(signature));
    } finally {
      ed25519Provider.force(undefined);
    }
  });
  equal(verdicts.length, 2);
  equal(verdicts[0], verdicts[1], `${ed25519Provider.names.join(" and ")} agree`);
  return verdicts[0] ?? false;
}

test("ed25519Verify judges every Wycheproof case as its authors do", () => {
  let cases = 0;
  for (const group of JSON.parse(sharedText(WYCHEPROOF)).testGroups) {
    for (const one of group.tests) {
      const valid = verdict(group.publicKey.pk, one.msg, one.sig);
      equal(valid, one.result === "valid", `tcId ${one.tcId}`);
      cases++;
    }
  }
  equal(cases, WYCHEPROOF_CASES);
}, { ignore: !sharedPresent(WYCHEPROOF) });

test("ed25519Verify accepts exactly the strict, cofactorless ones of speccheck", () => {
  const cases = JSON.parse(sharedText(SPECCHECK));
  equal(cases.length, SPECCHECK_CASES);
  const accepted = [...cases.keys()].filter((index) => {
    const { pub_key: key, message, signature } = cases[index];
    return verdict(key, message, signature);
  });
  deepEqual(accepted, SPECCHECK_ACCEPTED);
}, { ignore: !sharedPresent(SPECCHECK) });

test("ed25519Verify has one verdict on speccheck's longer list too", () => {
  const cases = JSON.parse(sharedText(SPECCHECK_MORE));
  equal(cases.length, SPECCHECK_MORE_CASES);
  for (const { pub_key: key, message, signature } of cases) verdict(key, message, signature);
}, { ignore: !sharedPresent(SPECCHECK_MORE) });

test("ed25519Signer and ed25519Verify agree with RFC 8032 and BoringSSL", () => {
  const stanzas = parseStanzas(sharedText(BORINGSSL));
  const keys = new Map(
    stanzas.filter((one) => one.has("RawPrivate")).map((one) => {
      return [one.get("Key") ?? "", one];
    }),
  );
  let [signed, verified] = [0, 0];
  for (const stanza of stanzas.filter((one) => one.has("Output"))) {
    const key = keys.get(
      stanza.get("SignMessage")?.split("/")[0] ?? stanza.get("VerifyMessage") ?? "",
    );
    if (key === undefined) continue;
    const message = stanzaBytes(stanza, "Input");
    if (stanza.has("SignMessage")) {
      for (const name of ed25519Provider.names) {
        ed25519Provider.force(name);
        const signer = ed25519Signer(stanzaBytes(key, "RawPrivate"));
        equal(toHex(signer.publicKey), key.get("RawPublic"));
        equal(toHex(signer.sign(message)), stanza.get("Output"));
      }
      ed25519Provider.force(undefined);
      signed++;
    } else {
      const valid = verdict(key.get("RawPublic") ?? "", toHex(message), stanza.get("Output") ?? "");
      equal(valid, !stanza.has("Error"));
      verified++;
    }
  }
  deepEqual([signed, verified], [BORINGSSL_SIGN_CASES, BORINGSSL_VERIFY_CASES]);
}, { ignore: !sharedPresent(BORINGSSL) });

/** Every point whose order divides 8, in every 32-byte encoding that a lax decoder takes. */
function smallOrderEncodings(): readonly string[] {
  const prime = 2n ** 255n - 19n;
  const torsion = noble.Point.fromHex(
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  );
  const encodings = new Set<string>();
  for (let times = 0n; times < 8n; times++) {
    const { y } = torsion.multiplyUnsafe(times).toAffine();
    for (const value of [y, y + prime]) {
      if (value >= 2n ** 255n) continue;
      for (const sign of [0n, 1n]) encodings.add(littleEndianHex(value | sign << 255n));
    }
  }
  return [...encodings];
}

function littleEndianHex(value: bigint): string {
  return toHex(fromHex(value.toString(16).padStart(64, "0")).reverse());
}

test("ed25519Verify refuses small-order A and small-order R in all 14 encodings", () => {
  const encodings = smallOrderEncodings();
  equal(encodings.length, 14);
  const zero = "00".repeat(32);
  for (const a of encodings) {
    for (const r of encodings) ok(!verdict(a, "00", r + zero), `A ${a} R ${r}`);
  }
});

/** A key with a part of order 8, and a signature that holds with the cofactor and not without. */
function mixedOrder(message: Uint8Array): { readonly key: string; readonly signature: string } {
  const torsion = noble.Point.fromHex(
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  );
  const [secret, nonce] = [123_456_789n, 987_654_321n];
  const key = noble.Point.BASE.multiply(secret).add(torsion).toHex();
  const commitment = noble.Point.BASE.multiply(nonce).toHex();
  const hash = sha512(Uint8Array.of(...fromHex(commitment), ...fromHex(key), ...message));
  const challenge = BigInt(`0x${toHex(hash.reverse())}`) % noble.Point.Fn.ORDER;
  equal(challenge % 8n === 0n, false, "the torsion part does not cancel by chance");
  const response = (nonce + challenge * secret) % noble.Point.Fn.ORDER;
  return { key, signature: commitment + littleEndianHex(response) };
}

test("ed25519Verify holds to the equation without the cofactor", () => {
  const message = Uint8Array.of(1, 2, 3);
  const { key, signature } = mixedOrder(message);
  equal(noble.verify(fromHex(signature), message, fromHex(key)), true);
  equal(verdict(key, toHex(message), signature), false);
});

test("ed25519Verify refuses S + L, which satisfies the equation", () => {
  const seed = new Uint8Array(32).fill(5);
  const signer = ed25519Signer(seed);
  const signature = signer.sign(Uint8Array.of(9));
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + order;
  const forged = toHex(signature.subarray(0, 32)) + littleEndianHex(s);
  equal(verdict(toHex(signer.publicKey), "09", toHex(signature)), true);
  equal(verdict(toHex(signer.publicKey), "09", forged), false);
});

test("ed25519Verify says no to keys and signatures of another length", () => {
  const signer = ed25519Signer(new Uint8Array(32).fill(5));
  const key = toHex(signer.publicKey);
  const signature = toHex(signer.sign(Uint8Array.of(9)));
  equal(verdict(key, "09", signature), true);
  for (const wrong of ["", key.slice(2), key + "00"]) equal(verdict(wrong, "09", signature), false);
  for (const wrong of ["", signature.slice(2), signature + "00"]) {
    equal(verdict(key, "09", wrong), false);
  }
});

test("ed25519Signer treats a seed of another length, and use after a wipe, as bugs", () => {
  for (const name of ed25519Provider.names) {
    ed25519Provider.force(name);
    throws(() => ed25519Signer(new Uint8Array(33)), InvariantError);
    const signer = ed25519Signer(new Uint8Array(32).fill(5));
    signer.wipe();
    throws(() => signer.sign(Uint8Array.of(9)), InvariantError);
  }
  ed25519Provider.force(undefined);
});
