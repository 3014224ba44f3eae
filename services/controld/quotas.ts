import type { Client } from "@runtime/idl/client.ts";
import type { Answer, RequestOf } from "@runtime/idl/service.ts";
import type { statefsd } from "../statefsd/protocol.ts";
import type { controld } from "./protocol.ts";

type QuotaOp = "quotas" | "setQuota" | "clearQuota";

/** What owners of values take and may take. */
export type Quotas = {
  readonly [Op in QuotaOp]: (ask: RequestOf<typeof controld, Op>) => Promise<
    Answer<typeof controld, Op>
  >;
};

/** Owners and limits as statefsd keeps them. */
export function quotasOf(
  state: Pick<Client<typeof statefsd>, "owners" | "setLimits" | "clearLimits">,
): Quotas {
  return {
    async quotas(ask) {
      const page = await state.owners(ask);
      return page.status === "ok" ? page : { status: told(page.status) };
    },
    async setQuota(ask) {
      const { status } = await state.setLimits(ask);
      return { status: status === "ok" ? status : told(status) };
    },
    async clearQuota(ask) {
      const { status } = await state.clearLimits(ask);
      return { status: status === "ok" ? status : told(status) };
    },
  };
}

/** What is refused or fails, in the words of this protocol. */
const STATUS = {
  "denied": "denied",
  "invalid_key": "malformed",
  "malformed": "malformed",
  "no_reply": "timed_out",
  "no_space": "no_space",
  "not_found": "not_found",
  "unsupported": "no_state",
} as const;
type Told = typeof STATUS[keyof typeof STATUS] | "unavailable";

function told(status: string): Told {
  const known: Readonly<Record<string, Told>> = STATUS;
  return known[status] ?? "unavailable";
}
