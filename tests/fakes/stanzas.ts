import { fromHex } from "@runtime/core/hex.ts";

/** One case of a vector file made of `Name = value` lines, as BoringSSL and ring write them. */
export type Stanza = ReadonlyMap<string, string>;

/** Cases of such a file: separated by blank lines, comments left out. */
export function parseStanzas(text: string): readonly Stanza[] {
  return text.split(/\n\s*\n/).map(parseStanza).filter((stanza) => stanza.size > 0);
}

function parseStanza(text: string): Stanza {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(\w+) ?[=:]\s*(.*)$/.exec(line);
    if (match !== null) fields.set(match[1] ?? "", match[2] ?? "");
  }
  return fields;
}

/** Bytes of a value: hex digits, or text in quotation marks. */
export function stanzaBytes(stanza: Stanza, name: string): Uint8Array {
  const value = stanza.get(name) ?? "";
  if (value.startsWith('"')) return new TextEncoder().encode(value.slice(1, -1));
  return fromHex(value);
}
