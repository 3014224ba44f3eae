import { equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";
import { sha256 as noble } from "@noble/hashes/sha2.js";
import { createHash } from "node:crypto";

import { Provider } from "./provider.ts";

/** Length of a digest, in bytes. */
export const SHA256_LENGTH = 32;

/** The digest of the parts, one after the other. */
export type Hash = (parts: readonly Uint8Array[]) => Uint8Array;

/** Up to this many bytes the reference takes half as long as making a native hash object does. */
const SHORT_LENGTH_MAX = 128;

/** A hash that nothing was added to, and the one that works on a copy of it: no object per call. */
const EMPTY = noble.create();
const WORKING = noble.create();

function short(parts: readonly Uint8Array[]): Uint8Array {
  const [hash, digest] = [EMPTY._cloneInto(WORKING), new Uint8Array(SHA256_LENGTH)];
  for (const part of parts) hash.update(part);
  hash.digestInto(digest);
  hash.destroy();
  return digest;
}

function native(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length <= SHORT_LENGTH_MAX) return short(parts);
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  const { buffer, byteOffset } = hash.digest();
  return new Uint8Array(buffer, byteOffset, SHA256_LENGTH);
}

function reference(parts: readonly Uint8Array[]): Uint8Array {
  const hash = noble.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** FIPS 180-4 example "abc"; and RFC 6234, "TEST4", which is long enough for a native hash. */
function works(hash: Hash): boolean {
  const long = new TextEncoder().encode("01234567".repeat(80));
  return equalBytes(
    hash([Uint8Array.of(0x61), Uint8Array.of(0x62, 0x63)]),
    fromHex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ) && equalBytes(
    hash([long]),
    fromHex("594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5"),
  );
}

/** Who does SHA-256. `native` leaves short inputs to the reference. */
export const sha256Provider: Provider<Hash> = new Provider<Hash>("sha256", [
  { name: "native", implementation: native },
  { name: "noble", implementation: reference },
], works);

/**
 * SHA-256 of the parts, one after the other.
 *
 * @returns 32 bytes.
 *
 * Source: FIPS 180-4, "Secure Hash Standard".
 */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return sha256Provider.use(parts);
}
