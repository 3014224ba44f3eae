import type { Principal } from "@runtime/core/syscalls.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { Provenance } from "./envelope.ts";
import type { LiveStore } from "./live_store.ts";
import type { statefsd } from "./protocol.ts";
import { clearLimits, ownersAfter, setLimits } from "./quota_admin.ts";
import { answered } from "./told_status.ts";

/** What owners' limits stand on. */
export interface QuotaStore {
  readonly store: Pick<LiveStore, "usage" | "usages" | "put" | "delete">;
  /** Whether values outlive the node: limits that end with it would be none. */
  readonly persists: boolean;
}

type QuotaHandlers = Pick<
  Handlers<typeof statefsd>,
  "usage" | "owners" | "setLimits" | "clearLimits"
>;

/** Serves what owners take and may take. @param about Who is behind a write. */
export function quotaHandlers(
  { store, persists }: QuotaStore,
  about: (sender: Principal) => Provenance,
): QuotaHandlers {
  return {
    usage({ owner }) {
      const { used, soft, hard } = store.usage(owner);
      return { status: "ok", used: BigInt(used), soft: BigInt(soft), hard: BigInt(hard) };
    },
    owners: ({ after }) => ({ status: "ok", owners: ownersAfter(store, after) }),
    async setLimits({ owner, soft, hard }, { sender }) {
      if (!persists) return { status: "unsupported" };
      return answered(await setLimits(store, { owner, soft, hard }, about(sender)));
    },
    async clearLimits({ owner }) {
      if (!persists) return { status: "unsupported" };
      return answered(await clearLimits(store, owner));
    },
  };
}
