import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { choices } from "@tests/fakes/random.ts";
import { test } from "@tests/fakes/test.ts";
import { fakeWires } from "@tests/fakes/wires.ts";
import { Ring, RING_LENGTH, RING_MEMORY_LENGTH } from "./ring.ts";
import { ringReceiver, ringSender } from "./ring_wire.ts";

function ring(): { readonly writer: Ring; readonly reader: Ring; readonly cells: Int32Array } {
  const memory = new SharedArrayBuffer(RING_MEMORY_LENGTH);
  return {
    writer: new Ring(memory),
    reader: new Ring(memory),
    cells: new Int32Array(memory, 0, 4),
  };
}

/** Both halves of a wire with a ring, and what the receiver heard. */
function pair() {
  const wires = fakeWires();
  const [out, into] = wires.pair(RING_MEMORY_LENGTH);
  const heard: unknown[] = [];
  const [near, far] = [wires.open(out), wires.open(into)];
  if (near.ring === undefined || far.ring === undefined) throw new TypeError("no ring");
  const sender = ringSender(near, near.ring);
  const receiver = ringReceiver(far, far.ring);
  receiver.listen((message) => void heard.push(message));
  return { wires, near, sender, heard };
}

test("Ring gives what was written, across its end, as an obvious queue does", () => {
  const { writer, reader } = ring();
  const pick = choices(7);
  const queue: Uint8Array[] = [];
  for (let step = 0; step < 4_000; step++) {
    if (pick(2) === 0) {
      const bytes = new Uint8Array(pick(40_000)).fill(step);
      if (writer.write(1, [bytes.subarray(0, 5), bytes.subarray(5)])) queue.push(bytes);
    } else {
      const record = reader.read();
      const expected = queue.shift();
      if (record === undefined || record === "broken") equal(record, expected);
      else deepEqual(record, { kind: 1, bytes: expected });
    }
  }
});

test("Ring keeps room to announce what comes otherwise, however full it is", () => {
  const { writer, reader } = ring();
  const large = new Uint8Array(RING_LENGTH / 4);
  let count = 0;
  while (writer.write(1, [large])) count += 1;
  equal(count, 3);
  for (let more = 0; more < 512; more++) equal(writer.write(3, []), true);
  for (let left = 0; left < 3; left++) equal(typeof reader.read(), "object");
  deepEqual(reader.read(), { kind: 3, bytes: new Uint8Array(0) });
});

test("Ring tells a writer that is no kernel of ours, and reads nothing outside", () => {
  for (const [written, head] of [[4, 9], [8, 0xffffff], [RING_LENGTH + 4, 0], [-1, 0]] as const) {
    const { reader, cells } = ring();
    const words = new Int32Array(cells.buffer, 16);
    words[0] = head;
    cells[0] = written;
    equal(reader.read(), "broken", `${written} ${head}`);
  }
});

test("Ring's reader is woken once, and sleeps only while there is nothing", () => {
  const { writer, reader } = ring();
  equal(writer.wake(), false);
  equal(reader.sleep(), true);
  writer.write(1, [Uint8Array.of(1)]);
  deepEqual([writer.wake(), writer.wake()], [true, false]);
  equal(reader.sleep(), false);
});

test("a wire with a ring keeps the order of frames, memory and all else", () => {
  const { wires, sender, heard } = pair();
  const memory = (length: number, value: number) => new Uint8Array(length).fill(value).buffer;
  sender.post(Uint8Array.of(1));
  const short = memory(64, 2);
  sender.post({ frames: Uint8Array.of(2), rights: [{ index: 0, memory: short }] }, [short]);
  const long = memory(100_000, 3);
  sender.post({ frames: Uint8Array.of(3), rights: [{ index: 0, memory: long }] }, [long]);
  sender.post(Uint8Array.of(4));
  sender.post(3);
  wires.deliver();
  deepEqual(heard, [
    Uint8Array.of(1),
    { frames: Uint8Array.of(2), rights: [{ index: 0, memory: memory(64, 2) }] },
    { frames: Uint8Array.of(3), rights: [{ index: 0, memory: memory(100_000, 3) }] },
    Uint8Array.of(4),
    3,
  ]);
});

test("a wire with a ring wakes its receiver once for what comes while it sleeps", () => {
  const { wires, sender, heard } = pair();
  for (let count = 0; count < 10; count++) sender.post(Uint8Array.of(count));
  equal(wires.waiting.length, 1);
  wires.deliver();
  equal(heard.length, 10);
  sender.post(Uint8Array.of(10));
  equal(wires.waiting.length, 1);
});

test("a wire with a ring takes nothing over its port that was not announced", () => {
  const { wires, near, heard } = pair();
  near.post("surprise");
  wires.deliver();
  deepEqual(heard, [undefined]);
});
