import { fromBase64Url, toBase64Url } from "@runtime/core/base64.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import {
  hasPublicHalf,
  publicKeyJwk,
  publicKeyPem,
  publicKeySsh,
  readPublicKey,
} from "./public_key_text.ts";

const UTF8 = new TextEncoder();

/** Source: RFC 8037, "Ed25519 Public Key". */
const RFC_8037_ED25519 = {
  kty: "OKP",
  crv: "Ed25519",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};
/** Source: RFC 8037, "ECDH-ES with X25519": Bob's key. */
const RFC_8037_X25519 = {
  kty: "OKP",
  crv: "X25519",
  x: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
};
/** Source: RFC 8410, "Example Ed25519 Public Key". */
const RFC_8410_PEM = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
`;
const RFC_8410_KEY = fromHex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
/** The length and name in front of every Ed25519 key. Source: RFC 8709, "Public Key Format". */
const SSH_PREFIX = "AAAAC3NzaC1lZDI1NTE5AAAAI";

test("publicKeyJwk equals the examples of RFC 8037, thumbprint and all", () => {
  const ed25519 = fromBase64Url(RFC_8037_ED25519.x);
  equal(toHex(ed25519), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  deepEqual(publicKeyJwk("ed25519", ed25519), RFC_8037_ED25519);
  deepEqual(publicKeyJwk("x25519", fromBase64Url(RFC_8037_X25519.x)), RFC_8037_X25519);
  equal(publicKeyJwk("ed25519", ed25519, "nk1-x").kid, "nk1-x");
  // Source: RFC 8037, "JWK Thumbprint Canonicalization".
  const { crv, kty, x } = publicKeyJwk("ed25519", ed25519);
  const thumbprint = toBase64Url(sha256(UTF8.encode(JSON.stringify({ crv, kty, x }))));
  equal(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

test("publicKeyPem equals the example of RFC 8410", () => {
  equal(publicKeyPem("ed25519", RFC_8410_KEY), RFC_8410_PEM);
});

test("publicKeySsh is one line that begins as every Ed25519 key's does", () => {
  const line = publicKeySsh(RFC_8410_KEY, "mail/letters");
  ok(line.startsWith(`ssh-ed25519 ${SSH_PREFIX}`), line);
  ok(line.endsWith(" mail/letters"));
});

test("readPublicKey reads what is written here, and no other key", () => {
  const key = RFC_8410_KEY;
  const texts = [
    toHex(key),
    `${toHex(key).toUpperCase()}\n`,
    RFC_8410_PEM,
    JSON.stringify(publicKeyJwk("ed25519", key)),
  ];
  for (const text of texts) deepEqual(readPublicKey("ed25519", UTF8.encode(text)), key, text);
  deepEqual(readPublicKey("ed25519", key), key);
  const none = [
    "",
    "00",
    "{}",
    "[]",
    "null",
    '{"crv":"Ed25519","x":"AA"}',
    '{"crv":"Ed25519","x":"?"}',
    '{"crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    publicKeyPem("x25519", key),
    publicKeyPem("ed25519", concatBytes(key, key)),
    RFC_8410_PEM.replace("MCow", "MCo"),
    RFC_8410_PEM.replace("ZuE=", "ZuF="),
  ];
  for (const text of none) equal(readPublicKey("ed25519", UTF8.encode(text)), undefined, text);
});

test("hasPublicHalf tells the keys that others need a half of", () => {
  const halves = ["ed25519", "x25519", "xchacha20-poly1305", "hkdf-sha256"] as const;
  deepEqual(halves.map(hasPublicHalf), [true, true, false, false]);
});
