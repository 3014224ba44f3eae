/**
 * keystored's formats, built a second time from their description and with another library, so that
 * no test compares the daemon with itself.
 *
 * @module
 */

import { createHash, hkdfSync } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";

const UTF8 = new TextEncoder();
const NO_SALT = new Uint8Array(0);

export function utf8(text: string): Uint8Array {
  return UTF8.encode(text);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A whole number, little-endian. */
export function le(value: number | bigint, size: number): Uint8Array {
  return Uint8Array.from(
    { length: size },
    (_, index) => Number(BigInt(value) >> BigInt(8 * index) & 0xffn),
  );
}

/** Text behind one byte of its length. */
export function text8(text: string): Uint8Array {
  return joined(le(utf8(text).length, 1), utf8(text));
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(joined(...parts)).digest());
}

export function hkdf(
  secret: Uint8Array,
  info: string | Uint8Array,
  { length = 32, salt = NO_SALT }: { readonly length?: number; readonly salt?: Uint8Array } = {},
): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, length));
}

/** What a symmetric key is committed to by. */
export function commitment(secret: Uint8Array): Uint8Array {
  return hkdf(secret, "nexus:key-commitment:1");
}

/** Algorithms by their numbers. */
export const CODE = { ed25519: 1, xchacha: 2, x25519: 3, hkdf: 4 } as const;

export interface KeyIdParts {
  readonly app: string;
  readonly purpose: string;
  readonly code: number;
  readonly version: number;
  readonly publicKey: Uint8Array;
}

export function keyId({ app, purpose, code, version, publicKey }: KeyIdParts): Uint8Array {
  const named = joined(text8(app), text8(purpose), le(code, 1), le(version, 4), publicKey);
  return sha256(utf8("nexus:key-id:1\0"), named).slice(0, 20);
}

/** An NXSE: what a key seals for itself. */
export interface OwnSeal {
  readonly secret: Uint8Array;
  readonly version: number;
  readonly keyId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly label: string;
  readonly aad: Uint8Array;
  readonly plain: Uint8Array;
}

export function sealOwn(
  { secret, version, keyId, nonce, label, aad, plain }: OwnSeal,
): Uint8Array {
  const head = joined(utf8("NXSE"), le(1, 1), le(1, 1), le(0, 2), le(version, 4), keyId, nonce);
  const whole = joined(head, text8(label));
  return joined(whole, xchacha20poly1305(secret, nonce, joined(whole, aad)).encrypt(plain));
}

/** An NXSR: what anybody seals to an X25519 key. */
export interface SentSeal {
  readonly recipient: Uint8Array;
  readonly ephemeralSecret: Uint8Array;
  readonly expiresMs: number;
  readonly label: string;
  readonly aad: Uint8Array;
  readonly plain: Uint8Array;
}

export function sealSent(
  { recipient, ephemeralSecret, expiresMs, label, aad, plain }: SentSeal,
): Uint8Array {
  const ephemeral = x25519.getPublicKey(ephemeralSecret);
  const start = joined(utf8("NXSR"), le(1, 1), le(1, 1), le(0, 2), le(expiresMs, 8));
  const head = joined(start, recipient, ephemeral, text8(label));
  const { key, nonce } = sentKey(
    x25519.getSharedSecret(ephemeralSecret, recipient),
    ephemeral,
    recipient,
  );
  return joined(head, xchacha20poly1305(key, nonce, joined(head, aad)).encrypt(plain));
}

/** Opens an NXSR with the recipient's secret. @throws When it does not open. */
export function openSent(secret: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array {
  const [recipient, ephemeral] = [sealed.slice(16, 48), sealed.slice(48, 80)];
  const end = 81 + (sealed[80] ?? 0);
  const { key, nonce } = sentKey(x25519.getSharedSecret(secret, ephemeral), ephemeral, recipient);
  const ad = joined(sealed.slice(0, end), aad);
  return xchacha20poly1305(key, nonce, ad).decrypt(sealed.slice(end));
}

function sentKey(shared: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array) {
  const salt = joined(ephemeral, recipient);
  const derived = hkdf(shared, "nexus:seal-to:1", { length: 56, salt });
  return { key: derived.slice(0, 32), nonce: derived.slice(32) };
}

/** A record: the head in the clear, and the secrets of its versions. */
export interface RecordParts {
  readonly kek: Uint8Array;
  readonly app: string;
  readonly path: string;
  readonly nonce: Uint8Array;
  /** What stands between the nonce and the ciphertext. */
  readonly body: Uint8Array;
  readonly secrets: readonly Uint8Array[];
  /** Three bytes that are to be zero. */
  readonly zeros?: number;
}

export function record(
  { kek, app, path, nonce, body, secrets, zeros = 0 }: RecordParts,
): Uint8Array {
  const head = joined(utf8("NXKR"), le(1, 1), le(zeros, 3), nonce, body);
  const key = hkdf(kek, `nexus:key-record:1\0${app}`);
  const sealed = xchacha20poly1305(key, nonce, joined(head, utf8(path)));
  return joined(head, sealed.encrypt(joined(...secrets)));
}

/** What a record says in the clear. */
export interface RecordFacts {
  readonly state: number;
  readonly before: number;
  readonly code: number;
  readonly uses: number;
  readonly flags: number;
  /** Created, changed, expires, destroy; milliseconds since the Unix epoch. */
  readonly timesMs: readonly [number, number, number, number];
  readonly usesMax: number;
  readonly used: number;
  readonly lastUsedMs: number;
  /** Sign, open, verify. */
  readonly minimum: readonly [number, number, number];
  readonly creator: string;
  readonly label: string;
  readonly versions: readonly {
    readonly version: number;
    readonly createdMs: number;
    readonly publicKey: Uint8Array;
  }[];
}

export function recordBody(facts: RecordFacts): Uint8Array {
  const { state, before, code, uses, flags, versions } = facts;
  const counts = [facts.usesMax, facts.used, facts.lastUsedMs];
  return joined(
    ...[state, before, code, uses, flags].map((value) => le(value, 1)),
    ...[...facts.timesMs, ...counts].map((value) => le(value, 8)),
    ...facts.minimum.map((value) => le(value, 4)),
    text8(facts.creator),
    text8(facts.label),
    le(versions.length, 2),
    ...versions.map(({ version, createdMs, publicKey }) =>
      joined(le(version, 4), le(createdMs, 8), publicKey)
    ),
  );
}
