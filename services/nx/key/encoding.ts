import { fromBase64, toBase64 } from "@runtime/core/base64.ts";
import { WireError } from "@runtime/core/error.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { assert } from "@runtime/core/assert.ts";

/** How bytes stand in a file, on standard output or in JSON. */
export const ENCODINGS = ["raw", "hex", "base64"] as const;
/** One of {@linkcode ENCODINGS}. */
export type Encoding = typeof ENCODINGS[number];
/** An encoding that is text. */
export type TextEncoding = Exclude<Encoding, "raw">;

/** Bytes as text. */
export function encodedText(bytes: Uint8Array, encoding: TextEncoding): string {
  return encoding === "hex" ? toHex(bytes) : toBase64(bytes);
}

/** The bytes of what was read; white space in text means nothing. `undefined` for what is no such text. */
export function decoded(bytes: Uint8Array, encoding: Encoding): Uint8Array | undefined {
  if (encoding === "raw") return bytes;
  const text = new TextDecoder().decode(bytes).replace(/\s/g, "");
  try {
    return encoding === "hex" ? fromHex(text) : fromBase64(text);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Most bytes that text of `length` bytes takes, white space included. */
export function encodedLengthMax(length: number, encoding: Encoding): number {
  assert(length >= 0, "a length is 0 or more");
  return encoding === "raw" ? length : 3 * length + 64;
}

/** Bytes that a terminal shows as they are: text without anything that would move its cursor. */
export function plainText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    // deno-lint-ignore no-control-regex
    return /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text) ? undefined : text;
  } catch {
    return undefined; // not UTF-8
  }
}
