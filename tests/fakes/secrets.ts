import { toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { createHash } from "node:crypto";

/** Bytes of a secret that are enough to call it found. */
const FOUND_LENGTH = 8;

/**
 * Every secret that a device seed stands for, in hexadecimal: itself, the Noise key before and after
 * clamping, and both halves of Ed25519's expanded key.
 */
export function secretsOf(seed: Uint8Array): readonly string[] {
  const noise = sha256(seed);
  const expanded = new Uint8Array(createHash("sha512").update(seed).digest());
  const scalar = expanded.slice(0, 32);
  const prefix = expanded.slice(32);
  return [seed, noise, clamped(noise, 127), scalar, clamped(scalar, 63), prefix].map(toHex);
}

/** Whether any {@linkcode FOUND_LENGTH} bytes in a row of a secret stand in the text. */
export function holdsSecret(text: string, secrets: readonly string[]): boolean {
  const digits = 2 * FOUND_LENGTH;
  return secrets.some((secret) => {
    for (let index = 0; index + digits <= secret.length; index += 2) {
      if (text.includes(secret.slice(index, index + digits))) return true;
    }
    return false;
  });
}

/** What printing a value for a human would show, to the bottom. */
export function inspected(value: unknown): string {
  return Deno.inspect(value, { depth: 10, showHidden: true });
}

function clamped(secret: Uint8Array, topMask: number): Uint8Array {
  const scalar = secret.slice();
  scalar[0] = (scalar[0] ?? 0) & 248;
  scalar[31] = ((scalar[31] ?? 0) & topMask) | 64;
  return scalar;
}
