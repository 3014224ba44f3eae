import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { GuestQueue } from "@tests/fakes/guest_queue.ts";
import { test } from "@tests/fakes/test.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { QueueError, type QueueErrorCode } from "./chain.ts";
import { INDIRECT_COUNT_MAX, type QueueConfig, SplitQueue } from "./queue.ts";

const BASE = 0x8000_0000;
const LENGTH = 0x20000;
const SIZE = 8;
/** Offset of memory that no ring uses. */
const DATA = 0x10000;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;

interface SetUp {
  readonly size?: number;
  readonly indirect?: boolean;
  readonly eventIndex?: boolean;
}

function setUp(options: SetUp = {}) {
  const region = new RamRegion(BASE, LENGTH);
  const neighbour = new RamRegion(BASE + LENGTH, 0x1000);
  const guest = new GuestQueue(region, { size: options.size ?? SIZE, offset: 0 });
  const queue = new SplitQueue(config(new GuestMemory([region, neighbour]), guest, options));
  return { region, guest, queue };
}

function config(memory: GuestMemory, guest: GuestQueue, options: SetUp = {}): QueueConfig {
  return {
    memory,
    size: guest.size,
    sizeMax: 1024,
    descriptors: { low: BASE + guest.table, high: 0 },
    available: { low: BASE + guest.available, high: 0 },
    used: { low: BASE + guest.used, high: 0 },
    eventIndex: options.eventIndex ?? false,
    indirect: options.indirect ?? true,
  };
}

function breaks(work: () => void, code: QueueErrorCode): void {
  throws(work, (error: unknown) => error instanceof QueueError && error.code === code);
}

test("SplitQueue hands on a chain's parts in order, stale `next` ignored", () => {
  const { region, guest, queue } = setUp();
  guest.describe(3, { address: BASE + DATA, length: 4, flags: NEXT, next: 1 });
  guest.describe(1, { address: BASE + DATA + 4, length: 2, flags: NEXT, next: 2 });
  guest.describe(2, { address: BASE + DATA + 16, length: 8, flags: WRITE, next: 0xffff });
  guest.offer(3);
  region.bytes.set([1, 2, 3, 4, 5, 6], DATA);
  const chain = queue.pop();
  ok(chain !== undefined);
  deepEqual([chain.head, chain.count, chain.readableCount], [3, 3, 2]);
  deepEqual([chain.readableLength, chain.writableLength], [6, 8]);
  const gathered = new Uint8Array(4);
  equal(chain.gather(gathered, 1), 4);
  deepEqual(gathered, Uint8Array.of(2, 3, 4, 5));
  equal(chain.scatter(Uint8Array.of(9, 8, 7), 6), 2);
  deepEqual(region.bytes.slice(DATA + 16, DATA + 25), Uint8Array.of(0, 0, 0, 0, 0, 0, 9, 8, 0));
  equal(queue.pop(), undefined);
});

test("SplitQueue refuses a size that is no power of two, 0, or above the maximum", () => {
  const { guest } = setUp();
  const memory = new GuestMemory([new RamRegion(BASE, LENGTH)]);
  for (const size of [0, 3, 7, 2048, 0xffffffff]) {
    breaks(() => new SplitQueue({ ...config(memory, guest), size }), "bad_size");
  }
});

test("SplitQueue refuses areas that are not aligned 16, 2 and 4", () => {
  const { guest } = setUp();
  const memory = new GuestMemory([new RamRegion(BASE, LENGTH)]);
  const good = config(memory, guest);
  const moved = (area: { low: number; high: number }, by: number) => ({
    low: area.low + by,
    high: area.high,
  });
  for (const by of [1, 4, 8]) {
    const descriptors = moved(good.descriptors, by);
    breaks(() => new SplitQueue({ ...good, descriptors }), "misaligned");
  }
  const available = moved(good.available, 1);
  breaks(() => new SplitQueue({ ...good, available }), "misaligned");
  const used = moved(good.used, 2);
  breaks(() => new SplitQueue({ ...good, used }), "misaligned");
  ok(new SplitQueue({ ...good, available: moved(good.available, 2), used: moved(good.used, 4) }));
});

