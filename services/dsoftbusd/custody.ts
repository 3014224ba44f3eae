import { encodeProof } from "@net/noise/proof.ts";
import { deviceIdOf } from "@net/noise/proof.ts";
import type { Client } from "@runtime/idl/client.ts";
import { keystored, PROOF_ROLE } from "../keystored/protocol.ts";

/** This device as a session shows it. Public bytes only: every secret stays in keystored. */
export interface LocalIdentity {
  readonly deviceId: string;
  readonly verifyingKey: Uint8Array;
  readonly noiseStatic: Uint8Array;
  /** Session v1 proofs as JSON bytes, by role. */
  readonly proofs: Readonly<Record<"initiator" | "responder", Uint8Array>>;
}

/**
 * Asks keystored for everything public about this device.
 *
 * @returns `undefined` while keystored has no key.
 */
export async function localIdentity(
  keys: Client<typeof keystored>,
): Promise<LocalIdentity | undefined> {
  const staticKey = await keys.staticPublic({});
  const initiator = await keys.sessionProof({ role: PROOF_ROLE.initiator });
  const responder = await keys.sessionProof({ role: PROOF_ROLE.responder });
  if (staticKey.status !== "ok" || initiator.status !== "ok" || responder.status !== "ok") {
    return undefined;
  }
  const verifyingKey = initiator.verifyingKey.slice();
  const deviceId = deviceIdOf(verifyingKey);
  const proof = (signature: Uint8Array) => encodeProof({ deviceId, verifyingKey, signature });
  return {
    deviceId,
    verifyingKey,
    noiseStatic: staticKey.key.slice(),
    proofs: { initiator: proof(initiator.signature), responder: proof(responder.signature) },
  };
}
