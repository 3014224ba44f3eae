import { equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";
import { sha256 as noble } from "@noble/hashes/sha2.js";
import { createHash } from "node:crypto";

import { Provider } from "./provider.ts";

/** Length of a digest, in bytes. */
export const SHA256_LENGTH = 32;

/** The digest of the parts, one after the other. */
export type Hash = (parts: readonly Uint8Array[]) => Uint8Array;

function native(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function reference(parts: readonly Uint8Array[]): Uint8Array {
  const hash = noble.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** FIPS 180-4 example "abc". */
function works(hash: Hash): boolean {
  return equalBytes(
    hash([Uint8Array.of(0x61), Uint8Array.of(0x62, 0x63)]),
    fromHex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  );
}

/** Who does SHA-256. */
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