test("SplitQueue refuses an area that does not lie wholly in one region", () => {
  const { guest } = setUp();
  const both = [new RamRegion(BASE, LENGTH), new RamRegion(BASE + LENGTH, 0x1000)];
  const good = config(new GuestMemory(both), guest);
  const outside = [
    { low: BASE + LENGTH - 16, high: 0 },
    { low: BASE - 16, high: 0 },
    { low: 0xffff_fff0, high: 0xffff_ffff },
    { low: BASE, high: 1 },
    { low: 0x1000_7000, high: 0 },
  ];
  for (const area of outside) {
    breaks(() => new SplitQueue({ ...good, descriptors: area }), "outside_memory");
    breaks(() => new SplitQueue({ ...good, available: area }), "outside_memory");
    breaks(() => new SplitQueue({ ...good, used: area }), "outside_memory");
  }
});

test("SplitQueue breaks when available.idx runs more than a ring ahead", () => {
  const { guest, queue } = setUp();
  guest.setIndex(SIZE + 1);
  breaks(() => queue.pop(), "index_jump");
  guest.setIndex(0xffff);
  breaks(() => queue.pop(), "index_jump");
});

test("SplitQueue takes a full ring, and goes on across the index's wrap", () => {
  const { guest, queue } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 1 });
  let taken = 0;
  for (let round = 0; round < 65536 / SIZE + 2; round++) {
    guest.offer(...Array.from({ length: SIZE }, () => 0));
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      queue.complete(chain.head, 0);
      taken++;
    }
    queue.publish();
  }
  equal(taken, 65536 + 2 * SIZE);
  equal(guest.usedIndex, 2 * SIZE);
});

test("SplitQueue breaks on a head outside the table", () => {
  const { guest, queue } = setUp();
  guest.offer(SIZE);
  breaks(() => queue.pop(), "head_out_of_range");
});

test("SplitQueue breaks on a `next` outside the table", () => {
  const { guest, queue } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 1, flags: NEXT, next: SIZE });
  guest.offer(0);
  breaks(() => queue.pop(), "next_out_of_range");
});

test("SplitQueue breaks on a loop, also one of empty buffers", () => {
  for (const length of [0, 1]) {
    const { guest, queue } = setUp();
    guest.describe(0, { address: BASE + DATA, length, flags: NEXT, next: 1 });
    guest.describe(1, { address: BASE + DATA, length, flags: NEXT, next: 0 });
    guest.offer(0);
    breaks(() => queue.pop(), "chain_too_long");
  }
});

test("SplitQueue takes a chain as long as the table", () => {
  const { guest, queue } = setUp();
  for (let index = 0; index < SIZE; index++) {
    const flags = index === SIZE - 1 ? 0 : NEXT;
    guest.describe(index, { address: BASE + DATA, length: 1, flags, next: index + 1 });
  }
  guest.offer(0);
  equal(queue.pop()?.count, SIZE);
});

test("SplitQueue breaks on a loop in an indirect table", () => {
  const { guest, queue } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 32, flags: INDIRECT });
  guest.describe(0, { address: BASE, length: 1, flags: NEXT, next: 1 }, DATA);
  guest.describe(1, { address: BASE, length: 1, flags: NEXT, next: 0 }, DATA);
  guest.offer(0);
  breaks(() => queue.pop(), "chain_too_long");
});

test("SplitQueue uses no more of an indirect table than its bound", () => {
  const { guest, queue } = setUp();
  const count = INDIRECT_COUNT_MAX + 1;
  guest.describe(0, { address: BASE + DATA, length: 16 * count, flags: INDIRECT });
  for (let index = 0; index < count; index++) {
    const flags = index === count - 1 ? 0 : NEXT;
    guest.describe(index, { address: BASE, length: 1, flags, next: index + 1 }, DATA);
  }
  guest.offer(0);
  breaks(() => queue.pop(), "next_out_of_range");
});

