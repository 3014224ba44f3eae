/**
 * NXR2 and NXR1: values under XChaCha20-Poly1305, each bound to its path.
 *
 * NXR2 is ours: nonces are drawn, so that an image that went back in time repeats none. NXR1 is
 * upstream's, whose nonces are transaction ids; it is read, never written.
 *
 * Source: `docs/state_format.md`; Open Nexus OS, statefs, "encryption at rest".
 *
 * @module
 */

import { ASCII_LENGTH_MAX, isAscii, writeAscii } from "@runtime/core/ascii.ts";
import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Secret } from "@runtime/core/secret.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";
import {
  openXchacha,
  openXchachaInto,
  sealXchachaInto,
  XCHACHA_KEY_LENGTH,
  XCHACHA_NONCE_LENGTH,
  XCHACHA_TAG_LENGTH,
} from "@runtime/crypto/xchacha_poly.ts";

/** `NXR2`, little-endian. */
const MAGIC_2 = 0x3252584e;
const VERSION_2 = 2;
const HEADER_2_LENGTH = 32;
/** What stands before the nonce: magic, version, class and zeros. */
const HEAD_2 = Uint8Array.of(0x4e, 0x58, 0x52, 0x32, VERSION_2, 0, 0, 0);
/** `NXR1`, little-endian. */
const MAGIC_1 = 0x3152584e;
const VERSION_1 = 1;
const HEADER_1_LENGTH = 20;
const NONCE_PART_OFFSET = 8;
/** Of NXR1: applications, the first class in upstream's table, whose index this is. */
const CLASS_APP = 0;

/** Bytes that a seal adds to what it holds. */
export const SEAL_OVERHEAD = HEADER_2_LENGTH + XCHACHA_TAG_LENGTH;
export const IMAGE_ID_LENGTH = 16;
export const LEGACY_SALT_LENGTH = 12;

const UTF8 = new TextEncoder();
/** Associated data of one call at a time. */
const BOUND = new Uint8Array(HEADER_2_LENGTH + ASCII_LENGTH_MAX);
const INFO = UTF8.encode("nexus:nxr2");

export type SealKind = "nxr1" | "nxr2" | "none";

/** Which seal the bytes claim to be under. */
export function sealOf(stored: Uint8Array): SealKind {
  if (stored.length < 4) return "none";
  const magic = new Reader(stored).u32();
  if (magic === MAGIC_2) return "nxr2";
  return magic === MAGIC_1 ? "nxr1" : "none";
}

/**
 * The key of an image's values.
 *
 * @param imageId 16 bytes: an image with another id has another key.
 *
 * Source: RFC 5869, "HMAC-based Extract-and-Expand Key Derivation Function (HKDF)".
 */
export function imageKey(recordKey: Secret, imageId: Uint8Array): Secret {
  assert(imageId.length === IMAGE_ID_LENGTH, "an image's id has 16 bytes");
  return new Secret(
    recordKey.use((secret) =>
      hkdfSha256({ secret, salt: imageId, info: INFO }, XCHACHA_KEY_LENGTH)
    ),
  );
}

/** What a value is sealed under. */
export interface SealInput {
  readonly key: Secret;
  readonly path: string;
  /** 24 bytes that were drawn for this value alone. */
  readonly nonce: Uint8Array;
}

/** Seals a value as NXR2. */
export function sealValue(plain: Uint8Array, { key, path, nonce }: SealInput): Uint8Array {
  assert(nonce.length === XCHACHA_NONCE_LENGTH, "a nonce has 24 bytes");
  const stored = new Uint8Array(SEAL_OVERHEAD + plain.length);
  stored.set(HEAD_2);
  stored.set(nonce, NONCE_PART_OFFSET);
  const ad = boundTo(stored.subarray(0, HEADER_2_LENGTH), path);
  key.use((bytes) => sealXchachaInto(bytes, plain, { nonce, ad }, stored, HEADER_2_LENGTH));
  return stored;
}

/**
 * Opens an NXR2 value.
 *
 * @returns `undefined` when the tag does not match: another key, image or path, or changed bytes.
 * @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range` (class, zeros).
 */
export function openValue(
  stored: Uint8Array,
  under: Pick<SealInput, "key" | "path">,
): Uint8Array | undefined {
  const plain = new Uint8Array(Math.max(stored.length - SEAL_OVERHEAD, 0));
  return openValueInto(stored, under, plain) === undefined ? undefined : plain;
}

/**
 * Opens an NXR2 value as {@linkcode openValue} does, to the head of `out`.
 *
 * @param out Must have room for the value without its seal.
 * @returns how many bytes were written.
 */
export function openValueInto(
  stored: Uint8Array,
  { key, path }: Pick<SealInput, "key" | "path">,
  out: Uint8Array,
): number | undefined {
  const reader = new Reader(stored);
  if (reader.u32() !== MAGIC_2) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION_2) throw new WireError("bad_version", 4);
  if (reader.u8() !== 0) throw new WireError("value_out_of_range", 5);
  if (reader.u16() !== 0) throw new WireError("value_out_of_range", 6);
  const nonce = reader.bytes(XCHACHA_NONCE_LENGTH);
  const ad = boundTo(stored.subarray(0, HEADER_2_LENGTH), path);
  const sealed = reader.bytes(reader.remaining);
  return key.use((bytes) => openXchachaInto(bytes, sealed, { nonce, ad }, out));
}

/** What a seal is over beside its value: the header and the path. */
function boundTo(header: Uint8Array, path: string): Uint8Array {
  if (!isAscii(path)) return concatBytes(header, UTF8.encode(path));
  BOUND.set(header);
  writeAscii(path, BOUND, header.length);
  return BOUND.subarray(0, header.length + path.length);
}

/** What upstream's values of class `app` are under. */
export interface LegacyKey {
  readonly key: Secret;
  /** 12 bytes of the record `/state/statefsd/enc.v1`. */
  readonly salt: Uint8Array;
}

/**
 * Opens an NXR1 value of class `app`.
 *
 * @returns `undefined` when the tag does not match.
 * @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range` (class, zeros).
 */
export function openLegacyValue(
  stored: Uint8Array,
  { key, salt, path }: LegacyKey & { readonly path: string },
): Uint8Array | undefined {
  assert(salt.length === LEGACY_SALT_LENGTH, "a salt has 12 bytes");
  const reader = new Reader(stored);
  if (reader.u32() !== MAGIC_1) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION_1) throw new WireError("bad_version", 4);
  if (reader.u8() !== CLASS_APP) throw new WireError("value_out_of_range", 5);
  if (reader.u16() !== 0) throw new WireError("value_out_of_range", 6);
  const nonce = concatBytes(salt, reader.bytes(HEADER_1_LENGTH - NONCE_PART_OFFSET));
  const ad = boundTo(stored.subarray(0, HEADER_1_LENGTH), path);
  const sealed = reader.bytes(reader.remaining);
  return key.use((bytes) => openXchacha(bytes, sealed, { nonce, ad }));
}
