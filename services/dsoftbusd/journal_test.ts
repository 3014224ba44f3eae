import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { logdV2 } from "../logd/protocol.ts";
import { BusJournal } from "./journal.ts";
import { Refusal } from "./refusal.ts";

const FROM = { address: 0x0a000202, port: 4_000 };

async function settle(): Promise<void> {
  for (let turn = 0; turn < 500; turn++) await Promise.resolve();
}

function journal() {
  const lines: string[] = [];
  const clock = manualClock();
  const kept = { recordId: 1n, dropped: 0n };
  const logd = directClient(
    logdV2,
    {
      append({ scope, message, fields }) {
        lines.push(`${scope} ${message} ${fields.trim()}`);
        return { status: "ok", ...kept };
      },
      query: () => ({ status: "unsupported" }),
      stats: () => ({ status: "unsupported" }),
    } as Parameters<typeof directClient<typeof logdV2>>[1],
  );
  return { lines, clock, journal: new BusJournal(logd, clock) };
}

test("BusJournal counts every refusal by its cause and writes who and why", async () => {
  const { lines, journal: bus } = journal();
  bus.refused(new Refusal("record_length"), FROM);
  bus.refused(new Refusal("record_length"), FROM);
  bus.refused(new Refusal("identity_mismatch", "ab"), FROM);
  await settle();
  deepEqual([...bus.counts], [["record_length", 2], ["identity_mismatch", 1]]);
  deepEqual(lines[2], "dsoftbusd refused identity_mismatch claimed=ab\nfrom=10.0.2.2:4000");
});

test("BusJournal writes eight refusals a second and counts the rest", async () => {
  const { lines, clock, journal: bus } = journal();
  for (let times = 0; times < 100; times++) bus.refused(new Refusal("evicted"), FROM);
  await settle();
  deepEqual([lines.length, bus.counts.get("evicted")], [8, 100]);
  clock.advanceMs(1_000);
  bus.session("session established", "cd");
  await settle();
  equal(lines[8], "dsoftbusd session established peer=cd");
});
