import { readAscii } from "@runtime/core/ascii.ts";
import { WireError } from "@runtime/core/error.ts";
import { toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";

import type { NoiseRole } from "./pattern.ts";
import { type JsonMember, parseJsonObject } from "./proof_json.ts";
import { PLAIN_ID_LENGTH, readPlainProof, writePlainProof } from "./proof_plain.ts";

/** Longest proof that is parsed, in bytes; one as upstream writes it has at most 496. */
export const PROOF_LENGTH_MAX = 8192;

/** Length of an Ed25519 verifying key and of a signature, in bytes. */
const KEY_LENGTH = 32;
const SIGNATURE_LENGTH = 64;

/** What is signed in front of the static key. Source: session-wire, "What is signed". */
const TAGS: Readonly<Record<NoiseRole, Uint8Array>> = {
  initiator: new TextEncoder().encode("client-static"),
  responder: new TextEncoder().encode("server-static"),
};

const UTF8 = new TextEncoder();
const DECIMAL = Array.from({ length: 256 }, (_, value) => `${value}`);
const NONE: ReadonlyMap<string, string> = new Map();
const DEVICE_ID = /^[0-9a-f]{64}$/;

/** A device's statement that its Noise static key belongs to its Ed25519 key. */
export interface Proof {
  /** SHA-256 of the verifying key, lower-case hex, 64 digits. */
  readonly deviceId: string;
  /** 32 bytes. */
  readonly verifyingKey: Uint8Array;
  /** 64 bytes, over {@linkcode proofDigest}. */
  readonly signature: Uint8Array;
}

/** A proof as it came, with what else the peer put beside it. */
export interface DecodedProof extends Proof {
  /** Members that session v1 does not know, by name; each value as checked JSON text. */
  readonly extensions: ReadonlyMap<string, string>;
}

/** The device id that goes with a verifying key: SHA-256 in lower-case hex. */
export function deviceIdOf(verifyingKey: Uint8Array): string {
  return toHex(sha256(verifyingKey));
}

/**
 * The 32 bytes that a proof's signature covers.
 *
 * @param role Whose proof it is, not who checks it.
 * @param staticKey The signer's Noise static public key, 32 bytes.
 */
export function proofDigest(role: NoiseRole, staticKey: Uint8Array): Uint8Array {
  return sha256(TAGS[role], staticKey);
}

/**
 * The Noise static secret that session v1 derives from an Ed25519 seed: `clamp(SHA-256(seed))`.
 *
 * Only the keeper of the seed may call it.
 */
export function noiseStaticSecret(seed: Uint8Array): Uint8Array {
  const secret = sha256(seed);
  secret[0] = (secret[0] ?? 0) & 0xf8;
  secret[31] = (secret[31] ?? 0) & 0x7f | 0x40;
  return secret;
}

/**
 * The proof's JSON, byte for byte as session v1 has it: compact, this order of members.
 *
 * @param extensions Members to add behind it, each value already JSON text.
 */
export function encodeProof(
  proof: Proof,
  extensions: ReadonlyMap<string, string> = NONE,
): Uint8Array {
  const { deviceId, verifyingKey, signature } = proof;
  if (extensions.size > 0) return encodeText(proof, extensions);
  return writePlainProof(deviceId, verifyingKey, signature) ?? encodeText(proof, extensions);
}

function encodeText(proof: Proof, extensions: ReadonlyMap<string, string>): Uint8Array {
  let text = `{"device_id":"${proof.deviceId}","verifying_key":[${decimals(proof.verifyingKey)}]`;
  text += `,"signature":[${decimals(proof.signature)}]`;
  for (const [name, value] of extensions) text += `,${JSON.stringify(name)}:${value}`;
  return UTF8.encode(`${text}}`);
}

function decimals(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += text === "" ? DECIMAL[byte] : `,${DECIMAL[byte]}`;
  return text;
}

/**
 * Reads a proof: any order of members and white space, unknown members kept as text.
 *
 * Whether the device id is the key's, and the signature the key's, is for identityd to judge.
 *
 * @throws {WireError} `limit_exceeded`: more than {@linkcode PROOF_LENGTH_MAX} bytes. `not_json`:
 *   not one JSON object, or a member named twice. `truncated`: a member is missing.
 *   `value_out_of_range`: a member of another type, a byte that is none, a device id that is not 64
 *   lower-case hex digits. `length_out_of_range`: a byte array of another length.
 */
export function decodeProof(bytes: Uint8Array): DecodedProof {
  return decodePlain(bytes) ?? decodeJson(bytes);
}

/** A proof in the one form that session v1 writes; anything else is for the parser. */
function decodePlain(bytes: Uint8Array): DecodedProof | undefined {
  const plain = readPlainProof(bytes);
  if (plain === undefined) return undefined;
  const { deviceIdAt, verifyingKey, signature } = plain;
  const deviceId = readAscii(bytes, deviceIdAt, PLAIN_ID_LENGTH);
  if (deviceId === undefined || !DEVICE_ID.test(deviceId)) return undefined;
  return { deviceId, verifyingKey, signature, extensions: new Map() };
}

/** {@linkcode decodeProof} without its short cut, which must make no difference. */
export function decodeJson(bytes: Uint8Array): DecodedProof {
  if (bytes.length > PROOF_LENGTH_MAX) throw new WireError("limit_exceeded", PROOF_LENGTH_MAX);
  const members = parseJsonObject(bytes);
  const id = required(members, "device_id", bytes);
  const verifyingKey = byteArray(required(members, "verifying_key", bytes), KEY_LENGTH);
  const signature = byteArray(required(members, "signature", bytes), SIGNATURE_LENGTH);
  const deviceId = id.string();
  if (!DEVICE_ID.test(deviceId)) throw new WireError("value_out_of_range", id.offset);
  const extensions = new Map<string, string>();
  for (const [name, member] of members) {
    if (!KNOWN.has(name)) extensions.set(name, member.text());
  }
  return { deviceId, verifyingKey, signature, extensions };
}

const KNOWN: ReadonlySet<string> = new Set(["device_id", "verifying_key", "signature"]);

function required(
  members: ReadonlyMap<string, JsonMember>,
  name: string,
  bytes: Uint8Array,
): JsonMember {
  const member = members.get(name);
  if (member === undefined) throw new WireError("truncated", bytes.length);
  return member;
}

function byteArray(member: JsonMember, length: number): Uint8Array {
  const bytes = member.byteArray(length);
  if (bytes.length !== length) throw new WireError("length_out_of_range", member.offset);
  return bytes;
}
