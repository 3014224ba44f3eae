import { isAscii } from "./ascii.ts";

const UTF8 = new TextEncoder();

/** The front of a text, as many whole characters as fit into so many bytes. */
export function clipped(text: string, lengthMax: number): string {
  if (text.length <= lengthMax && isAscii(text)) return text;
  return text.slice(0, UTF8.encodeInto(text, new Uint8Array(lengthMax)).read);
}
