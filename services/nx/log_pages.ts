import type { controld } from "../controld/protocol.ts";
import type { ReplyOf, RequestOf } from "@runtime/idl/service.ts";

/** Pages that one reading asks for, at most: a full audit ring of long records, four times. */
export const PAGES_MAX = 2_048;
/** Records of one page, at most. */
export const PAGE_RECORDS = 240;
/** Behind every record: such a page is empty, and tells how many there are. */
const BEYOND = BigInt(Number.MAX_SAFE_INTEGER);
/** By how much each step back is longer than the one before. */
const GROWTH = 4n;

type LogReply = Extract<ReplyOf<typeof controld, "log">, { readonly status: "ok" }>;

/** A record as the node tells it. */
export type LogRecord = LogReply["records"][number];

/** Asks for one page; throws where there is none. */
export type AskPage = (request: RequestOf<typeof controld, "log">) => Promise<LogReply>;

/** What to read. */
export interface LogReading {
  /** Of `RING`. */
  readonly ring: number;
  readonly scope: string;
  /** Newest records that are wanted. */
  readonly limit: number;
  readonly wanted: (record: LogRecord) => boolean;
  /** From which time on, by what the node's clock says now; from the beginning unless said. */
  readonly sinceNs?: (nowNs: bigint) => bigint;
}

/** What was read of a ring. */
export interface LogRead {
  readonly records: readonly LogRecord[];
  /** The last record that was there when the reading began. */
  readonly total: bigint;
}

/**
 * The newest records that are wanted, oldest first.
 *
 * Only those that were there when the reading began: each page is a decision of its own, which the
 * audit ring records, so that a reading to the ring's end would never come to it. And from the end
 * backwards, in growing steps: what is not shown is not asked for, and leaves no record either.
 */
export async function newestRecords(
  ask: AskPage,
  { ring, scope, limit, wanted, sinceNs }: LogReading,
): Promise<LogRead> {
  const request = { ring, scope, countMax: PAGE_RECORDS };
  const { total, nowNs } = await ask({ ...request, afterId: BEYOND });
  const since = sinceNs?.(nowNs) ?? 0n;
  let pages = PAGES_MAX;
  let newest: LogRecord[] = [];
  let step = BigInt(sinceNs === undefined ? limit : Math.min(limit, PAGE_RECORDS));
  /** Whether all that lies further back is too old. */
  let past = false;
  for (let end = total; end > 0n && newest.length < limit && !past; step *= GROWTH) {
    const start = end > step ? end - step : 0n;
    const found: LogRecord[] = [];
    for (let afterId = start; afterId < end && pages > 0; pages--) {
      const { records, lastId } = await ask({ ...request, afterId });
      past ||= (records[0]?.timestampNs ?? since) < since;
      found.push(
        ...records.filter((record) =>
          record.recordId <= end && record.timestampNs >= since && wanted(record)
        ),
      );
      if (lastId === afterId) break;
      afterId = lastId;
    }
    newest = [...found, ...newest];
    end = start;
  }
  return { records: newest.slice(-limit), total };
}
