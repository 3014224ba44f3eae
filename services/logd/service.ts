import { assert } from "@runtime/core/assert.ts";
import type { Clock } from "@runtime/core/ports.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { type Call, type Handlers, REFUSED, type RefusedHandler } from "@runtime/idl/server.ts";
import type { RequestOf } from "@runtime/idl/service.ts";
import { AuditRing } from "./audit_ring.ts";
import { claimsIdentity } from "./identity_claim.ts";
import {
  Journal,
  JOURNAL_BYTES_MAX,
  JOURNAL_RECORDS_MAX,
  type Kept,
  type LogRecord,
} from "./journal.ts";
import {
  type logd,
  type logdAudit,
  type logdQuery,
  type logdQueryV1,
  type logdV2,
  QUERY_AFTER_RECORDS_MAX,
  QUERY_RECORDS_MAX,
  RING,
} from "./protocol.ts";
import { RateLimit } from "./rate_limit.ts";

/** Length of upstream's QUERY reply, in bytes. Source: Open Nexus OS, logd, `QUERY_BOUNDED_CAP`. */
export const QUERY_REPLY_LENGTH_MAX = 512;
/** The one principal whose decisions the audit ring takes. */
export const AUDITOR = "policyd";

/** Bytes of a reply of QUERY before its records, the longer envelope of the two. */
const QUERY_HEAD_LENGTH = 4 + 1 + 8 + 8 + 8 + 2;
const QUERY_AFTER_HEAD_LENGTH = QUERY_HEAD_LENGTH + 8 + 8;
/** Bytes of a record beside its texts, without and with the sender's name. */
const RECORD_HEAD_LENGTH = 8 + 8 + 1 + 8 + 1 + 2 + 2;
const NAMED_RECORD_HEAD_LENGTH = RECORD_HEAD_LENGTH + 1;

/** Refusals that logd prints a marker for, the first time each. */
export type RefusalMarker = "rejectedInvalid" | "rejectedOverLimit" | "rejectedRate";

/** What logd stands on. */
export interface LogdPorts {
  readonly clock: Clock;
  readonly prove: (key: RefusalMarker, evidence: { readonly refused: number }) => void;
}

/** Handlers of logd's protocols, by the names of `mod.ts`. */
export interface LogdHandlers {
  readonly logd: Handlers<typeof logd>;
  readonly logdV2: Handlers<typeof logdV2>;
  readonly queryV1: Handlers<typeof logdQueryV1>;
  readonly query: Handlers<typeof logdQuery>;
  readonly audit: Handlers<typeof logdAudit>;
}

/** Keeps what daemons say and what policyd decided, and tells it to whom the right was given. */
export function createLogd({ clock, prove }: LogdPorts): LogdHandlers {
  const journal = new Journal();
  const audit = new AuditRing();
  const rate = new RateLimit();
  const proven = new Set<RefusalMarker>();
  const refused = (key: RefusalMarker) => {
    if (!proven.has(key)) prove(key, { refused: 1 });
    proven.add(key);
  };
  const hear: RefusedHandler = ({ cause }) => {
    if (cause.code === "length_out_of_range") refused("rejectedOverLimit");
  };
  const stats = () => journalStats(journal);
  const query = (request: QueryRequest) => queryJournal(journal, request);
  const append = (record: RequestOf<typeof logd, "append">, { sender }: Call) => {
    if (claimsIdentity(record.fields)) {
      refused("rejectedInvalid");
      return { status: "invalid_args" } as const;
    }
    if (!rate.admit(sender.sid, clock.nowNs())) {
      refused("rejectedRate");
      return { status: "rate_limited" } as const;
    }
    return kept(journal.append(record, stampOf(sender, clock)));
  };
  return {
    logd: { append, stats, [REFUSED]: hear },
    logdV2: { append, stats, [REFUSED]: hear },
    queryV1: { query, stats },
    query: { query, stats, queryAfter: (request) => queryRing({ journal, audit, clock }, request) },
    audit: {
      appendAudit(decision, { sender }) {
        if (sender.name !== AUDITOR) return { status: "denied" };
        return kept(audit.append(decision, stampOf(sender, clock)));
      },
    },
  };
}

type QueryRequest = RequestOf<typeof logdQuery, "query">;

function stampOf({ sid, name }: Call["sender"], clock: Clock) {
  return { sid, sender: name, nowNs: clock.nowNs() };
}

function kept({ recordId, dropped }: Kept) {
  return { status: "ok", recordId: BigInt(recordId), dropped: BigInt(dropped) } as const;
}

function journalStats(journal: Journal) {
  const { total, dropped, usedRecords, usedBytes } = journal.stats();
  return {
    status: "ok",
    total: BigInt(total),
    dropped: BigInt(dropped),
    capacityRecords: JOURNAL_RECORDS_MAX,
    capacityBytes: JOURNAL_BYTES_MAX,
    usedRecords,
    usedBytes,
  } as const;
}

/** As upstream: a record that does not fit is passed over, a later one may. */
function queryJournal(journal: Journal, { sinceNs, countMax }: QueryRequest) {
  const records: WireRecord[] = [];
  const most = Math.min(countMax, QUERY_RECORDS_MAX);
  let room = QUERY_REPLY_LENGTH_MAX - QUERY_HEAD_LENGTH;
  for (const record of journal.since(numberOf(sinceNs))) {
    if (records.length === most) break;
    const length = RECORD_HEAD_LENGTH + textLength(record);
    if (length > room) continue;
    room -= length;
    records.push(wireRecord(record));
  }
  const { total, dropped } = journal.stats();
  return { status: "ok", total: BigInt(total), dropped: BigInt(dropped), records } as const;
}

/** A page: it ends before the first record that does not fit, and says where it ended. */
function queryRing(
  rings: { readonly journal: Journal; readonly audit: AuditRing; readonly clock: Clock },
  { ring, afterId, countMax, scope }: RequestOf<typeof logdQuery, "queryAfter">,
) {
  const from = ring === RING.audit ? rings.audit : rings.journal;
  const records: (WireRecord & { readonly sender: string })[] = [];
  const most = Math.min(countMax, QUERY_AFTER_RECORDS_MAX);
  let room = FRAME_LENGTH_MAX - QUERY_AFTER_HEAD_LENGTH;
  let lastId = afterId;
  for (const record of from.after(numberOf(afterId))) {
    if (record.scope.startsWith(scope)) {
      room -= NAMED_RECORD_HEAD_LENGTH + utf8Length(record.sender) + textLength(record);
      if (room < 0 || records.length === most) break;
      records.push({ ...wireRecord(record), sender: record.sender });
    }
    lastId = BigInt(record.recordId);
  }
  assert(lastId >= afterId, "a page ends behind its start");
  const { total, dropped } = from.stats();
  const counted = { total: BigInt(total), dropped: BigInt(dropped) };
  const nowNs = BigInt(rings.clock.nowNs());
  return { status: "ok", ...counted, lastId, nowNs, records } as const;
}

type WireRecord = ReturnType<typeof wireRecord>;

function wireRecord({ recordId, timestampNs, level, sid, scope, message, fields }: LogRecord) {
  return {
    recordId: BigInt(recordId),
    timestampNs: BigInt(timestampNs),
    level,
    sid,
    scope,
    message,
    fields,
  };
}

/** Ids and times stay far below 2^53; what lies beyond is behind every record. */
function numberOf(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function textLength({ scope, message, fields }: LogRecord): number {
  return utf8Length(scope) + utf8Length(message) + utf8Length(fields);
}
