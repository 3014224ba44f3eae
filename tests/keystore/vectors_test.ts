/**
 * Test data of others through the daemon's own calls: secrets are imported, and a public key whose
 * secret nobody has stands in a record that another implementation wrote.
 *
 * XChaCha20-Poly1305 and HKDF are judged by their data in `runtime/crypto`: here the head of what is
 * sealed is always authenticated, and each derivation has keystored's prefix.
 *
 * @module
 */

import { x25519 } from "@noble/curves/ed25519.js";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { type AlgorithmName, USE_BIT } from "@services/keystored/client/algorithm.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  setClock,
  wishFor,
} from "../fakes/keystore.ts";
import { sharedPresent, sharedText } from "../fakes/shared_data.ts";
import { parseStanzas, stanzaBytes } from "../fakes/stanzas.ts";
import { test } from "../fakes/test.ts";
import { record, recordBody, sealSent, utf8 } from "./independent.ts";

const WYCHEPROOF_ED25519 = "vectors/wycheproof/ed25519_test.json";
const WYCHEPROOF_X25519 = "vectors/wycheproof/x25519_test.json";
const RFC_8032 = "vectors/ed25519/boringssl-evp-ed25519_tests-rfc8032-rfc8410.txt";

const ED25519_CASES = 151;
const X25519_CASES = 518;
const RFC_8032_SIGNED = 5;

const KEK = new Uint8Array(32).fill(7);
const NOTHING = new Uint8Array(0);

interface Importer extends Keystore {
  /** Imports a secret as a key. @returns The public key. */
  imported(purpose: string, algorithm: AlgorithmName, secret: Uint8Array): Promise<Uint8Array>;
}

async function importer(): Promise<Importer> {
  const keystore = await keystoreOn();
  const made = await keystore.client.create(wishFor("wrap", "x25519", { uses: 2 }));
  ok(made.status === "ok");
  const recipient = made.versions[0]?.publicKey.slice() ?? NOTHING;
  return {
    ...keystore,
    async imported(purpose, algorithm, plain) {
      const sealed = sealSent({
        ...{ recipient, ephemeralSecret: new Uint8Array(32).fill(1), expiresMs: 0 },
        ...{ label: `nexus:import:${algorithm}`, aad: NOTHING, plain },
      });
      const wish = { ...wishFor(purpose, algorithm), wrapping: "wrap", sealed };
      const reply = await keystore.client.importKey(wish);
      ok(reply.status === "ok", reply.status);
      equal(reply.flags, 1);
      return reply.versions[0]?.publicKey.slice() ?? NOTHING;
    },
  };
}

test("keys sign and verify as RFC 8032 and BoringSSL do", async () => {
  const { client, imported } = await importer();
  const stanzas = parseStanzas(sharedText(RFC_8032));
  const secrets = new Map(
    stanzas.filter((one) => one.has("RawPrivate")).map((one) => [one.get("Key") ?? "", one]),
  );
  let signed = 0;
  for (const one of stanzas) {
    const key = secrets.get(one.get("SignMessage")?.split("/")[0] ?? "");
    if (key === undefined || one.has("Error")) continue;
    signed += 1;
    const purpose = `rfc8032-${signed}`;
    const publicKey = await imported(purpose, "ed25519", stanzaBytes(key, "RawPrivate"));
    deepEqual(publicKey, stanzaBytes(key, "RawPublic"));
    const ref = { app: "mail", key: purpose, message: stanzaBytes(one, "Input") };
    const reply = await client.sign(ref);
    ok(reply.status === "ok");
    const signature = reply.signature.slice();
    equal(toHex(signature), toHex(stanzaBytes(one, "Output")));
    deepEqual(await client.verify({ ...ref, signature }), { status: "ok", valid: 1, version: 1 });
  }
  equal(signed, RFC_8032_SIGNED);
}, { ignore: !sharedPresent(RFC_8032) });

/** A record of a key whose public key is given, and whose secret is anything. */
function plantedRecord(purpose: string, publicKey: Uint8Array): Uint8Array {
  const body = recordBody({
    ...{ state: 0, before: 0, code: 1, uses: 1, flags: 0, timesMs: [1, 1, 0, 0] },
    ...{ usesMax: 0, used: 0, lastUsedMs: 0, minimum: [1, 1, 1], creator: "", label: "" },
    versions: [{ version: 1, createdMs: 1, publicKey }],
  });
  const path = `/state/keystore/mail/${purpose}/key`;
  const secrets = [new Uint8Array(32).fill(3)];
  return record({ kek: KEK, app: "mail", path, nonce: new Uint8Array(24), body, secrets });
}

