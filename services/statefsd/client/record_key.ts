/**
 * The record key: the one key that lives outside keystored, because keystored's own state lies under
 * it.
 *
 * Source: `docs/state_format.md`, "The state directory".
 *
 * @module
 */

import { equalSecretBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { EntropySource } from "@runtime/core/ports.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import { Secret } from "@runtime/core/secret.ts";
import type { HeldFolder, Progress } from "@runtime/core/state_ports.ts";
import { ARGON2_COST, ARGON2_SALT_LENGTH, argon2id } from "@runtime/crypto/argon2id.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";
import { CHECK_LENGTH, keyNameOf, type KeySource, type StateFacts } from "./state_facts.ts";
import { StateFailure } from "./state_failure.ts";

const KEY_LENGTH = 32;
/** Bytes of a passphrase. */
export const PASSPHRASE_LENGTH_MIN = 8;
export const PASSPHRASE_LENGTH_MAX = 1024;
const LINE_FEED = 0x0a;
const UTF8 = new TextEncoder();
const DIGITS = UTF8.encode("0123456789abcdef");
const CHECK_INFO = UTF8.encode("nexus:state-check");
const NO_SALT = new Uint8Array(0);

/** A key and where it comes from. */
export interface SourcedKey {
  readonly recordKey: Secret;
  readonly source: KeySource;
}

/** Most bytes of a passphrase's file that are read. */
export const PASSPHRASE_FILE_LENGTH_MAX = 4096;

/**
 * A passphrase: the first line of a file, without its line feed.
 *
 * @param bytes Overwritten.
 * @param path For the failure.
 * @throws {StateFailure} `bad_passphrase`.
 */
export function passphraseOf(bytes: Uint8Array, path: string): Secret {
  const end = bytes.indexOf(LINE_FEED);
  const line = bytes.slice(0, end < 0 ? bytes.length : end);
  bytes.fill(0);
  const passphrase = passphraseOfLine(line);
  if (passphrase !== undefined) return passphrase;
  throw new StateFailure("bad_passphrase", path);
}

/** A line as a passphrase; `undefined`, and the line is overwritten, when it is none. */
export function passphraseOfLine(line: Uint8Array): Secret | undefined {
  if (line.length >= PASSPHRASE_LENGTH_MIN && line.length <= PASSPHRASE_LENGTH_MAX) {
    return new Secret(line);
  }
  line.fill(0);
  return undefined;
}

/** Fresh bytes of the host. @throws {StateFailure} `no_entropy`. @param path For the failure. */
export function drawn(entropy: EntropySource, length: number, path: string): Uint8Array {
  const bytes = new Uint8Array(length);
  if (entropy.fill(bytes) !== length) throw new StateFailure("no_entropy", path);
  return bytes;
}

/** A new key of a passphrase. */
export function newDerivedKey(
  passphrase: Secret,
  { salt, progress }: { readonly salt: Uint8Array; readonly progress: Progress | undefined },
): SourcedKey {
  const source = { kind: "passphrase", cost: ARGON2_COST, salt } as const;
  return { recordKey: derived(passphrase, source, progress), source };
}

/** Salt of a new key. */
export function newSalt(entropy: EntropySource, path: string): Uint8Array {
  return drawn(entropy, ARGON2_SALT_LENGTH, path);
}

/** A key that was never used. */
export function newRandomKey(entropy: EntropySource, path: string): SourcedKey {
  return {
    recordKey: new Secret(drawn(entropy, KEY_LENGTH, path)),
    source: { kind: "file" },
  };
}

function derived(
  passphrase: Secret,
  { cost, salt }: Extract<KeySource, { readonly kind: "passphrase" }>,
  progress: Progress | undefined,
): Secret {
  return new Secret(passphrase.use((bytes) => argon2id(bytes, { ...cost, salt, progress })));
}

/** What tells a key from others: who knows it can try keys, and could with the image. */
export function checkOf(recordKey: Secret): Uint8Array {
  return recordKey.use((secret) =>
    hkdfSha256({ secret, salt: NO_SALT, info: CHECK_INFO }, CHECK_LENGTH)
  );
}

/** 64 hex digits and a line feed. The caller overwrites them. */
export function encodeKeyFile(recordKey: Secret): Uint8Array {
  const file = new Uint8Array(2 * KEY_LENGTH + 1).fill(LINE_FEED);
  recordKey.use((bytes) =>
    bytes.forEach((byte, index) => {
      file[2 * index] = DIGITS[byte >>> 4] ?? 0;
      file[2 * index + 1] = DIGITS[byte & 15] ?? 0;
    })
  );
  return file;
}

/**
 * The key of a key file; no text is made of it, which could not be overwritten.
 *
 * @throws {WireError} `length_out_of_range`, `value_out_of_range`.
 */
export function decodeKeyFile(file: Uint8Array): Secret {
  const whole = file.length === 2 * KEY_LENGTH + 1 && file[2 * KEY_LENGTH] === LINE_FEED;
  if (!whole && file.length !== 2 * KEY_LENGTH) throw new WireError("length_out_of_range", 0);
  const key = new Uint8Array(KEY_LENGTH);
  for (let index = 0; index < 2 * KEY_LENGTH; index++) {
    const digit = DIGITS.indexOf(file[index] ?? 0);
    if (digit < 0) {
      key.fill(0);
      throw new WireError("value_out_of_range", index);
    }
    const at = index >>> 1;
    key[at] = (key[at] ?? 0) << 4 | digit;
  }
  return new Secret(key);
}

/** Reads a key file. @throws {StateFailure} `key_missing`, `bad_key`. */
export function readKeyFile(folder: HeldFolder, rekeys: number): Secret {
  const file = keyFileBytes(folder, rekeys);
  try {
    return decodeKeyFile(file);
  } catch (error) {
    if (error instanceof WireError) throw new StateFailure("bad_key", folder.path);
    throw error;
  } finally {
    file.fill(0);
  }
}

function keyFileBytes(folder: HeldFolder, rekeys: number): Uint8Array {
  try {
    return folder.read(keyNameOf(rekeys), 2 * KEY_LENGTH + 1);
  } catch (error) {
    if (!(error instanceof FileFailure)) throw error;
    if (error.code === "not_found") throw new StateFailure("key_missing", folder.path);
    if (error.code === "too_large") throw new StateFailure("bad_key", folder.path);
    throw error;
  }
}

/** Writes a key file, which must not be there. */
export function writeKeyFile(folder: HeldFolder, rekeys: number, recordKey: Secret): void {
  const file = encodeKeyFile(recordKey);
  try {
    folder.create(keyNameOf(rekeys), file);
  } finally {
    file.fill(0);
  }
}

/**
 * The key of a state directory.
 *
 * @throws {StateFailure} `wrong_key`, `passphrase_needed`, `passphrase_unasked`, and as
 *   {@linkcode readKeyFile}.
 */
export function loadKey(
  folder: HeldFolder,
  { rekeys, check, key }: StateFacts,
  { passphrase, progress }: {
    readonly passphrase?: Secret | undefined;
    readonly progress?: Progress | undefined;
  },
): Secret {
  const recordKey = key.kind === "file"
    ? keyOfFile(folder, rekeys, passphrase)
    : keyOfPassphrase(folder, key, { passphrase, progress });
  if (equalSecretBytes(checkOf(recordKey), check)) return recordKey;
  recordKey.wipe();
  throw new StateFailure("wrong_key", folder.path);
}

function keyOfFile(folder: HeldFolder, rekeys: number, passphrase: Secret | undefined): Secret {
  if (passphrase !== undefined) throw new StateFailure("passphrase_unasked", folder.path);
  return readKeyFile(folder, rekeys);
}

function keyOfPassphrase(
  folder: HeldFolder,
  source: Extract<KeySource, { readonly kind: "passphrase" }>,
  { passphrase, progress }: {
    readonly passphrase: Secret | undefined;
    readonly progress: Progress | undefined;
  },
): Secret {
  if (passphrase === undefined) throw new StateFailure("passphrase_needed", folder.path);
  return derived(passphrase, source, progress);
}
