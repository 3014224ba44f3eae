import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Reader } from "@runtime/core/reader.ts";

const UTF8 = new TextEncoder();
const LENGTH_BYTES = 4;

/** The name of Ed25519 keys and signatures. Source: RFC 8709, "Public Key Format". */
export const SSH_ED25519 = "ssh-ed25519";

/** Strings behind their lengths. Source: RFC 4251, "Data Type Representations Used in SSH". */
export function sshStrings(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return concatBytes(...parts.flatMap((part) => {
    const bytes = typeof part === "string" ? UTF8.encode(part) : part;
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, bytes.length);
    return [length, bytes];
  }));
}

/** Reads a string. @throws {WireError} `truncated`, and `length_out_of_range` beyond the bound. */
export function readSshString(reader: Reader, lengthMax: number): Uint8Array {
  const at = reader.offset;
  const length = reader.u32Be();
  if (length > lengthMax) throw new WireError("length_out_of_range", at);
  return reader.bytes(length);
}
