import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { frameLink, numberedFrame } from "@tests/fakes/frames.ts";
import { bringUp, GuestQueue } from "@tests/fakes/guest_queue.ts";
import { test } from "@tests/fakes/test.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { FRAMES_PER_ROUND_MAX, ROUNDS_PER_TURN_MAX, VirtioNet } from "./net.ts";
import { VirtioMmio } from "./transport.ts";

const BASE = 0x8000_0000;
const DATA = 0x20000;
const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const NEXT = 1;
const WRITE = 2;
const EVENT_IDX = 1 << 29;
const RX = 0;
const TX = 1;

function setUp(options: { readonly mtu?: number; readonly features?: number } = {}) {
  const region = new RamRegion(BASE, 0x80000);
  const link = frameLink(options.mtu ?? 1500);
  const postponed: (() => void)[] = [];
  const raised: number[] = [];
  const device = new VirtioNet(link, MAC);
  const mmio = new VirtioMmio({
    device,
    memory: new GuestMemory([region]),
    irq: (high) => void (high && raised.push(1)),
    later: (work) => void postponed.push(work),
  });
  const rx = new GuestQueue(region, { size: 512, offset: 0 });
  const tx = new GuestQueue(region, { size: 512, offset: 0x8000 });
  bringUp(mmio, { queues: [rx, tx], features: options.features ?? 0 });
  const kick = (queue: number) => mmio.write(0x50, 4, queue);
  return { region, link, device, mmio, rx, tx, kick, postponed, raised };
}

test("VirtioNet's configuration holds address, link state and MTU", () => {
  const { mmio, device } = setUp({ mtu: 65535 });
  deepEqual(Array.from({ length: 6 }, (_, index) => mmio.read(0x100 + index, 1)), [...MAC]);
  equal(mmio.read(0x106, 2), 1);
  equal(mmio.read(0x10a, 2), 65535);
  device.setLinkUp(false);
  equal(mmio.read(0x106, 2), 0);
  equal(mmio.read(0x60, 4), 2);
  equal(mmio.read(0xfc, 4), 1);
});

test("VirtioNet sends a frame however its bytes are cut into buffers", () => {
  const frame = numberedFrame(1, 100);
  for (
    const cuts of [[112], [12, 100], [5, 7, 100], [12, 40, 60], [20, 92], [1, 1, 110], [6, 106]]
  ) {
    const { region, link, tx, kick } = setUp();
    region.bytes.set(frame, DATA + 12);
    let at = DATA;
    cuts.forEach((length, index) => {
      const flags = index === cuts.length - 1 ? 0 : NEXT;
      tx.describe(index, { address: BASE + at, length, flags, next: index + 1 });
      at += length;
    });
    tx.offer(0);
    kick(TX);
    deepEqual(link.sent, [frame]);
    deepEqual(tx.usedEntry(0), { id: 0, length: 0 });
  }
});

test("VirtioNet hands a frame in one piece to the link without copying it", () => {
  for (const [cut, inPlace] of [[112, true], [12, true], [13, false], [6, false]] as const) {
    const { region, link, tx, kick } = setUp();
    const places: boolean[] = [];
    link.transmit = (frame) => void places.push(frame.buffer === region.bytes.buffer);
    tx.describe(0, { address: BASE + DATA, length: cut, flags: cut === 112 ? 0 : NEXT, next: 1 });
    tx.describe(1, { address: BASE + DATA + cut, length: 112 - cut });
    tx.offer(0);
    kick(TX);
    deepEqual(places, [inPlace]);
  }
});

test("VirtioNet makes no new view for a buffer that comes again", () => {
  const { link, tx, kick } = setUp();
  const views = new Set<Uint8Array>();
  link.transmit = (frame) => void views.add(frame);
  tx.describe(0, { address: BASE + DATA, length: 72 });
  tx.offer(0, 0, 0);
  kick(TX);
  equal(views.size, 1);
});

test("VirtioNet follows a head whose descriptor changes from frame to frame", () => {
  const { region, link, rx, tx, kick } = setUp();
  const sent = [[0, 72], [0x1000, 72], [0x1000, 80], [0, 72]] as const;
  for (const [offset, length] of sent) {
    region.bytes.set(numberedFrame(offset + length, length - 12), DATA + offset + 12);
    tx.describe(0, { address: BASE + DATA + offset, length });
    tx.offer(0);
    kick(TX);
    deepEqual(link.sent.pop(), numberedFrame(offset + length, length - 12));
  }
  for (const [offset, length] of [[0x2000, 1526], [0x3000, 1526], [0x3000, 1600]] as const) {
    const frame = numberedFrame(offset, 100);
    rx.describe(0, { address: BASE + DATA + offset, length, flags: WRITE });
    rx.offer(0);
    link.offer(frame);
    deepEqual(region.bytes.slice(DATA + offset + 12, DATA + offset + 112), frame);
  }
});

