/**
 * Every byte of what keystored writes, against a second implementation: ids, sealed bytes and records;
 * and whatever is changed, cut, moved or mixed is refused.
 *
 * @module
 */

import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { WireError } from "@runtime/core/error.ts";
import { toHex } from "@runtime/core/hex.ts";
import { Secret } from "@runtime/core/secret.ts";
import { keyIdOf, keyIdText, parseKeyId } from "@services/keystored/client/key_id.ts";
import { parseSealed, parseSent } from "@services/keystored/client/sealed_blob.ts";
import { decodeKeyRecord } from "@services/keystored/keys/key_record.ts";
import { openSent as openSentHere, sentPartsOf } from "@services/keystored/keys/seal.ts";
import { x25519Secret } from "@runtime/crypto/x25519.ts";
import { deepEqual, equal, ok, throws } from "../fakes/assert.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  seededDraw,
  START_MS,
  wishFor,
} from "../fakes/keystore.ts";
import { kek } from "../fakes/seed_entropy.ts";
import { test } from "../fakes/test.ts";
import {
  commitment,
  joined,
  keyId,
  le,
  openSent,
  record,
  recordBody,
  sealOwn,
  sealSent,
  sha256,
  utf8,
} from "./independent.ts";

const KEK = new Uint8Array(32).fill(7);
const AAD = utf8("aad");
const PLAIN = utf8("plain text");
const BOX = { app: "mail", key: "box" } as const;
const PATH = "/state/keystore/mail/box/key";

/** What {@linkcode seededDraw} gives for a seed. */
function drawn(seed: string, offset: number, length: number): Uint8Array {
  const blocks = Array.from({ length: 40 }, (_, index) => [...sha256(utf8(`${seed}:${index}`))]);
  return Uint8Array.from(blocks.flat().slice(offset, offset + length));
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.with(bit >>> 3, (bytes[bit >>> 3] ?? 0) ^ 1 << (bit & 7));
}

test("keyIdOf is what a verifier works out, and every part of the name counts", () => {
  const names = [
    { app: "a", purpose: "b", algorithm: "ed25519", code: 1, version: 1 },
    {
      app: "a".repeat(48),
      purpose: "p".repeat(32),
      algorithm: "x25519",
      code: 3,
      version: 2 ** 31,
    },
    { app: "mail.box", purpose: "k-1_x.y", algorithm: "xchacha20-poly1305", code: 2, version: 2 },
    { app: "ab", purpose: "c", algorithm: "hkdf-sha256", code: 4, version: 0xffffffff },
    { app: "a", purpose: "bc", algorithm: "hkdf-sha256", code: 4, version: 0xffffffff },
  ] as const;
  const seen = new Set<string>();
  for (const name of names) {
    for (const fill of [0, 0xff]) {
      const publicKey = new Uint8Array(32).fill(fill);
      const id = keyIdOf({ ...name, publicKey });
      deepEqual(id, keyId({ ...name, publicKey }));
      seen.add(toHex(id));
    }
  }
  equal(seen.size, 2 * names.length);
});

test("keyIdOf gives the ids that another language gave once", () => {
  // Worked out with Python's hashlib.
  const publicKey = Uint8Array.from({ length: 32 }, (_, index) => index);
  const id = keyIdOf({
    ...{ app: "mail", purpose: "letters", algorithm: "ed25519", version: 3, publicKey },
  });
  equal(keyIdText(id), "nk1-9fac81c3064ae306a07d8ab154a7d88b31b04d5e");
});

test("parseKeyId takes the one text of an id", () => {
  const text = `nk1-${"0a".repeat(20)}`;
  deepEqual(parseKeyId(text), new Uint8Array(20).fill(10));
  const others = [text.toUpperCase(), text.slice(1), `${text}0`, text.slice(0, -1), ` ${text}`];
  for (const other of [...others, `${text}\n`, text.replace("nk1", "nk2"), "", "nk1-"]) {
    equal(parseKeyId(other), undefined, other);
  }
});

