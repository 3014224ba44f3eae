import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { manualTimers } from "@tests/fakes/bus.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { LEVELS, logdV2 } from "../logd/protocol.ts";
import { RateLimit } from "../logd/rate_limit.ts";
import { BusJournal } from "./journal.ts";
import type { HandshakeRefusal } from "./refusal.ts";

const FROM = { address: 0x0a000202, port: 4_000 };
const CAUSES: readonly HandshakeRefusal[] = [
  "limit_total",
  "evicted",
  "handshake_timeout",
  "closed_early",
  "low_order_point",
  "proof_malformed",
  "identity_mismatch",
  "pin_mismatch",
  "connect_malformed",
  "connect_mismatch",
  "connect_rejected",
  "announce_request_malformed",
  "record_length",
  "message_length",
  "noise_decrypt",
  "announce_malformed",
  "announce_invalid",
  "announce_expired",
  "announce_replayed",
  "announce_repeated",
];

/** A journal over a log that takes what `admit` lets through. */
function journalOver(admit: (nowNs: number) => boolean) {
  const lines: string[] = [];
  const clock = manualClock();
  const logd = directClient(logdV2, {
    append({ level, message, fields }) {
      if (!admit(clock.nowNs())) return { status: "rate_limited", recordId: 0n, dropped: 0n };
      lines.push(`${LEVELS[level]} ${message} ${fields.trim().replaceAll("\n", " ")}`);
      return { status: "ok", recordId: 1n, dropped: 0n };
    },
    stats: () => ({ status: "unsupported" }),
  });
  const journal = new BusJournal({ logd, clock, timer: manualTimers(clock).timerCreate() });
  journal.run();
  const pass = async (ms: number) => {
    clock.advanceMs(ms);
    for (let turn = 0; turn < 2_000; turn++) await Promise.resolve();
  };
  return { lines, journal, pass };
}

/** How many events the lines stand for, by message. */
function named(lines: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of lines) {
    const [, name = "", more] = /^\w+ ([a-z_ ]+?)(?: (\d+) more, the last)? \w+=/.exec(line) ?? [];
    sums[name] = (sums[name] ?? 0) + Number(more ?? 1);
  }
  return sums;
}

test("BusJournal counts every refusal by its cause and writes who and why", async () => {
  const { lines, journal, pass } = journalOver(() => true);
  journal.refused({ reason: "record_length", peer: undefined }, FROM);
  journal.refused({ reason: "identity_mismatch", peer: "ab" }, FROM);
  await pass(0);
  deepEqual([...journal.counts], [["record_length", 1], ["identity_mismatch", 1]]);
  deepEqual(lines, [
    "warn refused record_length from=10.0.2.2:4000",
    "warn refused identity_mismatch claimed=ab from=10.0.2.2:4000",
  ]);
});

test("BusJournal writes the first of a cause at once and how many more there were a second later", async () => {
  const { lines, journal, pass } = journalOver(() => true);
  for (let times = 0; times < 438; times++) {
    journal.refused({ reason: "record_length", peer: undefined }, FROM);
  }
  journal.refused({ reason: "noise_decrypt", peer: undefined }, FROM);
  await pass(0);
  equal(lines.length, 2);
  await pass(999);
  equal(lines.length, 2);
  await pass(1);
  deepEqual(lines.slice(2), ["warn refused record_length 437 more, the last from=10.0.2.2:4000"]);
  await pass(60_000);
  equal(lines.length, 3);
  equal(journal.counts.get("record_length"), 438);
});

test("BusJournal names every cause of a flood, however many come in one second", async () => {
  const { lines, journal, pass } = journalOver(() => true);
  for (let times = 0; times < 50; times++) {
    for (const reason of CAUSES) journal.refused({ reason, peer: undefined }, FROM);
  }
  await pass(0);
  equal(lines.length, 12);
  for (let second = 0; second < 5; second++) {
    const before = lines.length;
    await pass(1_000);
    ok(lines.length - before <= 12);
  }
  deepEqual(
    named(lines),
    Object.fromEntries(CAUSES.map((reason) => [`refused ${reason}`, 50])),
  );
});

test("BusJournal says what sessions do in the midst of a flood of refusals", async () => {
  const { lines, journal, pass } = journalOver(() => true);
  for (let times = 0; times < 50; times++) {
    for (const reason of CAUSES) journal.refused({ reason, peer: undefined }, FROM);
  }
  journal.established("cd");
  journal.ended("closed", "cd");
  await pass(0);
  deepEqual(lines.slice(-2), [
    "info session established peer=cd",
    "info session ended closed peer=cd",
  ]);
});

test("BusJournal stays below what logd takes from one sender, and a line that logd refused is counted again", async () => {
  const rate = new RateLimit();
  let refusals = 0;
  const { lines, journal, pass } = journalOver((nowNs) => {
    const admitted = rate.admit(1n, nowNs);
    if (!admitted) refusals += 1;
    return admitted;
  });
  for (let tenth = 0; tenth < 50; tenth++) {
    for (const reason of CAUSES) journal.refused({ reason, peer: undefined }, FROM);
    journal.established("cd");
    journal.ended("idle", "cd");
    await pass(100);
  }
  for (let second = 0; second < 5; second++) await pass(1_000);
  equal(refusals, 0);
  deepEqual(named(lines), {
    ...Object.fromEntries(CAUSES.map((reason) => [`refused ${reason}`, 50])),
    "session established": 50,
    "session ended idle": 50,
  });
  let room = 0;
  const full = journalOver(() => room-- > 0);
  full.journal.refused({ reason: "evicted", peer: undefined }, FROM);
  full.journal.refused({ reason: "evicted", peer: undefined }, FROM);
  await full.pass(0);
  deepEqual(full.lines, []);
  room = 9;
  await full.pass(1_000);
  deepEqual(named(full.lines), { "refused evicted": 2 });
});

test("BusJournal writes dials that find nobody and this node's own failures at levels of their own", async () => {
  const { lines, journal, pass } = journalOver(() => true);
  journal.refused({ reason: "dial_refused", peer: undefined }, FROM);
  journal.refused({ reason: "custody", peer: undefined }, FROM);
  journal.ended("stalled", "ef");
  await pass(0);
  deepEqual(lines.map((line) => line.split(" ")[0]), ["info", "error", "warn"]);
});
