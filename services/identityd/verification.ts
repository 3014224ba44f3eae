import { concatBytes } from "@runtime/core/bytes.ts";
import { toHex } from "@runtime/core/hex.ts";
import { ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { X25519_LENGTH } from "@runtime/crypto/x25519.ts";
import { PROOF_TAG, PURPOSE_PREFIX } from "../keystored/protocol.ts";

const UTF8 = new TextEncoder();

/** A peer's claim that a Noise static key belongs to a device, in one role. */
export interface SessionProof {
  readonly role: "client" | "server";
  readonly noiseStatic: Uint8Array;
  readonly deviceId: string;
  readonly verifyingKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** The device id of a verifying key: SHA-256, 64 lower-case hex digits. */
export function deviceIdOf(verifyingKey: Uint8Array): string {
  return toHex(sha256(verifyingKey));
}

/** Whether a signature is one that this purpose's Sign made. */
export function payloadSignatureValid(
  verifyingKey: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): boolean {
  const message = concatBytes(UTF8.encode(PURPOSE_PREFIX.payload), payload);
  return ed25519Verify(verifyingKey, message, signature);
}

/**
 * Whether a session v1 proof holds: the id is the key's, and the key signed the static key.
 *
 * Source: Open Nexus OS, dsoftbus, "identity proof".
 */
export function sessionProofValid(proof: SessionProof): boolean {
  const { role, noiseStatic, deviceId, verifyingKey, signature } = proof;
  if (noiseStatic.length !== X25519_LENGTH || deviceId !== deviceIdOf(verifyingKey)) return false;
  const tag = role === "client" ? PROOF_TAG.initiator : PROOF_TAG.responder;
  return ed25519Verify(verifyingKey, sha256(UTF8.encode(tag), noiseStatic), signature);
}
