import type { Clock } from "@runtime/core/ports.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { keystored } from "../keystored/protocol.ts";

/** The end of a ring's chain. */
export interface ChainHead {
  readonly ring: number;
  readonly index: bigint;
  readonly head: Uint8Array;
}

/** Whom a checkpoint goes through: neither of them knows the other. */
export interface CheckpointPorts {
  readonly chain: {
    /** Ends of chains that no signature covers; `undefined` where nobody says. */
    heads(): Promise<readonly ChainHead[] | undefined>;
    /** Keeps a signed head. @returns Whether it is safe. */
    keep(
      checkpoint: ChainHead & {
        readonly unixMs: bigint;
        readonly verifyingKey: Uint8Array;
        readonly signature: Uint8Array;
      },
    ): Promise<boolean>;
  };
  readonly keys: Pick<Client<typeof keystored>, "signLogCheckpoint">;
  readonly clock: Pick<Clock, "unixMs">;
}

/** What became of the heads that were to be signed. */
export interface CheckpointReport {
  readonly kept: number;
  /** Heads that are not signed, or whose signature is not safe: the next run takes newer ones. */
  readonly failed: number;
}

/**
 * Has keystored sign the ends of the log's chains, and the store keep the signatures.
 *
 * @returns `undefined` where nobody says what there is to sign.
 */
export async function signLogHeads(
  { chain, keys, clock }: CheckpointPorts,
): Promise<CheckpointReport | undefined> {
  const heads = await chain.heads();
  if (heads === undefined) return undefined;
  let kept = 0;
  for (const { ring, index, head } of heads) {
    const asked = { ring, index, head, unixMs: BigInt(Math.max(0, clock.unixMs())) };
    const signed = await keys.signLogCheckpoint(asked);
    if (signed.status !== "ok") continue;
    const { signature, verifyingKey } = signed;
    if (await chain.keep({ ...asked, signature, verifyingKey })) kept += 1;
  }
  return { kept, failed: heads.length - kept };
}