test("SplitQueue breaks when a chain's lengths pass 2^32 - 1", () => {
  const region = new RamRegion(BASE, 2 ** 20);
  const guest = new GuestQueue(region, { size: 8192, offset: 0 });
  const queue = new SplitQueue({
    ...config(new GuestMemory([region]), guest),
    sizeMax: 8192,
  });
  for (let index = 0; index < 8192; index++) {
    guest.describe(index, { address: BASE, length: 2 ** 20, flags: NEXT, next: index + 1 });
  }
  guest.offer(0);
  breaks(() => queue.pop(), "length_overflow");
});

test("SplitQueue breaks on a buffer outside RAM, wrapping, or crossing a region's end", () => {
  const lies = [
    { address: BASE - 1, length: 2 },
    { address: BASE + LENGTH - 1, length: 2 },
    { address: BASE + LENGTH + 0xfff, length: 2 },
    { address: 0xffff_ffff_ffff_ffffn, length: 2 },
    { address: 0x1_8000_0000n, length: 1 },
    { address: 0x8000_0000_8000_0000n, length: 1 },
    { address: 0x1000_7050, length: 4 },
    { address: BASE, length: 0xffff_ffff },
  ];
  for (const lie of lies) {
    const { guest, queue } = setUp();
    guest.describe(0, { ...lie, flags: WRITE });
    guest.offer(0);
    breaks(() => queue.pop(), "outside_memory");
  }
});

test("SplitQueue takes an empty buffer as no part at all", () => {
  const { guest, queue } = setUp();
  guest.describe(0, { address: 0xffff_ffff_ffff_ffffn, length: 0, flags: NEXT, next: 1 });
  guest.describe(1, { address: BASE + DATA, length: 5, flags: WRITE });
  guest.offer(0);
  const chain = queue.pop();
  deepEqual([chain?.count, chain?.readableCount, chain?.writableLength], [1, 0, 5]);
});

test("SplitQueue breaks on a readable buffer behind a writable one", () => {
  for (const length of [0, 4]) {
    const { guest, queue } = setUp();
    guest.describe(0, { address: BASE + DATA, length, flags: WRITE | NEXT, next: 1 });
    guest.describe(1, { address: BASE + DATA, length: 4 });
    guest.offer(0);
    breaks(() => queue.pop(), "readable_after_writable");
  }
});

test("SplitQueue follows an indirect table behind direct buffers, WRITE on it ignored", () => {
  const { guest, queue } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 3, flags: NEXT, next: 1 });
  guest.describe(1, { address: BASE + DATA + 8, length: 32, flags: INDIRECT | WRITE });
  guest.describe(0, { address: BASE, length: 5, flags: NEXT, next: 1 }, DATA + 8);
  guest.describe(1, { address: BASE, length: 7, flags: WRITE }, DATA + 8);
  guest.offer(0);
  const chain = queue.pop();
  deepEqual([chain?.count, chain?.readableLength, chain?.writableLength], [3, 8, 7]);
});

test("SplitQueue breaks on an indirect buffer that was not negotiated", () => {
  const { guest, queue } = setUp({ indirect: false });
  guest.describe(0, { address: BASE + DATA, length: 16, flags: INDIRECT });
  guest.offer(0);
  breaks(() => queue.pop(), "indirect_not_negotiated");
});

test("SplitQueue breaks on an indirect table inside one, with NEXT, or of a wrong length", () => {
  const cases = [
    { flags: INDIRECT | NEXT, length: 16, code: "indirect_with_next" },
    { flags: INDIRECT, length: 0, code: "indirect_bad_length" },
    { flags: INDIRECT, length: 24, code: "indirect_bad_length" },
    { flags: INDIRECT, length: 0xffff_fff0, code: "outside_memory" },
    { flags: INDIRECT, length: 16, code: "indirect_nested" },
  ] as const;
  for (const { flags, length, code } of cases) {
    const { guest, queue } = setUp();
    guest.describe(0, { address: BASE + DATA, length, flags, next: 1 });
    guest.describe(0, { address: BASE + DATA, length: 16, flags: INDIRECT }, DATA);
    guest.offer(0);
    breaks(() => queue.pop(), code);
  }
});

