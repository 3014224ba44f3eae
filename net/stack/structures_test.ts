import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { dice, testAddress } from "@tests/fakes/link.ts";
import { test } from "@tests/fakes/test.ts";
import { BufferPool, POOLED_COUNT_MAX, POOLED_SIZE } from "./buffer_pool.ts";
import { ConnectionTable, type Joined } from "./connection_table.ts";
import { Deadlines } from "./deadlines.ts";
import { PacketQueue } from "./packet_queue.ts";
import { Reassembly } from "./reassembly.ts";
import { ByteRing } from "./ring.ts";
import { advanced, distance } from "./sequence.ts";
import type { TcpConnection } from "./tcp_connection.ts";
import { TurnQueue } from "./turn_queue.ts";

/** An entry of the table, and nothing else. */
interface Pair extends Joined<Pair> {
  readonly kind: "pair";
}

test("ByteRing equals an array through random writes, consumes and growth", () => {
  const numbers = dice(3);
  const ring = new ByteRing(16384, new BufferPool());
  let twin: number[] = [];
  for (let round = 0; round < 400; round++) {
    const bytes = numbers.fill(new Uint8Array(numbers.below(3000)));
    const count = ring.write(bytes);
    equal(count, Math.min(bytes.length, 16384 - twin.length));
    twin.push(...bytes.subarray(0, count));
    const offset = numbers.below(twin.length + 1);
    const piece = new Uint8Array(numbers.below(twin.length - offset + 1));
    ring.copy(offset, piece, 0, piece.length);
    deepEqual([...piece], twin.slice(offset, offset + piece.length));
    const gone = numbers.below(twin.length + 1);
    ring.consume(gone);
    twin = twin.slice(gone);
    deepEqual([...ring.peek()], twin.slice(0, ring.peek().length));
    equal(ring.length, twin.length);
  }
});

test("ByteRing keeps bytes placed ahead through growth, until they join", () => {
  const ring = new ByteRing(65536, new BufferPool());
  ring.write(new Uint8Array(3000).fill(1));
  ring.consume(2500);
  ring.place(2000, new Uint8Array(100).fill(3), 0, 100);
  ring.place(100, new Uint8Array(1900).fill(2), 0, 1900);
  ring.place(40_000, new Uint8Array(10).fill(4), 0, 10);
  ring.place(0, new Uint8Array(100).fill(1), 0, 100);
  ring.extend(2100);
  const all = new Uint8Array(2600);
  ring.copy(0, all, 0, 2600);
  deepEqual([all[0], all[599], all[600], all[2499], all[2500], all[2599]], [1, 1, 2, 2, 3, 3]);
});

test("ByteRing does not place or copy outside its bounds", () => {
  const ring = new ByteRing(4096, new BufferPool());
  throws(() => ring.place(4000, new Uint8Array(97), 0, 97));
  throws(() => ring.copy(0, new Uint8Array(1), 0, 1));
  throws(() => ring.consume(1));
  throws(() => new ByteRing(3000, new BufferPool()));
  throws(() => new ByteRing(512, new BufferPool()));
});

test("ByteRing gives its first buffer back, when it grows and when it is let go of", () => {
  const pool = new BufferPool();
  const first = new ByteRing(4096, pool);
  first.write(new Uint8Array(POOLED_SIZE));
  equal(pool.count, 0);
  first.write(new Uint8Array(1));
  equal(pool.count, 1);
  first.release();
  equal(pool.count, 1, "a buffer that has grown is not the pool's");
  const second = new ByteRing(4096, pool);
  second.write(new Uint8Array(1));
  equal(pool.count, 0);
  second.release();
  second.release();
  equal(pool.count, 1);
});

test("BufferPool hands on no bytes of one ring to the next, and keeps a bounded number", () => {
  const pool = new BufferPool();
  const ring = new ByteRing(4096, pool);
  ring.write(new Uint8Array(POOLED_SIZE).fill(0x5e));
  ring.release();
  equal(pool.count, 1);
  equal(pool.take().every((byte) => byte === 0), true);
  const buffers = Array.from({ length: POOLED_COUNT_MAX + 5 }, () => pool.take());
  for (const buffer of buffers) pool.give(buffer);
  equal(pool.count, POOLED_COUNT_MAX);
  throws(() => pool.give(new Uint8Array(1)));
});

