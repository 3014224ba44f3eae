/**
 * Public keys as other programs write them.
 *
 * @module
 */

import { fromBase64, fromBase64Url, toBase64, toBase64Url } from "@runtime/core/base64.ts";
import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { fromHex } from "@runtime/core/hex.ts";
import type { AlgorithmName } from "./algorithm.ts";
import { SSH_ED25519, sshStrings } from "./ssh_wire.ts";

/** Algorithms whose keys have a public half that means something to others. */
export type PublicAlgorithm = Extract<AlgorithmName, "ed25519" | "x25519">;

const PUBLIC_LENGTH = 32;
const PEM_LINE_LENGTH = 64;
const HEX = /^[0-9a-f]{64}$/i;
const PEM = /^-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----$/;

/** SubjectPublicKeyInfo in front of the 32 bytes. Source: RFC 8410, "Subject Public Key Fields". */
const SPKI_PREFIX: Readonly<Record<PublicAlgorithm, Uint8Array>> = {
  ed25519: fromHex("302a300506032b6570032100"),
  x25519: fromHex("302a300506032b656e032100"),
};

/** Source: RFC 8037, "Key Type 'OKP'". */
const CURVE: Readonly<Record<PublicAlgorithm, string>> = { ed25519: "Ed25519", x25519: "X25519" };

/** A public key as a JSON Web Key. */
export interface PublicJwk {
  /** Octet key pair. */
  readonly kty: "OKP";
  /** `Ed25519` or `X25519`. */
  readonly crv: string;
  /** The 32 bytes in base64url. */
  readonly x: string;
  /** The key id of the version, where it was given. */
  readonly kid?: string;
}

/** Whether keys of an algorithm have a public half; otherwise the public value only commits to them. */
export function hasPublicHalf(algorithm: AlgorithmName): algorithm is PublicAlgorithm {
  return algorithm in CURVE;
}

/** A public key as a JSON Web Key. @param publicKey 32 bytes. Source: RFC 8037. */
export function publicKeyJwk(
  algorithm: PublicAlgorithm,
  publicKey: Uint8Array,
  keyId?: string,
): PublicJwk {
  const jwk = { kty: "OKP", crv: CURVE[algorithm], x: toBase64Url(publicKey) } as const;
  return keyId === undefined ? jwk : { ...jwk, kid: keyId };
}

/** A public key as PEM with a final line feed, as OpenSSL reads it. Source: RFC 8410, RFC 7468. */
export function publicKeyPem(algorithm: PublicAlgorithm, publicKey: Uint8Array): string {
  const text = toBase64(concatBytes(SPKI_PREFIX[algorithm], publicKey));
  const lines = text.match(new RegExp(`.{1,${PEM_LINE_LENGTH}}`, "g")) ?? [];
  return ["-----BEGIN PUBLIC KEY-----", ...lines, "-----END PUBLIC KEY-----", ""].join("\n");
}

/**
 * An Ed25519 public key as one line of OpenSSH's `.pub` and `authorized_keys` files.
 *
 * @param comment Behind it, in the same line. Source: RFC 8709; OpenSSH, sshd(8).
 */
export function publicKeySsh(publicKey: Uint8Array, comment: string): string {
  return `${SSH_ED25519} ${toBase64(sshStrings(SSH_ED25519, publicKey))} ${comment}`.trimEnd();
}

/**
 * Reads a public key as it is written here: 32 bare bytes, 64 hexadecimal digits, PEM, or a JWK.
 *
 * @returns `undefined` for what is none of these, or is of another algorithm.
 */
export function readPublicKey(
  algorithm: PublicAlgorithm,
  bytes: Uint8Array,
): Uint8Array | undefined {
  if (bytes.length === PUBLIC_LENGTH) return bytes.slice();
  const text = new TextDecoder().decode(bytes).trim();
  if (HEX.test(text)) return fromHex(text);
  const body = PEM.exec(text)?.[1];
  try {
    return body === undefined ? fromJwk(algorithm, text) : fromSpki(algorithm, body);
  } catch (error) {
    if (error instanceof WireError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fromSpki(algorithm: PublicAlgorithm, body: string): Uint8Array | undefined {
  const der = fromBase64(body.replace(/\s/g, ""));
  const prefix = SPKI_PREFIX[algorithm];
  if (der.length !== prefix.length + PUBLIC_LENGTH) return undefined;
  return equalBytes(der.subarray(0, prefix.length), prefix) ? der.slice(prefix.length) : undefined;
}

function fromJwk(algorithm: PublicAlgorithm, text: string): Uint8Array | undefined {
  const jwk: unknown = JSON.parse(text);
  if (typeof jwk !== "object" || jwk === null || !("x" in jwk) || !("crv" in jwk)) return undefined;
  if (jwk.crv !== CURVE[algorithm] || typeof jwk.x !== "string") return undefined;
  const key = fromBase64Url(jwk.x);
  return key.length === PUBLIC_LENGTH ? key : undefined;
}
