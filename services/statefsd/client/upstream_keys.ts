/**
 * The keys that upstream derives from its device key: for envelopes with a MAC, and for sealed values.
 *
 * Source: Open Nexus OS, `userspace/statefs/src/derive.rs` and `enc.rs`, "key derivation".
 *
 * @module
 */

import { Secret } from "@runtime/core/secret.ts";
import { type Ed25519Signer, ed25519Signer } from "@runtime/crypto/ed25519.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";

const KEY_LENGTH = 32;
const UTF8 = new TextEncoder();
const ENVELOPE_LABEL = UTF8.encode("statefs.envelope.v1");
/** Of the class `app`, the only one that upstream enrols. */
const RECORD_LABEL = UTF8.encode("statefs.record.v1.app");

/** Keys of one image of upstream's. */
export interface UpstreamKeys {
  /** Of the MAC of envelopes. */
  readonly envelope: Secret;
  /** Of values that are NXR1. */
  readonly record: Secret;
  wipe(): void;
}

/** @param seed Of the device's Ed25519 key, 32 bytes. The caller wipes it. */
export function upstreamKeys(seed: Secret): UpstreamKeys {
  const signer = seed.use(ed25519Signer);
  try {
    const envelope = derived(signer, ENVELOPE_LABEL);
    const record = derived(signer, RECORD_LABEL);
    const wipe = () => {
      envelope.wipe();
      record.wipe();
    };
    return { envelope, record, wipe };
  } finally {
    signer.wipe();
  }
}

/** A signature of Ed25519 is the same each time: whoever has the seed derives the same key. */
function derived(signer: Ed25519Signer, label: Uint8Array): Secret {
  const secret = signer.sign(label);
  try {
    return new Secret(hkdfSha256({ secret, salt: label, info: label }, KEY_LENGTH));
  } finally {
    secret.fill(0);
  }
}