/** A keystore with a sealing key whose secrets are known. */
async function boxed(): Promise<Keystore["client"]> {
  const { client } = await keystoreOn({ draw: seededDraw("formats") });
  equal((await client.create(wishFor("box", "xchacha20-poly1305"))).status, "ok");
  return client;
}

const SECRET = drawn("formats", 0, 32);
const BOX_NAME = { app: "mail", purpose: "box", code: 2, version: 1 };
const BOX_ID = keyId({ ...BOX_NAME, publicKey: commitment(SECRET) });
const OWN = {
  ...{ secret: SECRET, version: 1, keyId: BOX_ID, nonce: drawn("formats", 56, 24) },
  ...{ label: "a label", aad: AAD, plain: PLAIN },
};

test("seal writes NXSE byte for byte, and opens what another wrote", async () => {
  const client = await boxed();
  const reply = await client.seal({ ...BOX, label: "a label", aad: AAD, plain: PLAIN });
  ok(reply.status === "ok");
  equal(toHex(reply.sealed), toHex(sealOwn(OWN)));
  for (const length of [0, 1, 6_144]) {
    const plain = new Uint8Array(length).fill(3);
    const sealed = sealOwn({ ...OWN, label: "", plain, nonce: new Uint8Array(24) });
    const opened = await client.unseal({ ...BOX, aad: AAD, sealed });
    ok(opened.status === "ok");
    deepEqual([opened.plain, opened.label, opened.version], [plain, "", 1]);
  }
});

