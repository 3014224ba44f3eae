import { toHex } from "@runtime/core/hex.ts";
import type { Principal } from "@runtime/core/syscalls.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { statefsd } from "../statefsd/protocol.ts";
import type { keystored } from "./protocol.ts";

/** Values of one sender. */
export const SCOPED_VALUES_MAX = 64;

const ROOT = "/state/keystore/";
const SID_DIGITS = 16;

/**
 * Small values of each caller's own, under names that nobody else reaches: whose they are is the
 * kernel's word.
 *
 * Source: Open Nexus OS, keystored, `KS` v1 PUT, GET and DEL; `/state/keystore/<sid>/<key hex>`.
 */
export function scopedValues(
  state: Pick<Client<typeof statefsd>, "get" | "put" | "del" | "listAfter">,
): Pick<Handlers<typeof keystored>, "put" | "get" | "del"> {
  return {
    async put({ key, value }, { sender }) {
      const path = pathOf(sender, key);
      const full = await isFull(state, sender, path);
      if (full !== "no") return { status: full === "yes" ? "too_large" : "unavailable" };
      const { status } = await state.put({ key: path, value });
      return { status: status === "ok" ? "ok" : "unavailable" };
    },
    async get({ key }, { sender }) {
      const reply = await state.get({ key: pathOf(sender, key) });
      if (reply.status === "ok") return { status: "ok", value: reply.value };
      return { status: reply.status === "not_found" ? "not_found" : "unavailable" };
    },
    async del({ key }, { sender }) {
      const { status } = await state.del({ key: pathOf(sender, key) });
      if (status === "ok" || status === "not_found") return { status };
      return { status: "unavailable" };
    },
  };
}

/** Whether one name more is too many. */
async function isFull(
  state: Pick<Client<typeof statefsd>, "get" | "listAfter">,
  sender: Principal,
  path: string,
): Promise<"yes" | "no" | "unknown"> {
  const page = await state.listAfter({
    prefix: folderOf(sender),
    after: "",
    countMax: SCOPED_VALUES_MAX,
  });
  if (page.status !== "ok") return "unknown";
  if (page.names.length < SCOPED_VALUES_MAX) return "no";
  const { status } = await state.get({ key: path });
  if (status === "ok") return "no";
  return status === "not_found" ? "yes" : "unknown";
}

function pathOf(sender: Principal, key: Uint8Array): string {
  return folderOf(sender) + toHex(key);
}

function folderOf({ sid }: Principal): string {
  return `${ROOT}${sid.toString(16).padStart(SID_DIGITS, "0")}/`;
}
