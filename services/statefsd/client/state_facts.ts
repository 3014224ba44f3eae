/**
 * `state.json`: what must be known of a state directory before its key is. Nothing in it is secret.
 *
 * Source: `docs/state_format.md`, "The state directory".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { WireError } from "@runtime/core/error.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { isRecord } from "@runtime/core/record.ts";
import { ARGON2_SALT_LENGTH, type Argon2Cost, argon2Fits } from "@runtime/crypto/argon2id.ts";
import { IMAGE_ID_LENGTH } from "../sealed.ts";

export const FACTS_NAME = "state.json";
export const FACTS_LENGTH_MAX = 4096;
/** Lies in a directory while values of another image are on their way into it. */
export const IMPORT_NAME = "import.begun";
/** Bytes of keystored's own key, wrapped: nonce, ciphertext, tag. */
export const WRAPPED_KEY_LENGTH = 72;
/** 64 KiB. */
export const SECTORS_MIN = 128;
/** 4 GiB. */
export const SECTORS_MAX = 8_388_608;
/** Bytes that tell a key from others, and tell nothing of it. */
export const CHECK_LENGTH = 16;
const REKEYS_MAX = 999_999_999;
const FORMAT = "nexus-state";
const VERSION = 1;
const UTF8 = new TextEncoder();

/** Where the record key comes from. */
export type KeySource =
  | { readonly kind: "file" }
  | { readonly kind: "passphrase"; readonly cost: Argon2Cost; readonly salt: Uint8Array };

export interface StateFacts {
  /** How often the key was changed; the names of image and key file follow from it. */
  readonly rekeys: number;
  readonly sectorCount: number;
  /** `undefined` until the image was formatted: an init that is not done. */
  readonly imageId: Uint8Array | undefined;
  /** {@linkcode CHECK_LENGTH} bytes. */
  readonly check: Uint8Array;
  readonly key: KeySource;
  /** keystored's own key, wrapped under the record key. */
  readonly keystore: Uint8Array;
}

/** Name of the image after so many changes of the key. */
export function imageNameOf(rekeys: number): string {
  return rekeys === 0 ? "state.img" : `state.${rekeys}.img`;
}

/** Name of the key file after so many changes of the key. */
export function keyNameOf(rekeys: number): string {
  return rekeys === 0 ? "record.key" : `record.${rekeys}.key`;
}

/** What the names that this program makes in a state directory are for. */
export type NameUse = "image" | "key" | "draft" | "other";

const IMAGE = /^state(?:\.[1-9]\d{0,8})?\.img$/;
const KEY = /^record(?:\.[1-9]\d{0,8})?\.key$/;
const DRAFT = /^(?:state|record)(?:\.[1-9]\d{0,8})?\.(?:img|key|json|seen)\.[0-9a-f-]{36}\.new$/;

export function useOf(name: string): NameUse {
  if (IMAGE.test(name)) return "image";
  if (KEY.test(name)) return "key";
  return DRAFT.test(name) || name === IMPORT_NAME ? "draft" : "other";
}

export function encodeFacts(facts: StateFacts): Uint8Array {
  assert(fits(facts), "facts of a state directory are within their bounds");
  const { rekeys, sectorCount, imageId, check, key, keystore } = facts;
  const written = {
    format: FORMAT,
    version: VERSION,
    rekeys,
    sectors: sectorCount,
    imageId: imageId === undefined ? null : toHex(imageId),
    check: toHex(check),
    key: key.kind === "file"
      ? { kind: key.kind }
      : { kind: key.kind, argon2id: { ...costOf(key.cost), salt: toHex(key.salt) } },
    keystore: toHex(keystore),
  };
  return UTF8.encode(`${JSON.stringify(written, undefined, 2)}\n`);
}

/** In one order, whatever the object's is. */
function costOf({ memoryKiB, passes, lanes }: Argon2Cost): Argon2Cost {
  return { memoryKiB, passes, lanes };
}

/**
 * Reads `state.json`, which has one form: a member more, one twice or another blank is refused.
 *
 * @throws {WireError} `limit_exceeded`, `not_json`, `bad_magic`, `bad_version`, `value_out_of_range`.
 */
export function decodeFacts(bytes: Uint8Array): StateFacts {
  if (bytes.length > FACTS_LENGTH_MAX) throw new WireError("limit_exceeded", 0);
  const value = jsonOf(bytes);
  if (!isRecord(value) || value["format"] !== FORMAT) throw new WireError("bad_magic", 0);
  if (value["version"] !== VERSION) throw new WireError("bad_version", 0);
  const facts = {
    rekeys: numberOf(value["rekeys"]),
    sectorCount: numberOf(value["sectors"]),
    imageId: value["imageId"] === null ? undefined : bytesOf(value["imageId"]),
    check: bytesOf(value["check"]),
    key: keyOf(value["key"]),
    keystore: bytesOf(value["keystore"]),
  };
  if (!fits(facts) || !isForm(bytes, encodeFacts(facts))) {
    throw new WireError("value_out_of_range", 0);
  }
  return facts;
}

function fits(facts: StateFacts): boolean {
  const { rekeys, sectorCount, imageId, check, key, keystore } = facts;
  return Number.isInteger(rekeys) && rekeys >= 0 && rekeys <= REKEYS_MAX &&
    Number.isInteger(sectorCount) && sectorCount >= SECTORS_MIN && sectorCount <= SECTORS_MAX &&
    (imageId === undefined || imageId.length === IMAGE_ID_LENGTH) &&
    check.length === CHECK_LENGTH && keystore.length === WRAPPED_KEY_LENGTH &&
    (key.kind === "file" || argon2Fits(key.cost) && key.salt.length === ARGON2_SALT_LENGTH);
}

function isForm(bytes: Uint8Array, form: Uint8Array): boolean {
  return bytes.length === form.length && bytes.every((byte, index) => byte === form[index]);
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new WireError("not_json", 0);
  }
}

function keyOf(value: unknown): KeySource {
  if (!isRecord(value)) throw new WireError("value_out_of_range", 0);
  if (value["kind"] === "file") return { kind: "file" };
  const derived = value["argon2id"];
  if (value["kind"] !== "passphrase" || !isRecord(derived)) {
    throw new WireError("value_out_of_range", 0);
  }
  const cost = {
    memoryKiB: numberOf(derived["memoryKiB"]),
    passes: numberOf(derived["passes"]),
    lanes: numberOf(derived["lanes"]),
  };
  return { kind: "passphrase", cost, salt: bytesOf(derived["salt"]) };
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw new WireError("value_out_of_range", 0);
  return value;
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== "string") throw new WireError("value_out_of_range", 0);
  return fromHex(value);
}
