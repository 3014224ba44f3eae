import { createHash } from "node:crypto";
import { fromHex } from "@runtime/core/hex.ts";
import { Needles } from "../os/needles.ts";

const HEX = /[0-9a-f]{16,}/gi;
const BASE64 = /[\w+/-]{12,}/g;
const LATIN1 = new TextDecoder("latin1");

/**
 * A secret of 32 bytes in all its forms: itself, what Ed25519 and X25519 make of it, and each of them
 * from its end to its beginning.
 */
export function formsOf(secret: Uint8Array): Uint8Array[] {
  const expanded = Uint8Array.from(createHash("sha512").update(secret).digest());
  const scalars = [secret, expanded.slice(0, 32)].map(clamped);
  const forms = [secret, expanded.slice(0, 32), expanded.slice(32), ...scalars];
  return [...forms, ...forms.map((form) => form.toReversed())];
}

function clamped(bytes: Uint8Array): Uint8Array {
  const scalar = bytes.slice();
  scalar[0] = (scalar[0] ?? 0) & 248;
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64;
  return scalar;
}

/** Whether bytes hold a part of a secret: bare, or written in them as hex or as base64. */
export function holdsPart(bytes: Uint8Array, needles: Needles): boolean {
  if (needles.in(bytes).length > 0) return true;
  const text = LATIN1.decode(bytes.slice());
  return [...hexIn(text), ...base64In(text)].some((each) => needles.in(each).length > 0);
}

function* hexIn(text: string): Generator<Uint8Array> {
  for (const [digits] of text.matchAll(HEX)) {
    for (const from of [0, 1]) {
      const whole = digits.slice(from, from + (digits.length - from & ~1));
      yield fromHex(whole.toLowerCase());
    }
  }
}

function* base64In(text: string): Generator<Uint8Array> {
  for (const [word] of text.matchAll(BASE64)) {
    const standard = word.replaceAll("-", "+").replaceAll("_", "/");
    for (const from of [0, 1, 2, 3]) {
      yield Uint8Array.fromBase64(standard.slice(from, from + (standard.length - from & ~3)));
    }
  }
}
