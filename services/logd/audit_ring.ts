import { DECISION, LEVELS, REASONS } from "./protocol.ts";
import { Holders } from "./holders.ts";
import { type Kept, type LogRecord, type RingStats, RisingTime, type Stamp } from "./journal.ts";

/** Decisions that the ring keeps. */
export const AUDIT_RECORDS_MAX = 16_384;
/** Decisions about one subject that it keeps: a flood of one subject pushes out its own. */
export const SUBJECT_RECORDS_MAX = 4_096;
/** Scope of every audit record. Source: Open Nexus OS, policyd. */
export const AUDIT_SCOPE = "policyd.audit";

const UNPRINTABLE = /[^\x21-\x7e]/gu;

/** One decision, as policyd tells it. */
export interface Decision {
  /** Of `DECISION`. */
  readonly decision: number;
  /** Index into `REASONS`. */
  readonly reason: number;
  readonly check: string;
  readonly subject: string;
  readonly capability: string;
  readonly operation: string;
  readonly target: string;
}

interface Entry {
  readonly recordId: number;
  readonly timestampNs: number;
  readonly sid: bigint;
  readonly sender: string;
  readonly decided: Decision;
  evicted: boolean;
}

/** A first-in-first-out line of entries; those evicted elsewhere are passed over. */
class Line {
  #entries: Entry[] = [];
  #head = 0;
  /** Entries that are not evicted. */
  live = 0;

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.live += 1;
  }

  /** Takes the oldest entry out and marks it. */
  evict(): void {
    for (; this.#head < this.#entries.length; this.#head++) {
      const entry = this.#entries[this.#head];
      if (entry === undefined || entry.evicted) continue;
      entry.evicted = true;
      this.live -= 1;
      this.#head += 1;
      break;
    }
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

interface Subject {
  readonly allowed: Line;
  readonly denied: Line;
}

/**
 * A ring of decisions. Denials leave last, and no subject can push out another that holds fewer.
 *
 * A subject at its quota loses its own oldest. When the ring is full, the subject with the most
 * allowed decisions loses its oldest allowed one; only when there is none, the subject with the most
 * denials loses its oldest denial.
 */
export class AuditRing {
  /** In order of their ids, evicted ones among them until they are swept. */
  #entries: Entry[] = [];
  readonly #subjects = new Map<string, Subject>();
  readonly #allowHolders = new Holders();
  readonly #denyHolders = new Holders();
  readonly #time = new RisingTime();
  #total = 0;
  #live = 0;

  append(decided: Decision, { sid, sender, nowNs }: Stamp): Kept {
    this.#makeRoom(decided.subject);
    this.#total += 1;
    const timestampNs = this.#time.next(nowNs);
    const entry = { recordId: this.#total, timestampNs, sid, sender, decided, evicted: false };
    this.#entries.push(entry);
    this.#live += 1;
    this.#add(entry);
    this.#sweep();
    return { recordId: this.#total, dropped: this.#total - this.#live };
  }

  stats(): RingStats {
    const dropped = this.#total - this.#live;
    return { total: this.#total, dropped, usedRecords: this.#live, usedBytes: 0 };
  }

  /** Records behind an id, oldest first. */
  *after(recordId: number): Generator<LogRecord> {
    for (let index = this.#firstAfter(recordId); index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry !== undefined && !entry.evicted) yield recordOf(entry);
    }
  }

  #add(entry: Entry): void {
    const { subject, decision } = entry.decided;
    const held = this.#subjects.get(subject) ?? { allowed: new Line(), denied: new Line() };
    this.#subjects.set(subject, held);
    const line = decision === DECISION.allow ? held.allowed : held.denied;
    line.push(entry);
    this.#holdersOf(held, line).move(subject, line.live - 1, line.live);
  }

  #makeRoom(subject: string): void {
    const held = this.#subjects.get(subject);
    if (held !== undefined && held.allowed.live + held.denied.live >= SUBJECT_RECORDS_MAX) {
      return this.#evict(subject, held.allowed.live > 0 ? "allowed" : "denied");
    }
    if (this.#live < AUDIT_RECORDS_MAX) return;
    const allowed = this.#allowHolders.largest();
    if (allowed !== undefined) return this.#evict(allowed, "allowed");
    const denied = this.#denyHolders.largest();
    if (denied !== undefined) this.#evict(denied, "denied");
  }

  #evict(subject: string, kind: keyof Subject): void {
    const held = this.#subjects.get(subject);
    if (held === undefined) return;
    const line = held[kind];
    line.evict();
    this.#live -= 1;
    this.#holdersOf(held, line).move(subject, line.live + 1, line.live);
    if (held.allowed.live + held.denied.live === 0) this.#subjects.delete(subject);
  }

  #holdersOf(held: Subject, line: Line): Holders {
    return line === held.allowed ? this.#allowHolders : this.#denyHolders;
  }

  /** Evicted entries are removed when they are as many as the others: constant work a record. */
  #sweep(): void {
    if (this.#entries.length <= 2 * AUDIT_RECORDS_MAX) return;
    this.#entries = this.#entries.filter(({ evicted }) => !evicted);
  }

  #firstAfter(recordId: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.recordId ?? 0) <= recordId) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The text is made when it is read. Names are printed so that none can pass for another field. */
function recordOf({ recordId, timestampNs, sid, sender, decided }: Entry): LogRecord {
  const { check, capability, operation, subject, target } = decided;
  const denied = decided.decision === DECISION.deny;
  const decision = denied ? "deny" : "allow";
  const reason = REASONS[decided.reason] ?? "policy";
  return {
    recordId,
    timestampNs,
    sid,
    sender,
    level: LEVELS.indexOf(denied ? "warn" : "info"),
    scope: AUDIT_SCOPE,
    message: `audit v1 op=${printable(check)} decision=${decision} subject=${printable(subject)} ` +
      `reason=${reason}`,
    fields: `capability=${printable(capability)}\noperation=${printable(operation)}\n` +
      `subject=${printable(subject)}\ntarget=${printable(target)}\n`,
  };
}

/** One byte for each code unit that is not plain ASCII, so that bounds in bytes still hold. */
function printable(text: string): string {
  return text.replace(UNPRINTABLE, "?");
}