test("Reassembly equals a set of offsets", () => {
  for (let seed = 0; seed < 40; seed++) {
    const numbers = dice(seed);
    const gaps = new Reassembly(1000);
    let twin = new Set<number>();
    for (let round = 0; round < 60; round++) {
      if (numbers.happens(0.7)) {
        const start = 1 + numbers.below(80);
        const end = start + 1 + numbers.below(10);
        gaps.add(start, end);
        for (let offset = start; offset < end; offset++) twin.add(offset);
      } else {
        const count = 1 + numbers.below(6);
        let reached = count;
        while (twin.has(reached)) reached++;
        equal(gaps.advance(count), reached - count);
        twin = new Set([...twin].filter((at) => at >= reached).map((at) => at - reached));
      }
      equal(gaps.empty, twin.size === 0);
    }
  }
});

test("Reassembly keeps no more runs than its bound, but joins still work", () => {
  const gaps = new Reassembly(2);
  equal(gaps.add(10, 11), true);
  equal(gaps.add(20, 21), true);
  equal(gaps.add(30, 31), false);
  equal(gaps.add(11, 20), true);
  equal(gaps.add(30, 31), true);
  equal(gaps.advance(10), 11);
});

test("ConnectionTable equals a map through growth and removals", () => {
  const numbers = dice(5);
  const table = new ConnectionTable<Pair>(9);
  const twin = new Map<number, Pair>();
  const local = { address: testAddress(1), port: 80 };
  const remote = (port: number) => ({ address: testAddress(2), port });
  for (let round = 0; round < 4000; round++) {
    const port = 1 + numbers.below(900);
    const known = twin.get(port);
    equal(table.find(local, remote(port)), known);
    if (known !== undefined && numbers.happens(0.4)) {
      table.remove(known);
      table.remove(known);
      twin.delete(port);
    } else if (known === undefined) {
      const made: Pair = { kind: "pair", local, remote: remote(port), hashNext: undefined };
      table.add(made);
      twin.set(port, made);
    }
    equal(table.count, twin.size);
  }
  for (const pair of twin.values()) equal(table.find(pair.local, pair.remote), pair);
  equal(twin.size > 300, true, "the table has grown");
});

test("Deadlines equals a sort, with deadlines that move both ways", () => {
  const numbers = dice(8);
  const items = Array.from({ length: 60 }, () => ({
    deadlineMs: Infinity,
    queueIndex: -1,
    queuedMs: 0,
  }));
  const queue = new Deadlines<typeof items[number]>();
  for (let round = 0; round < 3000; round++) {
    const item = items[numbers.below(items.length)];
    if (item === undefined) continue;
    item.deadlineMs = numbers.happens(0.2) ? Infinity : numbers.below(1000);
    if (numbers.happens(0.1)) queue.remove(item);
    else queue.update(item);
    const queued = items.filter((other) => other.queueIndex >= 0);
    const earliest = Math.min(...queued.map((other) => other.deadlineMs));
    equal(queue.next() ?? Infinity, earliest);
  }
  let lastMs = -1;
  for (let item = queue.take(2000); item !== undefined; item = queue.take(2000)) {
    equal(item.deadlineMs >= lastMs, true);
    lastMs = item.deadlineMs;
  }
  equal(queue.size, 0);
});

test("PacketQueue gives packets back in order and whole, and stays in its bounds", () => {
  const numbers = dice(4);
  const queue = new PacketQueue({ sizeMax: 1000, countMax: 7 });
  const twin: number[][] = [];
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    if (numbers.happens(0.55)) {
      const bytes = numbers.fill(new Uint8Array(1 + numbers.below(400)));
      const room = queue.push(bytes.length, bytes.length);
      if (room === undefined) {
        refused++;
        continue;
      }
      room.set(bytes);
      twin.push([...bytes]);
    } else if (twin.length > 0) {
      const front = queue.front();
      deepEqual([...(front?.bytes ?? [])], twin[0]);
      equal(front?.nextHop, twin[0]?.length);
      queue.shift();
      twin.shift();
    }
    equal(queue.count, twin.length);
    equal(twin.length <= 7, true);
  }
  equal(refused > 0, true);
});

test("TurnQueue gives turns in order, to each once however often it asks", () => {
  const queue = new TurnQueue();
  const waiting = () => ({ readyQueued: false, readyNext: undefined }) as unknown as TcpConnection;
  const [first, second, third] = [waiting(), waiting(), waiting()];
  equal(queue.take(), undefined);
  for (const connection of [first, second, first, third, second]) queue.add(connection);
  equal(queue.take(), first);
  queue.add(first);
  equal([second, third, first].every((connection) => queue.take() === connection), true);
  deepEqual([queue.take(), queue.empty], [undefined, true]);
  queue.add(second);
  deepEqual([queue.empty, queue.take() === second, queue.empty], [false, true, true]);
});

test("sequence numbers wrap", () => {
  equal(distance(0xffff_fff0 | 0, 0x10), 0x20);
  equal(distance(0x10, 0xffff_fff0 | 0), -0x20);
  equal(advanced(0x7fff_ffff, 1), -0x8000_0000);
});
