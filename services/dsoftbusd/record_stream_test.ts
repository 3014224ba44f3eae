import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual, rejects } from "@tests/fakes/assert.ts";
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

test("RecordStream tells a stream that ends between records from one that ends inside one", async () => {
  const clock = manualClock();
  const cut = { name: "Refusal", reason: "record_cut" };
  for (const rest of ["00", "00000002", "0000000243"]) {
    const [near, far] = streamPair(clock);
    const records = new RecordStream(near, clock);
    await far.write(fromHex("0000000142").slice(), 1);
    deepEqual(await records.read(10), { status: "ok", record: Uint8Array.of(0x42) });
    await far.write(fromHex(rest).slice(), 1);
    await far.close();
    await rejects(records.read(10), cut);
  }
  const [asking, leaving] = streamPair(clock);
  const waiting = new RecordStream(asking, clock);
  await leaving.write(fromHex("0000").slice(), 1);
  const late = waiting.read(10);
  clock.advanceNs(10);
  deepEqual(await late, { status: "timed_out" });
  const asked = waiting.exchange(Uint8Array.of(1), 20);
  await leaving.close();
  await rejects(asked, cut);
  const [near, far] = streamPair(clock);
  const records = new RecordStream(near, clock);
  await far.write(fromHex("0000000142").slice(), 1);
  await far.close();
  deepEqual(await records.read(20), { status: "ok", record: Uint8Array.of(0x42) });
  deepEqual(await records.read(20), { status: "closed" });
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

test("RecordStream.exchange sends first, and gives the record that follows or that was there", async () => {
  const clock = manualClock();
  const [near, far] = streamPair(clock);
  const records = new RecordStream(near, clock, fromHex("0000000142"));
  const early = await records.exchange(Uint8Array.of(1), 10);
  deepEqual(early, { status: "ok", record: Uint8Array.of(0x42) });
  deepEqual(near.sent, Uint8Array.of(1));
  const asked = records.exchange(Uint8Array.of(2), 10);
  await far.write(fromHex("0000").slice(), 1);
  await far.write(fromHex("000243").slice(), 1);
  await far.write(fromHex("44").slice(), 1);
  deepEqual(await asked, { status: "ok", record: Uint8Array.of(0x43, 0x44) });
  deepEqual(near.sent, Uint8Array.of(1, 2));
  clock.advanceNs(10);
  deepEqual(await records.exchange(Uint8Array.of(3), 10), { status: "timed_out" });
  deepEqual(near.sent, Uint8Array.of(1, 2));
});
