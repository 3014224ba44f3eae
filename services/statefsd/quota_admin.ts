/**
 * What an administrator does with limits, of a store that is served and of one that is not.
 *
 * Source: `docs/state_format.md`, "Quotas".
 *
 * @module
 */

import type { Provenance } from "./envelope.ts";
import { OWNERS_PER_REPLY_MAX } from "./protocol.ts";
import { encodeQuotaLimits } from "./quota_limits.ts";
import { limitsPath, mayHaveLimits } from "./quota_owner.ts";
import type { Store } from "./store.ts";
import type { WriteStatus } from "./write_queue.ts";

/** An owner, as the protocol tells of it. */
export interface ToldOwner extends AskedLimits {
  readonly used: bigint;
  /** 1 where it has limits of its own. */
  readonly own: number;
}

/** Limits that somebody asks for; they may be none. */
export interface AskedLimits {
  readonly owner: string;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** Owners behind a name, in order, as many as one reply holds. */
export function ownersAfter(store: Pick<Store, "usages">, after: string): readonly ToldOwner[] {
  return store.usages().filter(({ owner }) => owner > after).slice(0, OWNERS_PER_REPLY_MAX)
    .map(({ owner, used, soft, hard, own }) => ({
      ...{ owner, own: Number(own), used: BigInt(used) },
      ...{ soft: BigInt(soft), hard: BigInt(hard) },
    }));
}

/**
 * Gives an owner limits of its own. `invalid_key` where the name is no owner's, `malformed` where the
 * limits are none.
 */
export async function setLimits(
  store: Pick<Store, "put">,
  { owner, soft, hard }: AskedLimits,
  about: Provenance,
): Promise<WriteStatus> {
  if (!mayHaveLimits(owner)) return "invalid_key";
  if (soft > hard || hard > BigInt(Number.MAX_SAFE_INTEGER)) return "malformed";
  const limits = encodeQuotaLimits({ soft: Number(soft), hard: Number(hard) });
  const outcome = await store.put(limitsPath(owner), limits, about);
  // No quota refuses what lies in the store's own folder.
  return typeof outcome === "string" ? outcome : "no_space";
}

/** Takes an owner's own limits away; `not_found` where it has none. */
export function clearLimits(store: Pick<Store, "delete">, owner: string): Promise<WriteStatus> {
  if (!mayHaveLimits(owner)) return Promise.resolve("invalid_key");
  return store.delete(limitsPath(owner));
}