test("unseal refuses every bit that is changed and every length but the one", async () => {
  const client = await boxed();
  const sealed = sealOwn(OWN);
  const statusOf = async (bytes: Uint8Array) =>
    (await client.unseal({ ...BOX, aad: AAD, sealed: bytes })).status;
  equal(await statusOf(sealed), "ok");
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    equal(await statusOf(flipped(sealed, bit)), "EINVAL", `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length++) {
    equal(await statusOf(sealed.slice(0, length)), "EINVAL", `${length} bytes`);
  }
  equal(await statusOf(joined(sealed, le(0, 1))), "EINVAL");
});

test("unseal binds the head: what is sealed right under a wrong head does not open", async () => {
  const client = await boxed();
  const other = keyId({ ...BOX_NAME, version: 2, publicKey: commitment(SECRET) });
  const wrong = [{ version: 2 }, { version: 0 }, { keyId: other }, { aad: utf8("aae") }];
  for (const change of [...wrong, { label: "l".repeat(65) }]) {
    const sealed = sealOwn({ ...OWN, ...change });
    equal((await client.unseal({ ...BOX, aad: AAD, sealed })).status, "EINVAL");
  }
  // Sealed right, with a suite, a format and zeros that are not this format's.
  const whole = sealOwn(OWN);
  for (const at of [4, 5, 6, 7]) {
    const head = whole.slice(0, 57 + OWN.label.length).with(at, 2);
    const sealed = joined(head, whole.slice(head.length));
    equal((await client.unseal({ ...BOX, aad: AAD, sealed })).status, "EINVAL");
  }
});

test("parseSealed and parseSent name what is wrong with a head", () => {
  const own = sealOwn(OWN);
  const sent = sealSent({ ...SENT, label: "a label" });
  for (const [parse, bytes, labelAt] of [[parseSealed, own, 56], [parseSent, sent, 80]] as const) {
    const code = (changed: Uint8Array) => {
      try {
        parse(changed);
      } catch (error) {
        return error instanceof WireError ? error.code : String(error);
      }
      return "ok";
    };
    equal(code(bytes), "ok");
    equal(code(bytes.with(0, 0)), "bad_magic");
    equal(code(bytes.with(4, 2)), "bad_version");
    for (const at of [5, 6, 7]) equal(code(bytes.with(at, 9)), "value_out_of_range");
    equal(code(bytes.with(labelAt, 65)), "length_out_of_range");
    equal(code(bytes.with(labelAt + 1, 0xff)), "not_utf8");
    equal(code(bytes.slice(0, labelAt + 8 + 15)), "truncated");
    equal(code(joined(bytes.slice(0, labelAt + 8), new Uint8Array(6_161))), "length_out_of_range");
  }
  throws(() => parseSealed(own.with(8, 0)), { code: "value_out_of_range" });
  equal(parseSealed(own).head.label, "a label");
  deepEqual(parseSent(sent).head.recipient, SENT.recipient);
});

const FRIEND = new Uint8Array(32).fill(0x33);
const SENT = {
  ...{ recipient: x25519.getPublicKey(FRIEND), ephemeralSecret: new Uint8Array(32).fill(0x44) },
  ...{ expiresMs: 5, label: "", aad: AAD, plain: PLAIN },
};

test("sealTo writes NXSR byte for byte", async () => {
  const { client } = await keystoreOn({ draw: seededDraw("sent") });
  const request = { app: "mail", recipient: SENT.recipient, expiresMs: 5n, label: "x" };
  const reply = await client.sealTo({ ...request, aad: AAD, plain: PLAIN });
  ok(reply.status === "ok");
  const ephemeralSecret = drawn("sent", 0, 32);
  equal(toHex(reply.sealed), toHex(sealSent({ ...SENT, label: "x", ephemeralSecret })));
  deepEqual(openSent(FRIEND, reply.sealed, AAD), PLAIN);
});

test("openFrom refuses every bit that is changed and every length but the one", async () => {
  const { client } = await keystoreOn();
  const made = await client.create(wishFor("inbox", "x25519"));
  ok(made.status === "ok");
  const recipient = made.versions[0]?.publicKey.slice() ?? AAD;
  const sealed = sealSent({ ...SENT, recipient, expiresMs: 0, label: "label" });
  const statusOf = async (bytes: Uint8Array) =>
    (await client.openFrom({ app: "mail", key: "inbox", aad: AAD, sealed: bytes })).status;
  equal(await statusOf(sealed), "ok");
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    // A point has one more bit than its number, which no X25519 reads: the tag is over it all the same.
    equal(await statusOf(flipped(sealed, bit)), "EINVAL", `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length++) {
    equal(await statusOf(sealed.slice(0, length)), "EINVAL", `${length} bytes`);
  }
  const lowOrder = sealSentUnder(new Uint8Array(32), recipient);
  equal(await statusOf(lowOrder), "EINVAL");
});

/** NXSR whose ephemeral key is a point of low order: anybody knows what both would share. */
function sealSentUnder(ephemeral: Uint8Array, recipient: Uint8Array): Uint8Array {
  const sealed = sealSent({ ...SENT, recipient, expiresMs: 0 });
  sealed.set(ephemeral, 48);
  return sealed;
}

test("openSent opens for nobody but its recipient", () => {
  const sealed = sealSent(SENT);
  const parts = sentPartsOf(sealed);
  ok(parts !== undefined);
  deepEqual(openSentHere(x25519Secret(FRIEND), parts, AAD), PLAIN);
  equal(openSentHere(x25519Secret(new Uint8Array(32).fill(0x34)), parts, AAD), undefined);
});