test("verify judges every Wycheproof case of Ed25519 as its authors do", async () => {
  const memory = memoryKeys();
  const { testGroups } = JSON.parse(sharedText(WYCHEPROOF_ED25519));
  for (const [index, { publicKey }] of testGroups.entries()) {
    const purpose = `group${index}`;
    const bytes = plantedRecord(purpose, fromHex(publicKey.pk));
    memory.records.set(`/state/keystore/mail/${purpose}/key`, bytes);
  }
  const { client } = await keystoreOn({ store: memoryKeyStore(memory), clock: setClock() });
  let cases = 0;
  for (const [index, { tests }] of testGroups.entries()) {
    for (const one of tests) {
      cases += 1;
      const [message, signature] = [fromHex(one.msg), fromHex(one.sig)];
      const ref = { app: "mail", key: `group${index}` };
      const tell = `tcId ${one.tcId}`;
      // A signature of another length has no frame: the client library calls it none.
      if (signature.length !== 64) {
        equal(one.result, "invalid", tell);
        continue;
      }
      const reply = await client.verify({ ...ref, message, signature });
      ok(reply.status === "ok", tell);
      equal(reply.valid === 1, one.result === "valid", tell);
      const many = await client.verifyMany({ ...ref, signed: [{ message, signature }] });
      ok(many.status === "ok");
      deepEqual(many.versions, [{ version: one.result === "valid" ? 1 : 0 }], tell);
    }
  }
  equal(cases, ED25519_CASES);
}, { ignore: !sharedPresent(WYCHEPROOF_ED25519) });

test(
  "agree gives what Wycheproof says of X25519, and nothing for points of low order",
  async () => {
    const { client, imported } = await importer();
    let [cases, refused] = [0, 0];
    for (const { tests } of JSON.parse(sharedText(WYCHEPROOF_X25519)).testGroups) {
      for (const { tcId, private: secret, public: remote, shared } of tests) {
        cases += 1;
        const purpose = `case${tcId}`;
        const publicKey = await imported(purpose, "x25519", fromHex(secret));
        deepEqual(publicKey, x25519.getPublicKey(fromHex(secret)), `tcId ${tcId}`);
        const reply = await client.agree({ app: "mail", key: purpose, remote: fromHex(remote) });
        const zero = /^0*$/.test(shared);
        if (zero) refused += 1;
        equal(reply.status, zero ? "EINVAL" : "ok", `tcId ${tcId}`);
        if (reply.status === "ok") equal(toHex(reply.shared), shared, `tcId ${tcId}`);
      }
    }
    equal(cases, X25519_CASES);
    ok(refused > 10);
  },
  { ignore: !sharedPresent(WYCHEPROOF_X25519) },
);

test("importKey takes one secret under the one label, and nobody is shown it", async () => {
  const { client } = await keystoreOn();
  const made = await client.create(wishFor("wrap", "x25519", { uses: USE_BIT.decrypt }));
  ok(made.status === "ok");
  const recipient = made.versions[0]?.publicKey.slice() ?? NOTHING;
  const sealedAs = (label: string, length = 32, aad: Uint8Array = NOTHING) =>
    sealSent({
      ...{ recipient, ephemeralSecret: new Uint8Array(32).fill(1), expiresMs: 0, label, aad },
      plain: new Uint8Array(length).fill(0x77),
    });
  const label = "nexus:import:ed25519";
  const bad = [
    sealedAs(""),
    sealedAs("nexus:import:x25519"),
    sealedAs("nexus:import:"),
    sealedAs(`${label}x`),
    sealedAs(label, 31),
    sealedAs(label, 33),
    sealedAs(label, 0),
    sealedAs(label, 32, utf8("aad")),
  ];
  const wish = { ...wishFor("k", "ed25519"), wrapping: "wrap" };
  for (const sealed of bad) equal((await client.importKey({ ...wish, sealed })).status, "EINVAL");
  const sealed = sealedAs(label);
  const missing = { ...wish, wrapping: "none", sealed };
  equal((await client.importKey(missing)).status, "ENOENT");
  for (const each of [sealed, sealedAs("nexus:import:"), sealedAs("nexus:import:anything")]) {
    const shown = await client.openFrom({ app: "mail", key: "wrap", aad: NOTHING, sealed: each });
    equal(shown.status, "EINVAL", "the secret of a key is shown to nobody");
  }
  equal((await client.importKey({ ...wish, sealed })).status, "ok");
  equal((await client.importKey({ ...wish, sealed })).status, "EALREADY");
});

test("importKey takes no secret by a key that its application could open it with itself", async () => {
  const { client } = await keystoreOn();
  const both = await client.create(wishFor("both", "x25519"));
  ok(both.status === "ok");
  const sealed = sealSent({
    recipient: both.versions[0]?.publicKey.slice() ?? NOTHING,
    ...{ ephemeralSecret: new Uint8Array(32).fill(1), expiresMs: 0, aad: NOTHING },
    ...{ label: "nexus:import:ed25519", plain: new Uint8Array(32).fill(0x77) },
  });
  const wish = { ...wishFor("k", "ed25519"), wrapping: "both", sealed };
  equal((await client.importKey(wish)).status, "EPERM");
});
