import type { Answer, RequestOf } from "@runtime/idl/service.ts";
import type { controld } from "./protocol.ts";

type Answered<Op extends "logSegment" | "logCheckpoint"> = Promise<Answer<typeof controld, Op>>;

/** The log that is kept on the node's disk, byte for byte: who verifies it needs it as it lies. */
export interface KeptLog {
  /** A piece of the first segment that begins with this entry or behind it. */
  logSegment(ask: RequestOf<typeof controld, "logSegment">): Answered<"logSegment">;
  /** The newest checkpoint of a ring. */
  logCheckpoint(ask: RequestOf<typeof controld, "logCheckpoint">): Answered<"logCheckpoint">;
}

/** A node without a disk keeps no log. */
export const NO_KEPT_LOG: KeptLog = {
  logSegment: () => Promise.resolve({ status: "unavailable" }),
  logCheckpoint: () => Promise.resolve({ status: "unavailable" }),
};
