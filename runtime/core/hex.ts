import { WireError } from "./error.ts";

const DIGITS = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));
const HEX = /^(?:[0-9a-fA-F]{2})*$/;

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index++) text += DIGITS[bytes[index] ?? 0];
  return text;
}

/**
 * Bytes of hexadecimal text, either case.
 *
 * @throws {WireError} `value_out_of_range` when the text is not an even number of hex digits.
 */
export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new WireError("value_out_of_range", 0);
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}
