import type { Handlers } from "@runtime/idl/server.ts";
import type { LogDrain } from "./log_drain.ts";
import { segmentPiece, storedCheckpoint } from "./log_reading.ts";
import type { LogValues } from "./log_values.ts";
import { LOG_CHUNK_LENGTH_MAX, type statefsd } from "./protocol.ts";

/** Pages that one call for the chains' ends takes of logd, before it tells what it has. */
const DRAINS_MAX = 16;

/** The log of a node that keeps one. */
export interface KeptLog {
  readonly drain: Pick<LogDrain, "drain" | "heads" | "keepCheckpoint">;
  readonly values: LogValues;
}

type LogHandlers = Pick<
  Handlers<typeof statefsd>,
  "logHeads" | "keepCheckpoint" | "logSegment" | "logCheckpoint"
>;

/** Serves the kept log, for controld alone: it has the chains' ends signed. */
export function logHandlers(log: KeptLog | undefined): LogHandlers {
  return {
    async logHeads() {
      // What is under way may have asked logd before the last words were said.
      await log?.drain.drain();
      for (let left = DRAINS_MAX; left > 0; left--) {
        if (await log?.drain.drain() !== "more") break;
      }
      return { status: "ok", heads: log?.drain.heads() ?? [] };
    },
    async keepCheckpoint(checkpoint) {
      const kept = await log?.drain.keepCheckpoint(checkpoint);
      if (kept === undefined) return { status: "not_found" };
      return { status: kept === "ok" ? kept : "io_error" };
    },
    logSegment(ask) {
      if (log === undefined) return { status: "unsupported" };
      const piece = segmentPiece(log.values, { ...ask, lengthMax: LOG_CHUNK_LENGTH_MAX });
      return piece === undefined ? { status: "not_found" } : { status: "ok", ...piece };
    },
    logCheckpoint({ ring }) {
      if (log === undefined) return { status: "unsupported" };
      const checkpoint = storedCheckpoint(log.values, ring);
      return checkpoint === undefined ? { status: "not_found" } : { status: "ok", checkpoint };
    },
  };
}
