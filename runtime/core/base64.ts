import { WireError } from "./error.ts";

/** Bytes that are turned into letters at a time: a call takes no more arguments than that. */
const PART_LENGTH = 8_192;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64_URL = /^[A-Za-z0-9_-]*$/;

/** Base64 with padding. Source: RFC 4648, "Base 64 Encoding". */
export function toBase64(bytes: Uint8Array): string {
  let letters = "";
  for (let at = 0; at < bytes.length; at += PART_LENGTH) {
    letters += String.fromCharCode(...bytes.subarray(at, at + PART_LENGTH));
  }
  return btoa(letters);
}

/** Base64 of the alphabet for addresses, without padding. Source: RFC 7515, "Terminology". */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * Bytes of base64 text with padding.
 *
 * @throws {WireError} `value_out_of_range` for any other text, also one whose last letter has bits
 *   that no byte has.
 */
export function fromBase64(text: string): Uint8Array {
  if (!BASE64.test(text)) throw new WireError("value_out_of_range", 0);
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new WireError("value_out_of_range", text.length);
  return bytes;
}

/** Bytes of text as {@linkcode toBase64Url} writes it. @throws {WireError} As `fromBase64`. */
export function fromBase64Url(text: string): Uint8Array {
  if (!BASE64_URL.test(text)) throw new WireError("value_out_of_range", 0);
  const padding = "=".repeat((4 - text.length % 4) % 4);
  return fromBase64(text.replaceAll("-", "+").replaceAll("_", "/") + padding);
}
