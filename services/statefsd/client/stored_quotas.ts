import {
  type AskedLimits,
  clearLimits,
  ownersAfter,
  setLimits,
  type ToldOwner,
} from "../quota_admin.ts";
import type { Store } from "../store.ts";
import type { WriteStatus } from "../write_queue.ts";

/** Who wrote limits, as their values say: this program, and no daemon. */
const SUBJECT = "nx-cli";
const NS_PER_MS = 1_000_000n;

/** How a write of limits ends, in the words of a node that runs. */
type Written = { readonly status: "ok" | "malformed" | "not_found" | "no_space" | "unavailable" };

/** What owners of values take and may take, as a node that runs answers. */
export interface StoredQuotas {
  quotas(
    ask: { readonly after: string },
  ): Promise<{ readonly status: "ok"; readonly owners: readonly ToldOwner[] }>;
  setQuota(limits: AskedLimits): Promise<Written>;
  clearQuota(ask: { readonly owner: string }): Promise<Written>;
}

/** Owners and limits of a store that no node serves. */
export function storedQuotas(
  store: Pick<Store, "usages" | "put" | "delete">,
  unixMs: () => number,
): StoredQuotas {
  return {
    quotas: ({ after }) => Promise.resolve({ status: "ok", owners: ownersAfter(store, after) }),
    async setQuota(limits) {
      const timestamp = BigInt(Math.max(0, Math.floor(unixMs()))) * NS_PER_MS;
      const about = { subject: SUBJECT, purpose: "", timestamp };
      return { status: told(await setLimits(store, limits, about)) };
    },
    clearQuota: async ({ owner }) => ({ status: told(await clearLimits(store, owner)) }),
  };
}

function told(status: WriteStatus): Written["status"] {
  switch (status) {
    case "ok":
    case "not_found":
    case "no_space":
    case "malformed":
      return status;
    case "invalid_key":
    case "key_too_long":
      return "malformed";
    default:
      return "unavailable";
  }
}