test("SplitQueue looks at a descriptor once: changes after pop change nothing", () => {
  const { region, guest, queue } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 4, flags: WRITE });
  guest.offer(0);
  const chain = queue.pop();
  guest.describe(0, { address: BASE + DATA + 0x100, length: 4096, flags: 0 });
  equal(chain?.scatter(new Uint8Array(64).fill(7)), 4);
  equal(region.bytes.indexOf(7), DATA);
  equal(region.bytes.lastIndexOf(7), DATA + 3);
});

test("SplitQueue shows used buffers only when published, all at once", () => {
  const { guest, queue } = setUp();
  guest.describe(5, { address: BASE + DATA, length: 4, flags: WRITE });
  guest.offer(5, 5, 5);
  for (const written of [1, 2, 3]) {
    queue.pop();
    queue.complete(5, written);
  }
  equal(guest.usedIndex, 0);
  equal(queue.publish(), true);
  equal(guest.usedIndex, 3);
  deepEqual([0, 1, 2].map((index) => guest.usedEntry(index)), [
    { id: 5, length: 1 },
    { id: 5, length: 2 },
    { id: 5, length: 3 },
  ]);
  equal(queue.publish(), false);
});

test("SplitQueue interrupts unless available.flags says no; used_event means nothing then", () => {
  const { guest, queue } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 1 });
  guest.setUsedEvent(100);
  const use = () => {
    guest.offer(0);
    queue.pop();
    queue.complete(0, 0);
    return queue.publish();
  };
  equal(use(), true);
  guest.setFlags(1);
  equal(use(), false);
  guest.setFlags(0);
  equal(use(), true);
});

test("SplitQueue with EVENT_IDX interrupts when used_event is passed; flags mean nothing", () => {
  const { guest, queue } = setUp({ eventIndex: true });
  guest.describe(0, { address: BASE + DATA, length: 1 });
  guest.setFlags(1);
  guest.setUsedEvent(2);
  const use = (count: number) => {
    for (let n = 0; n < count; n++) {
      guest.offer(0);
      queue.pop();
      queue.complete(0, 0);
    }
    return queue.publish();
  };
  deepEqual([use(1), use(1), use(1), use(1)], [false, false, true, false]);
  guest.setUsedEvent(6);
  deepEqual([use(2), use(3)], [false, true]);
});

test("SplitQueue.wantKick names the next index, and tells of a buffer that came meanwhile", () => {
  const { guest, queue } = setUp({ eventIndex: true });
  guest.describe(0, { address: BASE + DATA, length: 1 });
  guest.offer(0, 0);
  queue.pop();
  equal(queue.wantKick(), true);
  queue.pop();
  equal(queue.wantKick(), false);
  equal(guest.availEvent, 2);
  queue.muteKick();
  equal(guest.usedFlags, 0);
});

test("SplitQueue without EVENT_IDX asks for no kicks through used.flags", () => {
  const { guest, queue } = setUp();
  queue.muteKick();
  equal(guest.usedFlags, 1);
  equal(queue.wantKick(), false);
  equal(guest.usedFlags, 0);
});

test("SplitQueue writes nothing after it was stopped", () => {
  const { region, guest, queue } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 1, flags: WRITE });
  guest.offer(0, 0);
  queue.pop();
  queue.stop();
  const before = region.bytes.slice();
  queue.complete(0, 1);
  queue.muteKick();
  equal(queue.publish(), false);
  equal(queue.wantKick(), false);
  equal(queue.pop(), undefined);
  deepEqual(region.bytes.slice(), before);
});