test("VirtioNet lets the link write into a buffer in one piece that holds any frame", () => {
  for (const [length, inPlace] of [[1526, true], [1525, false]] as const) {
    const { region, link, rx, kick } = setUp();
    const places: boolean[] = [];
    link.receive = (into) => (places.push(into.buffer === region.bytes.buffer), 0);
    rx.describe(0, { address: BASE + DATA, length, flags: WRITE });
    rx.offer(0);
    kick(RX);
    deepEqual(places, [inPlace]);
    equal(rx.usedIndex, 0);
  }
});

test("VirtioNet with a queue that is not live leaves that direction alone", () => {
  const { link, mmio, rx, tx, kick, postponed } = setUp();
  tx.describe(0, { address: BASE + DATA, length: 72 });
  tx.offer(...Array.from({ length: 400 }, () => 0));
  kick(TX);
  const sent = link.sent.length;
  for (const queue of [RX, TX]) {
    mmio.write(0x30, 4, queue);
    mmio.write(0x44, 4, 0);
  }
  for (const work of postponed.splice(0)) work();
  link.offer(numberedFrame(1, 60));
  equal(link.sent.length, sent);
  deepEqual([rx.usedIndex, link.waiting.length], [0, 1]);
});

test("VirtioNet breaks on a request shorter than its header", () => {
  const { link, mmio, tx, kick } = setUp();
  tx.describe(0, { address: BASE + DATA, length: 11 });
  tx.offer(0);
  kick(TX);
  equal(mmio.broken, "too_short");
  deepEqual(link.sent, []);
});

test("VirtioNet drops but completes frames shorter than 14 or longer than mtu + 14", () => {
  for (const [length, sent] of [[13, 0], [14, 1], [1514, 1], [1515, 0], [65550, 0]] as const) {
    const { link, device, tx, kick } = setUp();
    tx.describe(0, { address: BASE + DATA, length: 12 + length });
    tx.offer(0);
    kick(TX);
    equal(link.sent.length, sent);
    equal(device.drops.length, 1 - sent);
    equal(tx.usedIndex, 1);
  }
});

test("VirtioNet drops frames that ask for an offload which was not offered", () => {
  for (const [byte, cut] of [[0, 112], [1, 112], [0, 1], [1, 1]] as const) {
    const { region, link, device, tx, kick } = setUp();
    region.bytes[DATA + byte] = 1;
    tx.describe(0, { address: BASE + DATA, length: cut, flags: cut === 112 ? 0 : NEXT, next: 1 });
    tx.describe(1, { address: BASE + DATA + cut, length: 112 - cut });
    tx.offer(0);
    kick(TX);
    deepEqual([link.sent.length, device.drops.offload, tx.usedIndex], [0, 1, 1]);
  }
});

test("VirtioNet publishes a batch of sent frames with one index and one interrupt", () => {
  const { link, tx, kick, raised } = setUp();
  tx.describe(0, { address: BASE + DATA, length: 72 });
  const seen: number[] = [];
  link.answer = () => seen.push(tx.usedIndex);
  tx.offer(0, 0, 0, 0, 0);
  kick(TX);
  deepEqual(seen, [0, 0, 0, 0, 0]);
  equal(tx.usedIndex, 5);
  equal(raised.length, 1);
});

test("VirtioNet moves a bounded number of frames a turn, and the rest in later ones", () => {
  const { link, tx, kick, postponed } = setUp();
  tx.describe(0, { address: BASE + DATA, length: 72 });
  const turn = FRAMES_PER_ROUND_MAX * ROUNDS_PER_TURN_MAX;
  tx.offer(...Array.from({ length: turn + 100 }, () => 0));
  kick(TX);
  kick(TX);
  kick(RX);
  equal(link.sent.length, turn);
  equal(postponed.length, 1);
  postponed.shift()?.();
  equal(link.sent.length, turn + 100);
});

test("VirtioNet ends a turn also when every frame makes its driver send another one", () => {
  const { link, tx, kick, postponed } = setUp();
  tx.describe(0, { address: BASE + DATA, length: 72 });
  link.answer = () => {
    tx.offer(0);
    kick(TX);
  };
  tx.offer(0);
  kick(TX);
  equal(link.sent.length, FRAMES_PER_ROUND_MAX * ROUNDS_PER_TURN_MAX);
  equal(postponed.length, 1);
});

/** What a guest finds in the buffer at `DATA` after one frame. */
function header(region: RamRegion, at: number): readonly number[] {
  return [...region.bytes.slice(at, at + 12)];
}

const RECEIVED_HEADER = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];

test("VirtioNet receives a frame in place behind a header of 12 bytes", () => {
  const { region, link, rx, kick } = setUp();
  region.bytes.fill(0xee, DATA, DATA + 2000);
  rx.describe(0, { address: BASE + DATA, length: 1526, flags: WRITE });
  rx.offer(0);
  kick(RX);
  equal(rx.usedIndex, 0);
  const frame = numberedFrame(3, 1514);
  link.offer(frame);
  deepEqual(rx.usedEntry(0), { id: 0, length: 1526 });
  deepEqual(header(region, DATA), RECEIVED_HEADER);
  deepEqual(region.bytes.slice(DATA + 12, DATA + 1526), frame);
  equal(region.bytes[DATA + 1526], 0xee);
});

