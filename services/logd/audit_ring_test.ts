import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { AUDIT_RECORDS_MAX, AuditRing, SUBJECT_RECORDS_MAX } from "./audit_ring.ts";
import { DECISION } from "./protocol.ts";

const STAMP = { sid: 1n, sender: "policyd", nowNs: 0 };

function decided(subject: string, decision: number, target = "") {
  return {
    decision,
    reason: 0,
    check: "decide",
    subject,
    capability: "rng.entropy",
    operation: "",
    target,
  };
}

function fill(
  ring: AuditRing,
  subject: string,
  options: { decision: number; count: number },
): void {
  for (let index = 0; index < options.count; index++) {
    ring.append(decided(subject, options.decision), STAMP);
  }
}

/** Records a subject and a decision, as `subject allow` and the like. */
function held(ring: AuditRing): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { message } of ring.after(0)) {
    const [, decision, subject] = /decision=(\w+) subject=(\S+)/.exec(message) ?? [];
    const key = `${subject} ${decision}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

test("AuditRing holds at least 16,384 decisions and counts what it let go", () => {
  const ring = new AuditRing();
  for (let subject = 0; subject < 8; subject++) {
    fill(ring, `s${subject}`, { decision: DECISION.allow, count: AUDIT_RECORDS_MAX / 8 });
  }
  equal(ring.stats().dropped, 0);
  const kept = ring.append(decided("s0", DECISION.allow), STAMP);
  deepEqual(kept, { recordId: AUDIT_RECORDS_MAX + 1, dropped: 1 });
  equal([...ring.after(0)].length, AUDIT_RECORDS_MAX);
});

test("AuditRing makes a subject at its quota push out its own, its denials last", () => {
  const ring = new AuditRing();
  fill(ring, "quiet", { decision: DECISION.allow, count: 5 });
  fill(ring, "loud", { decision: DECISION.deny, count: 10 });
  fill(ring, "loud", { decision: DECISION.allow, count: 3 * SUBJECT_RECORDS_MAX });
  deepEqual(
    held(ring),
    new Map([
      ["quiet allow", 5],
      ["loud deny", 10],
      ["loud allow", SUBJECT_RECORDS_MAX - 10],
    ]),
  );
  fill(ring, "loud", { decision: DECISION.deny, count: SUBJECT_RECORDS_MAX });
  deepEqual(held(ring), new Map([["quiet allow", 5], ["loud deny", SUBJECT_RECORDS_MAX]]));
});

test("AuditRing lets denials of all subjects outlive what was allowed", () => {
  const ring = new AuditRing();
  fill(ring, "thief", { decision: DECISION.deny, count: 100 });
  for (let subject = 0; subject < 20; subject++) {
    fill(ring, `s${subject}`, { decision: DECISION.allow, count: 2_000 });
  }
  equal(held(ring).get("thief deny"), 100);
  equal(ring.stats().usedRecords, AUDIT_RECORDS_MAX);
});

test("AuditRing lets many loud subjects take from each other and not from a quiet one", () => {
  const ring = new AuditRing();
  fill(ring, "quiet", { decision: DECISION.deny, count: 7 });
  for (let subject = 0; subject < 40; subject++) {
    fill(ring, `loud${subject}`, { decision: DECISION.deny, count: 1_000 });
  }
  equal(held(ring).get("quiet deny"), 7);
});

test("AuditRing reads behind an id, in order, also when records in between are gone", () => {
  const ring = new AuditRing();
  fill(ring, "a", { decision: DECISION.deny, count: 3 });
  fill(ring, "b", { decision: DECISION.allow, count: SUBJECT_RECORDS_MAX + 5 });
  fill(ring, "a", { decision: DECISION.deny, count: 2 });
  const ids = [...ring.after(2)].map(({ recordId }) => recordId);
  equal(ids[0], 3);
  equal(ids[1], 3 + 5 + 1);
  ok(ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? 0)));
  deepEqual([...ring.after(ids.at(-1) ?? 0)], []);
});

test("AuditRing forgets no record early and keeps no more than it says, over a long run", () => {
  const ring = new AuditRing();
  for (let round = 0; round < 100_000; round++) {
    const decision = round % 7 === 0 ? DECISION.deny : DECISION.allow;
    ring.append(decided(`s${round % 31}`, decision), STAMP);
  }
  const { total, dropped, usedRecords } = ring.stats();
  deepEqual({ total, dropped, usedRecords }, {
    total: 100_000,
    dropped: 100_000 - AUDIT_RECORDS_MAX,
    usedRecords: AUDIT_RECORDS_MAX,
  });
  equal([...ring.after(0)].length, AUDIT_RECORDS_MAX);
  const denials = [...ring.after(0)].filter(({ message }) => message.includes("decision=deny"));
  equal(denials.length, Math.ceil(100_000 / 7));
});
