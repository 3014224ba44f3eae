import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { streamPair } from "@tests/fakes/streams.ts";
import { test } from "@tests/fakes/test.ts";
import { RecordStream } from "./record_stream.ts";

test("RecordStream gives up at its deadline although bytes keep coming", async () => {
  const clock = manualClock();
  const [near, far] = streamPair(clock);
  const records = new RecordStream(near, clock);
  await far.write(fromHex("0000").slice(), 1);
  const reading = records.read(10);
  clock.advanceNs(10);
  await far.write(fromHex("0001").slice(), 1);
  deepEqual(await reading, { status: "timed_out" });
});

test("RecordStream asks nothing of the network after a deadline, and hands out what it has", async () => {
  const clock = manualClock();
  const [near] = streamPair(clock);
  clock.advanceNs(20);
  const records = new RecordStream(near, clock, fromHex("0000000142"));
  deepEqual(await records.read(10), { status: "ok", record: Uint8Array.of(0x42) });
  deepEqual(await records.read(10), { status: "timed_out" });
  deepEqual(await records.write(new Uint8Array(1), 10), "timed_out");
  deepEqual(near.sent.length, 0);
});