test("VirtioNet receives a frame into buffers cut anyhow", () => {
  for (const cuts of [[12, 1514], [5, 7, 1514], [1, 1525], [20, 20, 1486], [100, 0, 1426]]) {
    const { region, link, rx } = setUp();
    let at = DATA;
    cuts.forEach((length, index) => {
      const flags = index === cuts.length - 1 ? WRITE : WRITE | NEXT;
      rx.describe(index, { address: BASE + at, length, flags, next: index + 1 });
      at += length;
    });
    rx.offer(0);
    const frame = numberedFrame(4, 600);
    link.offer(frame);
    deepEqual(rx.usedEntry(0), { id: 0, length: 612 });
    deepEqual(header(region, DATA), RECEIVED_HEADER);
    deepEqual(region.bytes.slice(DATA + 12, DATA + 612), frame);
  }
});

test("VirtioNet drops a frame that does not fit, keeps the buffer, and goes on", () => {
  const { region, link, device, rx } = setUp();
  rx.describe(0, { address: BASE + DATA, length: 12 + 100, flags: WRITE });
  rx.offer(0);
  const small = numberedFrame(6, 100);
  link.offer(numberedFrame(5, 101), small);
  equal(device.drops.buffer, 1);
  deepEqual(rx.usedEntry(0), { id: 0, length: 112 });
  deepEqual(region.bytes.slice(DATA + 12, DATA + 112), small);
  equal(region.bytes[DATA + 112], 0);
});

test("VirtioNet breaks on a receive buffer without room for the header", () => {
  for (const [length, flags] of [[11, WRITE], [0, WRITE], [1526, 0]] as const) {
    const { mmio, link, rx, kick } = setUp();
    rx.describe(0, { address: BASE + DATA, length, flags });
    rx.offer(0);
    link.waiting.push(numberedFrame(1, 60));
    kick(RX);
    equal(mmio.broken, "too_short");
    equal(link.waiting.length, 1);
  }
});

test("VirtioNet leaves frames in the link until the driver has buffers", () => {
  const { link, rx, kick } = setUp();
  link.offer(numberedFrame(1, 60), numberedFrame(2, 60));
  equal(link.waiting.length, 2);
  rx.describe(0, { address: BASE + DATA, length: 1526, flags: WRITE });
  rx.offer(0);
  kick(RX);
  equal(link.waiting.length, 1);
  equal(rx.usedIndex, 1);
});

test("VirtioNet asks for kicks of the receive queue only while frames lack buffers", () => {
  const { link, rx, kick } = setUp();
  rx.describe(0, { address: BASE + DATA, length: 1526, flags: WRITE });
  rx.offer(0);
  kick(RX);
  equal(rx.usedFlags, 1);
  link.offer(numberedFrame(1, 60), numberedFrame(2, 60));
  equal(rx.usedFlags, 0);
  const evented = setUp({ features: EVENT_IDX });
  evented.rx.describe(0, { address: BASE + DATA, length: 1526, flags: WRITE });
  evented.rx.offer(0, 0);
  evented.link.offer(...[1, 2, 3].map((number) => numberedFrame(number, 60)));
  equal(evented.rx.usedIndex, 2);
  equal(evented.rx.availEvent, 2);
});

test("VirtioNet makes a batch of received frames visible at once, with one interrupt", () => {
  const { link, rx, raised } = setUp();
  rx.describe(0, { address: BASE + DATA, length: 1526, flags: WRITE });
  rx.offer(...Array.from({ length: 30 }, () => 0));
  const seen: number[] = [];
  const { receive } = link;
  link.receive = (into) => {
    seen.push(rx.usedIndex);
    return receive(into);
  };
  link.offer(...Array.from({ length: 30 }, (_, number) => numberedFrame(number, 60)));
  ok(seen.every((index) => index === 0));
  equal(rx.usedIndex, 30);
  equal(raised.length, 1);
});

test("VirtioNet reset with frames on the way writes into memory no more", () => {
  const { region, link, mmio, rx, kick, postponed } = setUp();
  rx.describe(0, { address: BASE + DATA, length: 1526, flags: WRITE });
  rx.offer(...Array.from({ length: 500 }, () => 0));
  link.offer(...Array.from({ length: 400 }, (_, number) => numberedFrame(number, 60)));
  equal(postponed.length, 1);
  mmio.write(0x70, 4, 0);
  const before = region.bytes.slice();
  for (const work of postponed) work();
  link.offer(numberedFrame(1, 60));
  kick(RX);
  deepEqual(region.bytes.slice(), before);
});