test("sealed bytes do not go between keys, versions, purposes or applications", async () => {
  const { client } = await keystoreOn();
  const places = [["mail", "box"], ["mail", "other"], ["calendar", "box"]] as const;
  const made: { app: string; key: string; version: number; sealed: Uint8Array }[] = [];
  for (const [app, purpose] of places) {
    const ref = { app, key: purpose };
    await client.create({ ...wishFor(purpose, "xchacha20-poly1305"), app });
    for (const version of [1, 2]) {
      const reply = await client.seal({ ...ref, label: "", aad: AAD, plain: PLAIN });
      ok(reply.status === "ok");
      made.push({ ...ref, version, sealed: reply.sealed.slice() });
      await client.rotate(ref);
    }
  }
  for (const { app, key, version, sealed } of made) {
    for (const other of made) {
      const opened = await client.unseal({ app: other.app, key: other.key, aad: AAD, sealed });
      const own = other.app === app && other.key === key;
      equal(opened.status, own ? "ok" : "EINVAL");
      // The head of one before the ciphertext of another.
      const spliced = joined(sealed.slice(0, 57), other.sealed.slice(57));
      const same = own && other.version === version;
      const status = (await client.unseal({ app, key, aad: AAD, sealed: spliced })).status;
      equal(status, same ? "ok" : "EINVAL");
    }
  }
  const [first] = made;
  ok(first !== undefined);
  const info = await client.get(BOX);
  ok(info.status === "ok");
  const second = { app: "mail", key: keyIdText(info.versions[1]?.keyId ?? AAD) };
  equal((await client.unseal({ ...second, aad: AAD, sealed: first.sealed })).status, "EINVAL");
});

/** A record of a key of two versions, as {@linkcode record} writes it. */
function boxRecord(change: Partial<Parameters<typeof recordBody>[0]> = {}, zeros = 0) {
  const secrets = [SECRET, new Uint8Array(32).fill(0x21)];
  const versions = secrets.map((secret, index) => ({
    ...{ version: index + 1, createdMs: 5, publicKey: commitment(secret) },
  }));
  const body = recordBody({
    ...{ state: 0, before: 0, code: 2, uses: 2, flags: 0, timesMs: [5, 6, 0, 0] },
    ...{ usesMax: 9, used: 4, lastUsedMs: 6, minimum: [2, 1, 1], creator: "nx-cli" },
    ...{ label: "label", versions, ...change },
  });
  const held = change.state === 5 || change.versions?.length === 0 ? [] : secrets;
  return record({ kek: KEK, app: "mail", path: PATH, nonce: AAD24, body, secrets: held, zeros });
}
const AAD24 = new Uint8Array(24).fill(0x5a);
const SEAL = { kek: kek(), app: "mail", path: PATH };

test("a record is NXKR byte for byte, with the secrets of its versions nowhere in the clear", async () => {
  const memory = memoryKeys();
  const draw = seededDraw("formats");
  const { client } = await keystoreOn({ store: memoryKeyStore(memory), draw, sender: "mailer" });
  const wish = { label: "label", expiresMs: BigInt(START_MS + 9), usesMax: 12n };
  await client.create(wishFor("box", "xchacha20-poly1305", wish));
  const body = recordBody({
    ...{ state: 0, before: 0, code: 2, uses: 2, flags: 0, usesMax: 12, used: 0, lastUsedMs: 0 },
    ...{ timesMs: [START_MS, START_MS, START_MS + 9, 0], minimum: [1, 1, 1], creator: "mailer" },
    ...{ label: "label" },
    versions: [{ version: 1, createdMs: START_MS, publicKey: commitment(SECRET) }],
  });
  const nonce = drawn("formats", 32, 24);
  const written = record({ kek: KEK, app: "mail", path: PATH, nonce, body, secrets: [SECRET] });
  equal(toHex(memory.records.get(PATH) ?? AAD), toHex(written));
});

test("a record that another wrote is read: its facts, and its secrets in use", async () => {
  const memory = memoryKeys();
  memory.records.set(PATH, boxRecord());
  const { client } = await keystoreOn({ store: memoryKeyStore(memory) });
  const told = await client.get(BOX);
  ok(told.status === "ok");
  deepEqual([told.version, told.used, told.usesMax, told.minSign, told.label, told.creator], [
    ...[2, 4n, 9n, 2, "label", "nx-cli"],
  ]);
  const opened = await client.unseal({ ...BOX, aad: AAD, sealed: sealOwn(OWN) });
  ok(opened.status === "ok");
  deepEqual([opened.plain, opened.version], [PLAIN, 1]);
});

