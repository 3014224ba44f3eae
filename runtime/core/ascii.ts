/**
 * Short texts of ASCII alone, most of all texts in frames, without the cost of a call to the
 * platform's encoder and decoder.
 *
 * @module
 */

/** Longest text that is looked at letter by letter, in bytes: a device id fits. */
export const ASCII_LENGTH_MAX = 64;

const ASCII = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code));
/** Texts that were read of late, by a hash of their bytes; a power of two of them. */
const RECENT: string[] = new Array(512).fill("");
const FACTOR = 31;

/**
 * `bytes[start..start+length)` as text; `undefined` when it is longer than
 * {@linkcode ASCII_LENGTH_MAX} or not all ASCII.
 *
 * The same names come again and again: one that was read of late is found by its bytes, which saves
 * making it anew, and hashing it anew wherever it is a key.
 */
export function readAscii(bytes: Uint8Array, start: number, length: number): string | undefined {
  if (length > ASCII_LENGTH_MAX) return undefined;
  let hash = length;
  for (let at = start; at < start + length; at++) {
    const byte = bytes[at] ?? 0x80;
    if (byte >= 0x80) return undefined;
    hash = Math.imul(hash, FACTOR) + byte | 0;
  }
  const place = hash & RECENT.length - 1;
  const recent = RECENT[place] ?? "";
  if (recent.length === length && sameAscii(recent, bytes, start)) return recent;
  const text = made(bytes, start, start + length);
  RECENT[place] = text;
  return text;
}

/** Eight letters at a time: each step makes a string. */
function made(bytes: Uint8Array, start: number, end: number): string {
  const of = (at: number) => bytes[at] ?? 0;
  let text = "";
  let at = start;
  for (; at + 8 <= end; at += 8) {
    text += String.fromCharCode(
      of(at),
      of(at + 1),
      of(at + 2),
      of(at + 3),
      of(at + 4),
      of(at + 5),
      of(at + 6),
      of(at + 7),
    );
  }
  for (; at < end; at++) text += ASCII[of(at)];
  return text;
}

function sameAscii(text: string, bytes: Uint8Array, start: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}

/** Whether a text is short and all ASCII: its length is then that of its bytes. */
export function isAscii(text: string, lengthMax = ASCII_LENGTH_MAX): boolean {
  if (text.length > lengthMax) return false;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= 0x80) return false;
  }
  return true;
}

/** Writes a text for which {@linkcode isAscii} holds to `into[at..]`, which must have room. */
export function writeAscii(text: string, into: Uint8Array, at: number): void {
  for (let index = 0; index < text.length; index++) into[at + index] = text.charCodeAt(index);
}
