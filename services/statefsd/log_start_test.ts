import { toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { deviceKey, signedHead } from "@tests/fakes/log_chain.ts";
import {
  AUDIT,
  drainOver,
  fakeLogd,
  faultsIn,
  JOURNAL,
  NEXT_BOOT,
  numbers,
  toldBy,
} from "@tests/fakes/log_drain.ts";
import { chainIn, type MemoryLogValues, memoryLogValues } from "@tests/fakes/log_values.ts";
import { test } from "@tests/fakes/test.ts";
import type { ChainFault } from "./client/chain_fault.ts";
import { readSegment, segmentPath } from "./client/log_segment.ts";
import { verifyChain } from "./client/verify_chain.ts";
import type { LogDrain } from "./log_drain.ts";

test("LogDrain goes on with the chain of the boot before", async () => {
  const values = memoryLogValues();
  const before = fakeLogd();
  before.say(JOURNAL, 5);
  await drainOver(values, before.log).drain.drain();
  const { log, say } = fakeLogd();
  const { drain, told } = drainOver(values, log, { bootId: NEXT_BOOT });
  say(JOURNAL, 3);
  await drain.drain();
  deepEqual(toldBy(values, JOURNAL), [...numbers(1, 5), ...numbers(1, 3)]);
  deepEqual([told, faultsIn(values, JOURNAL)], [[], []]);
  equal(chainIn(values, JOURNAL).segments.length, 1);
});

test("LogDrain that is started again in one boot asks behind what it has", async () => {
  const values = memoryLogValues();
  const { log, say, asked } = fakeLogd();
  say(JOURNAL, 5);
  await drainOver(values, log).drain.drain();
  const { drain } = drainOver(values, log);
  asked.length = 0;
  say(JOURNAL, 1);
  await drain.drain();
  deepEqual(asked[0], { ring: JOURNAL, afterId: 5n });
  deepEqual(toldBy(values, JOURNAL), numbers(1, 6));
});

test("LogDrain that is started again asks behind a gap that came last", async () => {
  const values = memoryLogValues();
  const { log, say, lose, asked } = fakeLogd(100);
  const { drain } = drainOver(values, log);
  say(JOURNAL, 3);
  lose(JOURNAL, 2n);
  // The gap is written, the record behind it is not.
  const [gap] = await gapAlone(values, drain);
  equal(gap, "gap");
  asked.length = 0;
  await drainOver(values, log).drain.drain();
  deepEqual(asked[0], { ring: JOURNAL, afterId: 2n });
});

/** Cuts the chain of a drain behind its gap, as a whole and smaller segment. */
async function gapAlone(values: MemoryLogValues, drain: LogDrain) {
  await drain.drain();
  const path = segmentPath(JOURNAL, 1n);
  const whole = values.map.get(path) ?? new Uint8Array(0);
  let length = whole.length;
  while (readSegment(whole.slice(0, length)).entries.length > 2) length -= 1;
  while (!readSegment(whole.slice(0, length)).whole) length -= 1;
  values.map.set(path, whole.slice(0, length));
  return toldBy(values, JOURNAL).slice(-1);
}

/** Values with the records 1 to 5 of the journal, signed to the end. */
async function signedLog() {
  const values = memoryLogValues();
  const { log, say } = fakeLogd();
  const { drain } = drainOver(values, log);
  say(JOURNAL, 5);
  await drain.drain();
  const [head] = drain.heads();
  ok(head !== undefined);
  equal(await drain.keepCheckpoint(signedHead(head)), "ok");
  return { values, drain, log, say, head };
}

test("LogDrain leaves a chain that does not hold as it is, and begins a new one that says so", async () => {
  const path = segmentPath(JOURNAL, 1n);
  const cases:
    readonly (readonly [string, (values: MemoryLogValues) => void, ChainFault["kind"]])[] = [
      ["a bit", (values) => void (values.map.get(path)?.fill(0x20, 90, 91)), "edited"],
      ["unreadable", (values) => void values.unreadable.add(path), "malformed"],
      ["gone", (values) => void values.map.delete(path), "truncated"],
      ["checkpoint", (values) => {
        values.map.get("/state/log/checkpoint/journal")?.fill(0, 60, 90);
      }, "checkpoint_forged"],
      ["no checkpoint", (values) => {
        values.map.set("/state/log/checkpoint/journal", new Uint8Array(1));
      }, "checkpoint_malformed"],
    ];
  for (const [name, tamper, kind] of cases) {
    const { values } = await signedLog();
    tamper(values);
    const before = values.map.get(path)?.slice();
    const { log, say } = fakeLogd();
    const { drain, told } = drainOver(values, log, { bootId: NEXT_BOOT });
    deepEqual([name, told[0]?.kind, told[0]?.ring], [name, kind, JOURNAL]);
    say(JOURNAL, 2);
    equal(await drain.drain(), "ok");
    deepEqual(values.map.get(path), before, name);
    const kinds = toldBy(values, JOURNAL).slice(-3);
    deepEqual([name, kinds], [name, ["broken", 1n, 2n]]);
    ok(faultsIn(values, JOURNAL).some((fault) => fault.kind === "broken"), name);
    // A later start finds the new chain in order.
    const again = drainOver(values, log, { bootId: NEXT_BOOT });
    if (!kind.startsWith("checkpoint")) deepEqual([name, again.told], [name, []]);
  }
});

test("LogDrain says once that a chain begins anew", async () => {
  const { values } = await signedLog();
  values.unreadable.add(segmentPath(JOURNAL, 1n));
  const { log, say } = fakeLogd(100);
  const { drain } = drainOver(values, log, { bootId: NEXT_BOOT });
  say(JOURNAL, 100, "m".repeat(250));
  equal(await drain.drain(), "ok");
  deepEqual(toldBy(values, JOURNAL), ["broken", ...numbers(1, 100)]);
  ok(chainIn(values, JOURNAL).segments.length > 2);
});

test("LogDrain finds a chain that was cut off or exchanged behind its signature", async () => {
  const { values, drain, say } = await signedLog();
  const short = values.map.get(segmentPath(JOURNAL, 1n))?.slice() ?? new Uint8Array(0);
  say(JOURNAL, 3);
  await drain.drain();
  const [head] = drain.heads();
  ok(head !== undefined);
  await drain.keepCheckpoint(signedHead(head));
  values.map.set(segmentPath(JOURNAL, 1n), short);
  const cut = drainOver(values, fakeLogd().log, { bootId: NEXT_BOOT });
  deepEqual(cut.told, [{ ring: JOURNAL, kind: "truncated", index: 6n, count: 3n }]);
  const other = memoryLogValues();
  const lies = fakeLogd();
  lies.say(JOURNAL, 8, "nothing happened");
  await drainOver(other, lies.log).drain.drain();
  const path = segmentPath(JOURNAL, 1n);
  values.map.set(path, other.map.get(path) ?? short);
  const exchanged = drainOver(values, fakeLogd().log, { bootId: NEXT_BOOT });
  deepEqual(exchanged.told, [{ ring: JOURNAL, kind: "unsigned", index: 8n }]);
});

test("LogDrain offers the heads that no signature covers", async () => {
  const { values, drain, say, head } = await signedLog();
  deepEqual([head.ring, head.index], [JOURNAL, 5n]);
  deepEqual(drain.heads(), []);
  say(AUDIT, 1);
  await drain.drain();
  deepEqual(drain.heads().map(({ ring, index }) => [ring, index]), [[AUDIT, 1n]]);
  // What was signed by an earlier start is signed still.
  deepEqual(drainOver(values, fakeLogd().log).drain.heads().map(({ ring }) => ring), [AUDIT]);
  deepEqual(verifyChain(chainIn(values, JOURNAL), deviceKey().verifyingKey).signedTo, 5n);
});

test("LogDrain keeps no signature but a good one of the head that it gave out", async () => {
  const { values, drain, say, head } = await signedLog();
  const signed = signedHead(head);
  say(JOURNAL, 1);
  await drain.drain();
  const [next] = drain.heads();
  ok(next !== undefined);
  const good = signedHead(next);
  const wrong = [
    signed,
    { ...good, index: good.index - 1n },
    { ...good, head: head.head },
    { ...good, unixMs: 0n },
    { ...good, ring: AUDIT },
    { ...good, ring: 2 },
  ];
  const before = values.map.get("/state/log/checkpoint/journal");
  for (const checkpoint of wrong) equal(await drain.keepCheckpoint(checkpoint), "malformed");
  equal(values.map.get("/state/log/checkpoint/journal"), before);
  values.answers.push("no_space");
  equal(await drain.keepCheckpoint(good), "no_space");
  equal(drain.heads().length, 1);
  equal(await drain.keepCheckpoint(good), "ok");
  deepEqual(drain.heads(), []);
});

test("a head may be signed while the chain goes on", async () => {
  const { drain, say, values } = await signedLog();
  say(JOURNAL, 1);
  await drain.drain();
  const [head] = drain.heads();
  ok(head !== undefined);
  say(JOURNAL, 2);
  await drain.drain();
  equal(await drain.keepCheckpoint(signedHead(head)), "ok");
  const report = verifyChain(chainIn(values, JOURNAL));
  deepEqual([report.signedTo, report.unsignedCount, report.faults], [6n, 2n, []]);
});

test("LogDrain goes on behind a signature of its device alone", async () => {
  const { values } = await signedLog();
  const [own, other] = [1, 2].map((byte) => toHex(sha256(deviceKey(byte).verifyingKey)));
  const { told } = drainOver(values, fakeLogd().log, { bootId: NEXT_BOOT, deviceId: own ?? "" });
  deepEqual(told, []);
  const { log, say } = fakeLogd();
  const foreign = drainOver(values, log, { bootId: NEXT_BOOT, deviceId: other ?? "" });
  deepEqual(foreign.told, [{ ring: JOURNAL, kind: "checkpoint_foreign" }]);
  say(JOURNAL, 1);
  await foreign.drain.drain();
  deepEqual(toldBy(values, JOURNAL).slice(-2), ["broken", 1n]);
});

test("LogDrain takes a chain of several boots that nobody signed for none of its own", async () => {
  const { values } = await signedLog();
  values.map.delete("/state/log/checkpoint/journal");
  // One boot may have ended before it signed.
  const second = fakeLogd();
  const drained = drainOver(values, second.log, { bootId: NEXT_BOOT });
  second.say(JOURNAL, 1);
  await drained.drain.drain();
  deepEqual(drained.told, []);
  // The same boot may start statefsd again.
  deepEqual(drainOver(values, second.log, { bootId: NEXT_BOOT }).told, []);
  const third = drainOver(values, fakeLogd().log, { bootId: new Uint8Array(16).fill(0x33) });
  deepEqual(third.told, [{ ring: JOURNAL, kind: "checkpoint_absent" }]);
});
