/**
 * What a value of upstream's says, by the rules of its path.
 *
 * Source: Open Nexus OS, `source/services/statefsd/src/hardening.rs`, "policy table"; `userspace/statefs`,
 * `envelope.rs` and `enc.rs`.
 *
 * @module
 */

import { allZero } from "@runtime/core/bytes.ts";
import { crc32c } from "@runtime/core/crc32c.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Secret } from "@runtime/core/secret.ts";
import { ED25519_SEED_LENGTH } from "@runtime/crypto/ed25519.ts";
import {
  type DecodedEnvelope,
  decodeEnvelope,
  envelopeHolds,
  type Provenance,
} from "../envelope.ts";
import { LEGACY_SALT_LENGTH, openLegacyValue, sealOf } from "../sealed.ts";
import type { UpstreamKeys } from "./upstream_keys.ts";

/** Where upstream keeps the seed of its device key, in the clear. */
export const UPSTREAM_DEVICE_KEY_PATH = "/state/keystore/device.signing";
/** Turns encryption on, and holds the salt of every nonce. */
export const UPSTREAM_SALT_PATH = "/state/statefsd/enc.v1";

/** `NXEV` and `NXEM`, little-endian. */
const ENVELOPE_MAGIC = 0x5645584e;
const SALT_MAGIC = 0x4d45584e;
const SALT_VERSION = 1;
const SALT_SUM_OFFSET = 17;

/** Every value here must bear a MAC. */
const AUTHENTICATED = "/state/selftest/secure/";
/** A value here is an envelope, or raw where it is older than envelopes. */
const ENVELOPED = ["/state/keystore/", "/state/boot/", AUTHENTICATED] as const;
const SEALED = "/state/app/";

/** Why a value cannot be told. `rolled_back`: an earlier value of its name had a larger sequence. */
export type Unreadable =
  | "bad_mac"
  | "malformed"
  | "no_device_key"
  | "no_mac"
  | "no_salt"
  | "rolled_back"
  | "seal_broken";

/** A value and what its writer said of it. */
export interface UpstreamValue extends Provenance {
  readonly payload: Uint8Array;
}

/** What the values of an image are opened with, as far as the image holds it. */
export interface UpstreamSecrets {
  readonly keys: UpstreamKeys | undefined;
  readonly salt: Uint8Array | undefined;
}

/** Of a value without an envelope nobody knows who wrote it. */
const NOBODY: Provenance = { subject: "", purpose: "", timestamp: 0n };

/** A value, or why it is none. The payload may be a view into `stored`. */
export function openUpstream(
  path: string,
  stored: Uint8Array,
  secrets: UpstreamSecrets,
): UpstreamValue | Unreadable {
  if (enveloped(path)) return openEnvelope(path, stored, secrets);
  if (path.startsWith(SEALED) && sealOf(stored) === "nxr1") {
    return openSealed(path, stored, secrets);
  }
  return { ...NOBODY, payload: stored };
}

/** The sequence that a stored value says it has; 0 where it says none. */
export function upstreamSequence(path: string, stored: Uint8Array): bigint {
  if (!enveloped(path) || !hasMagic(stored, ENVELOPE_MAGIC)) return 0n;
  return parsed(() => decodeEnvelope(stored))?.sequence ?? 0n;
}

function openEnvelope(
  path: string,
  stored: Uint8Array,
  { keys }: Pick<UpstreamSecrets, "keys">,
): UpstreamValue | Unreadable {
  const mustHave = path.startsWith(AUTHENTICATED);
  if (!hasMagic(stored, ENVELOPE_MAGIC)) {
    return mustHave ? "no_mac" : { ...NOBODY, payload: stored };
  }
  const envelope = parsed(() => decodeEnvelope(stored));
  if (envelope === undefined) return "malformed";
  return macFault(path, envelope, { keys, mustHave }) ?? envelope;
}

/** A MAC that is there is checked, also where there need be none. */
function macFault(
  path: string,
  envelope: DecodedEnvelope,
  { keys, mustHave }: Pick<UpstreamSecrets, "keys"> & { readonly mustHave: boolean },
): Unreadable | undefined {
  if (envelope.mac === undefined) return mustHave ? "no_mac" : undefined;
  if (keys === undefined) return "no_device_key";
  return envelopeHolds(envelope, { key: keys.envelope, path }) ? undefined : "bad_mac";
}

function openSealed(
  path: string,
  stored: Uint8Array,
  { keys, salt }: UpstreamSecrets,
): UpstreamValue | Unreadable {
  if (salt === undefined) return "no_salt";
  if (keys === undefined) return "no_device_key";
  const payload = parsed(() => openLegacyValue(stored, { key: keys.record, salt, path }));
  return payload === undefined ? "seal_broken" : { ...NOBODY, payload };
}

/** The seed of the device key, from the value of its name; `undefined` when that holds none. */
export function upstreamSeed(stored: Uint8Array): Secret | undefined {
  const value = openEnvelope(UPSTREAM_DEVICE_KEY_PATH, stored, { keys: undefined });
  if (typeof value === "string" || value.payload.length !== ED25519_SEED_LENGTH) return undefined;
  return new Secret(value.payload.slice());
}

/** The salt, from the value of its name; `undefined` when that holds none, or zeros. */
export function upstreamSalt(stored: Uint8Array): Uint8Array | undefined {
  return parsed(() => {
    const reader = new Reader(stored);
    if (reader.u32() !== SALT_MAGIC) throw new WireError("bad_magic", 0);
    if (reader.u8() !== SALT_VERSION) throw new WireError("bad_version", 4);
    const salt = reader.bytes(LEGACY_SALT_LENGTH).slice();
    const sum = reader.u32();
    reader.end();
    if (sum !== crc32c(stored.subarray(0, SALT_SUM_OFFSET))) {
      throw new WireError("bad_checksum", SALT_SUM_OFFSET);
    }
    return allZero(salt) ? undefined : salt;
  });
}

function enveloped(path: string): boolean {
  return ENVELOPED.some((prefix) => path.startsWith(prefix));
}

function hasMagic(stored: Uint8Array, magic: number): boolean {
  return stored.length >= 4 && new Reader(stored).u32() === magic;
}

/** What does not parse is none. */
function parsed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
