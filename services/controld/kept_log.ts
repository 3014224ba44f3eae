import type { Client } from "@runtime/idl/client.ts";
import type { Answer, RequestOf } from "@runtime/idl/service.ts";
import type { statefsd } from "../statefsd/protocol.ts";
import type { controld } from "./protocol.ts";

type Answered<Op extends "logSegment" | "logCheckpoint"> = Promise<Answer<typeof controld, Op>>;

/** The log that is kept on the node's disk, byte for byte: who verifies it needs it as it lies. */
export interface KeptLog {
  /** A piece of the first segment that begins with this entry or behind it. */
  logSegment(ask: RequestOf<typeof controld, "logSegment">): Answered<"logSegment">;
  /** The newest checkpoint of a ring. */
  logCheckpoint(ask: RequestOf<typeof controld, "logCheckpoint">): Answered<"logCheckpoint">;
}

/** The log as statefsd keeps it, if it does. */
export function keptLogOf(
  state: Pick<Client<typeof statefsd>, "logSegment" | "logCheckpoint">,
): KeptLog {
  return {
    async logSegment(ask) {
      const piece = await state.logSegment(ask);
      return piece.status === "ok" ? piece : { status: STATUS[piece.status] ?? "unavailable" };
    },
    async logCheckpoint(ask) {
      const found = await state.logCheckpoint(ask);
      return found.status === "ok" ? found : { status: STATUS[found.status] ?? "unavailable" };
    },
  };
}

/** What a piece that is not there is called here. */
const STATUS: Readonly<Record<string, "not_found" | "denied" | "timed_out">> = {
  "not_found": "not_found",
  "denied": "denied",
  "no_reply": "timed_out",
};