test("a record with any bit changed, cut, moved, or under another key, is none", () => {
  const whole = boxRecord();
  const opens = (bytes: Uint8Array, change: Partial<typeof SEAL> = {}) =>
    decodeKeyRecord(bytes, { ...SEAL, ...change }) !== undefined;
  ok(opens(whole));
  for (let bit = 0; bit < 8 * whole.length; bit++) ok(!opens(flipped(whole, bit)), `bit ${bit}`);
  for (let length = 0; length < whole.length; length++) ok(!opens(whole.slice(0, length)));
  ok(!opens(joined(whole, le(0, 1))));
  ok(!opens(whole, { path: "/state/keystore/mail/other/key" }));
  ok(!opens(whole, { app: "calendar" }));
  ok(!opens(whole, { kek: new Secret(new Uint8Array(32).fill(8)) }));
});

test("a record that is sealed right and says what no key can be is none", () => {
  const version = (number: number) => ({
    ...{ version: number, createdMs: 5, publicKey: new Uint8Array(32) },
  });
  const bad = [
    ...[{ state: 6 }, { before: 6 }, { code: 0 }, { code: 5 }, { uses: 0 }, { uses: 1 }],
    ...[{ uses: 3 }, { flags: 4 }, { versions: [] }, { versions: [version(1)] }],
    ...[{ versions: [version(2), version(1)] }, { versions: [version(1), version(1)] }],
    ...[{ versions: [version(0), version(1)] }, { label: "l".repeat(65) }],
  ];
  for (const change of bad) {
    equal(decodeKeyRecord(boxRecord(change), SEAL), undefined, JSON.stringify(change));
  }
  for (const zeros of [1, 0x100, 0x10000]) {
    equal(decodeKeyRecord(boxRecord({}, zeros), SEAL), undefined);
  }
  const destroyed = decodeKeyRecord(boxRecord({ state: 5 }), SEAL);
  deepEqual([destroyed?.secrets.length, destroyed?.facts.versions.length], [0, 2]);
});

test("a key whose record does not open is not there to be used, and not made anew", async () => {
  const memory = memoryKeys();
  memory.records.set(PATH, flipped(boxRecord(), 8 * 60));
  const before = memory.records.get(PATH);
  const { client } = await keystoreOn({ store: memoryKeyStore(memory) });
  const sealed = sealOwn(OWN);
  for (
    const { status } of [
      await client.get(BOX),
      await client.unseal({ ...BOX, aad: AAD, sealed }),
      await client.rotate(BOX),
      await client.revoke(BOX),
      await client.destroy({ ...BOX, waitMs: 1_000n }),
      await client.create(wishFor("box", "xchacha20-poly1305")),
    ]
  ) equal(status, "damaged");
  deepEqual(memory.records.get(PATH), before);
});

test("derive and agree are HKDF and X25519, by name of the version", async () => {
  const { client } = await keystoreOn({ draw: seededDraw("formats") });
  const made = await client.create(wishFor("inbox", "x25519"));
  ok(made.status === "ok");
  deepEqual(made.versions[0]?.publicKey.slice(), x25519.getPublicKey(SECRET));
  const ref = { app: "mail", key: keyIdText(made.keyId) };
  const reply = await client.agree({ ...ref, remote: SENT.recipient });
  ok(reply.status === "ok");
  deepEqual(reply.shared.slice(), x25519.getSharedSecret(SECRET, SENT.recipient));
  const signer = await client.create(wishFor("signer", "ed25519"));
  ok(signer.status === "ok");
  deepEqual(signer.versions[0]?.publicKey.slice(), ed25519.getPublicKey(drawn("formats", 56, 32)));
});
