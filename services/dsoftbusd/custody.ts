import { encodeProof } from "@net/noise/proof.ts";
import { deviceIdOf } from "@net/noise/proof.ts";
import { assert } from "@runtime/core/assert.ts";
import type { Client } from "@runtime/idl/client.ts";
import { keystored, PROOF_ROLE } from "../keystored/protocol.ts";
import { ENTROPY_LENGTH_MAX, rngd } from "../rngd/protocol.ts";

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

/** Entropy drawn from rngd in the largest pieces it gives, and handed out once. */
export class EntropyPool {
  readonly #rngd: Client<typeof rngd>;
  #pool = new Uint8Array(0);
  #drawing: Promise<boolean> | undefined;

  constructor(client: Client<typeof rngd>) {
    this.#rngd = client;
  }

  /** `length` fresh bytes, at most one draw's worth; `undefined` when rngd refuses. */
  async take(length: number): Promise<Uint8Array | undefined> {
    assert(length <= ENTROPY_LENGTH_MAX, "a piece of entropy fits one draw");
    while (this.#pool.length < length) {
      this.#drawing ??= this.#draw();
      if (!await this.#drawing) return undefined;
    }
    const taken = this.#pool.slice(0, length);
    this.#pool.fill(0, 0, length);
    this.#pool = this.#pool.subarray(length);
    return taken;
  }

  /** Callers that come while a draw is under way share it. */
  async #draw(): Promise<boolean> {
    const reply = await this.#rngd.getEntropy({ length: ENTROPY_LENGTH_MAX });
    if (reply.status === "ok") {
      this.#pool.fill(0);
      this.#pool = reply.entropy.slice();
      reply.entropy.fill(0);
    }
    this.#drawing = undefined;
    return reply.status === "ok" && this.#pool.length === ENTROPY_LENGTH_MAX;
  }
}
