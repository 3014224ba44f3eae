import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { WRITE_BYTES_MAX, WriteQueue } from "./write_queue.ts";

function recorded(started = true) {
  const writes: number[][] = [];
  const queue = new WriteQueue((bytes) => writes.push([...bytes]), started);
  return { writes, queue };
}

test("WriteQueue sends the first at once and what follows together", () => {
  const { writes, queue } = recorded();
  queue.push(Uint8Array.of(1));
  queue.push(Uint8Array.of(2, 3));
  queue.push(Uint8Array.of(4));
  deepEqual(writes, [[1]]);
  queue.finished();
  deepEqual(writes, [[1], [2, 3, 4]]);
  ok(!queue.empty);
  queue.finished();
  ok(queue.empty);
});

test("WriteQueue leaves a write under way untouched", () => {
  let underWay: Uint8Array = new Uint8Array(0);
  const queue = new WriteQueue((bytes) => underWay = bytes, true);
  queue.push(Uint8Array.of(1, 2));
  const first = underWay;
  queue.push(Uint8Array.of(3, 4));
  deepEqual([...first], [1, 2]);
  queue.finished();
  const second = underWay;
  queue.push(Uint8Array.of(5, 6));
  deepEqual([...second], [3, 4]);
});

test("WriteQueue leaves its buffers to others once the host has read them, and no sooner", () => {
  const written: Uint8Array[] = [];
  const queues = [1, 2, 3].map(() => new WriteQueue((bytes) => written.push(bytes), true));
  const [first, second, third] = queues;
  first?.push(Uint8Array.of(1));
  second?.push(Uint8Array.of(2));
  first?.clear();
  second?.finished();
  third?.push(Uint8Array.of(3));
  const [one, two, three] = written.map((bytes) => bytes.buffer);
  ok(one !== two && one !== three, "a write under way shares its buffer");
  equal(two, three);
});

test("WriteQueue keeps the order of what waits while its buffer grows", () => {
  const { writes, queue } = recorded();
  const sent = Array.from({ length: 100 }, (_, index) => new Uint8Array(97).fill(index));
  for (const bytes of sent) queue.push(bytes);
  queue.finished();
  for (const bytes of sent) queue.push(bytes);
  queue.finished();
  queue.finished();
  deepEqual(writes.flat(), [...sent, ...sent].flatMap((bytes) => [...bytes]));
});

test("WriteQueue takes a bounded amount behind a write", () => {
  const { queue } = recorded();
  queue.push(Uint8Array.of(1));
  equal(queue.push(new Uint8Array(WRITE_BYTES_MAX - 10)), WRITE_BYTES_MAX - 10);
  equal(queue.push(new Uint8Array(100)), 10);
  equal(queue.push(new Uint8Array(1)), 0);
});

test("WriteQueue holds everything until it is started", () => {
  const { writes, queue } = recorded(false);
  queue.push(Uint8Array.of(1));
  queue.push(Uint8Array.of(2));
  deepEqual(writes, []);
  queue.start();
  deepEqual(writes, [[1, 2]]);
});
