import { assert } from "../core/assert.ts";
import { equalBytes } from "../core/bytes.ts";
import { fromHex } from "../core/hex.ts";
import { hkdf as noble } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { hkdfSync } from "node:crypto";

import { Provider } from "./provider.ts";

/** Most output bytes: 255 blocks. Source: RFC 5869, "Step 2: Expand". */
export const HKDF_LENGTH_MAX = 255 * 32;

/** What keys are derived from. */
export interface HkdfInput {
  /** Input keying material. */
  readonly secret: Uint8Array;
  /** Public, may be empty. */
  readonly salt: Uint8Array;
  /** What the output is for, may be empty. */
  readonly info: Uint8Array;
}

/** HKDF-SHA-256, both steps: `length` bytes. */
export type Hkdf = (input: HkdfInput, length: number) => Uint8Array;

const CANDIDATES: readonly { readonly name: "native" | "noble"; readonly implementation: Hkdf }[] =
  [
    {
      name: "native",
      implementation: ({ secret, salt, info }, length) =>
        new Uint8Array(hkdfSync("sha256", secret, salt, info, length)),
    },
    {
      name: "noble",
      implementation: ({ secret, salt, info }, length) => noble(sha256, secret, salt, info, length),
    },
  ];

/** RFC 5869, "Test Case 1", the first block. */
function works(hkdf: Hkdf): boolean {
  const input = {
    secret: new Uint8Array(22).fill(0x0b),
    salt: fromHex("000102030405060708090a0b0c"),
    info: fromHex("f0f1f2f3f4f5f6f7f8f9"),
  };
  return equalBytes(
    hkdf(input, 32),
    fromHex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"),
  );
}

/** Who does HKDF-SHA-256. */
export const hkdfProvider: Provider<Hkdf> = new Provider<Hkdf>("hkdf-sha256", CANDIDATES, works);

/**
 * HKDF-SHA-256, both steps.
 *
 * @param length Bytes wanted, 1..{@linkcode HKDF_LENGTH_MAX}.
 *
 * Source: RFC 5869, "HMAC-based Extract-and-Expand Key Derivation Function (HKDF)".
 */
export function hkdfSha256(input: HkdfInput, length: number): Uint8Array {
  assert(length >= 1 && length <= HKDF_LENGTH_MAX, "HKDF gives 1 to 8160 bytes");
  return hkdfProvider.use(input, length);
}
