/**
 * Signatures as `ssh-keygen -Y` makes and verifies them: over the digest of a message of any length,
 * within a namespace.
 *
 * Source: OpenSSH, PROTOCOL.sshsig.
 *
 * @module
 */

import { fromBase64, toBase64 } from "@runtime/core/base64.ts";
import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { readSshString, SSH_ED25519, sshStrings } from "./ssh_wire.ts";

/** The namespace of files, unless somebody says another. */
export const SSH_NAMESPACE_DEFAULT = "file";
/** Longest namespace, in bytes. */
export const SSH_NAMESPACE_LENGTH_MAX = 128;
/** Longest text of a signature that is read, in bytes; one of Ed25519 has some 300. */
export const SSH_SIGNATURE_TEXT_MAX = 4_096;

const UTF8 = new TextEncoder();
const MAGIC = UTF8.encode("SSHSIG");
const VERSION = 1;
const HASH = "sha512";
const LINE_LENGTH = 70;
const PUBLIC_LENGTH = 32;
const SIGNATURE_LENGTH = 64;
const FIELD_LENGTH_MAX = 256;
const ARMOR =
  /^-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END SSH SIGNATURE-----\s*$/;

/** What a signature of this kind says. */
export interface SshSignature {
  /** Ed25519 key of its maker, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What it is for: a signature for one purpose is none for another. */
  readonly namespace: string;
  /** Ed25519 over {@linkcode sshSignedBytes}, 64 bytes. */
  readonly signature: Uint8Array;
}

/** The message that an Ed25519 key signs. @param digest SHA-512 of the signed bytes, 64 bytes. */
export function sshSignedBytes(namespace: string, digest: Uint8Array): Uint8Array {
  return concatBytes(MAGIC, sshStrings(namespace, "", HASH, digest));
}

/** The signature as a file of `ssh-keygen -Y sign`, with a final line feed. */
export function sshSignatureText({ publicKey, namespace, signature }: SshSignature): string {
  const version = Uint8Array.of(0, 0, 0, VERSION);
  const blob = concatBytes(
    MAGIC,
    version,
    sshStrings(
      sshStrings(SSH_ED25519, publicKey),
      namespace,
      "",
      HASH,
      sshStrings(SSH_ED25519, signature),
    ),
  );
  const lines = toBase64(blob).match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
}

/** Whether a text is meant to be such a signature. */
export function looksLikeSshSignature(text: string): boolean {
  return text.startsWith("-----BEGIN SSH SIGNATURE-----");
}

/**
 * Reads a signature by Ed25519 over a SHA-512 digest. Whether it holds, only its key tells.
 *
 * @returns `undefined` for any other text.
 */
export function readSshSignature(text: string): SshSignature | undefined {
  const body = ARMOR.exec(text)?.[1];
  if (body === undefined || text.length > SSH_SIGNATURE_TEXT_MAX) return undefined;
  try {
    return parsed(new Reader(fromBase64(body.replace(/\s/g, ""))));
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function parsed(reader: Reader): SshSignature | undefined {
  const known = equalBytes(reader.bytes(MAGIC.length), MAGIC) && reader.u32Be() === VERSION;
  if (!known) return undefined;
  const text = new TextDecoder("utf-8", { fatal: true });
  const publicKey = ed25519Part(readSshString(reader, FIELD_LENGTH_MAX), PUBLIC_LENGTH);
  const namespaceBytes = readSshString(reader, SSH_NAMESPACE_LENGTH_MAX);
  readSshString(reader, FIELD_LENGTH_MAX); // reserved: ignored, and signed as empty
  const hash = readSshString(reader, FIELD_LENGTH_MAX);
  const signature = ed25519Part(readSshString(reader, FIELD_LENGTH_MAX), SIGNATURE_LENGTH);
  reader.end();
  if (publicKey === undefined || signature === undefined) return undefined;
  if (!equalBytes(hash, UTF8.encode(HASH)) || namespaceBytes.length === 0) return undefined;
  try {
    return { publicKey, namespace: text.decode(namespaceBytes), signature };
  } catch {
    return undefined; // not UTF-8
  }
}

/** The bytes behind the name of Ed25519; `undefined` for another algorithm or length. */
function ed25519Part(blob: Uint8Array, length: number): Uint8Array | undefined {
  const reader = new Reader(blob);
  const name = readSshString(reader, FIELD_LENGTH_MAX);
  const bytes = readSshString(reader, length);
  reader.end();
  const fits = equalBytes(name, UTF8.encode(SSH_ED25519)) && bytes.length === length;
  return fits ? bytes.slice() : undefined;
}
