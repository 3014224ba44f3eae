import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { bringUp, GuestQueue } from "@tests/fakes/guest_queue.ts";
import { test } from "@tests/fakes/test.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { ENTROPY_PER_REQUEST_MAX, REQUESTS_PER_TURN_MAX, VirtioRng } from "./rng.ts";
import { VirtioMmio } from "./transport.ts";

const BASE = 0x8000_0000;
const DATA = 0x8000;
const NEXT = 1;
const WRITE = 2;

/** @param give How many bytes the source gives of those it is asked for. */
function setUp(give: (wanted: number) => number = (wanted) => wanted) {
  const region = new RamRegion(BASE, 0x40000);
  const postponed: (() => void)[] = [];
  const asked: number[] = [];
  const interrupts: boolean[] = [];
  const source = {
    fill(bytes: Uint8Array) {
      asked.push(bytes.length);
      const given = Math.min(bytes.length, give(bytes.length));
      bytes.fill(0xa5, 0, given);
      return given;
    },
  };
  const mmio = new VirtioMmio({
    device: new VirtioRng(source),
    memory: new GuestMemory([region]),
    irq: (high) => void interrupts.push(high),
    later: (work) => void postponed.push(work),
  });
  const guest = new GuestQueue(region, { size: 64, offset: 0 });
  bringUp(mmio, { queues: [guest] });
  const kick = () => mmio.write(0x50, 4, 0);
  return { region, guest, mmio, kick, asked, postponed, interrupts };
}

test("VirtioRng fills a buffer and says how much it wrote", () => {
  const { region, guest, kick } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 10, flags: WRITE });
  guest.offer(0);
  kick();
  deepEqual(guest.usedEntry(0), { id: 0, length: 10 });
  equal(region.bytes.indexOf(0xa5), DATA);
  equal(region.bytes.lastIndexOf(0xa5), DATA + 9);
});

test("VirtioRng says no more than the source gave", () => {
  const { region, guest, kick } = setUp(() => 3);
  guest.describe(0, { address: BASE + DATA, length: 10, flags: WRITE });
  guest.offer(0);
  kick();
  deepEqual(guest.usedEntry(0), { id: 0, length: 3 });
  equal(region.bytes[DATA + 3], 0);
});

test("VirtioRng leaves a buffer in the ring while the source gives nothing", () => {
  let alive = false;
  const { guest, kick, interrupts } = setUp((wanted) => alive ? wanted : 0);
  guest.describe(0, { address: BASE + DATA, length: 10, flags: WRITE });
  guest.offer(0);
  kick();
  kick();
  equal(guest.usedIndex, 0);
  equal(interrupts.includes(true), false);
  alive = true;
  kick();
  deepEqual(guest.usedEntry(0), { id: 0, length: 10 });
});

test("VirtioRng ignores readable parts and fills the writable ones", () => {
  const { region, guest, kick } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 4, flags: NEXT, next: 1 });
  guest.describe(1, { address: BASE + DATA + 8, length: 2, flags: NEXT | WRITE, next: 2 });
  guest.describe(2, { address: BASE + DATA + 16, length: 3, flags: WRITE });
  guest.offer(0);
  kick();
  deepEqual(guest.usedEntry(0), { id: 0, length: 5 });
  const written = [...region.bytes.slice(DATA, DATA + 20)].flatMap((byte, at) => byte ? [at] : []);
  deepEqual(written, [8, 9, 16, 17, 18]);
});

test("VirtioRng breaks on a request that it cannot put a byte into", () => {
  for (const flags of [0, WRITE]) {
    const { guest, mmio, kick, asked } = setUp();
    guest.describe(0, { address: BASE + DATA, length: flags === WRITE ? 0 : 8, flags });
    guest.offer(0);
    kick();
    equal(mmio.broken, "too_short");
    deepEqual(asked, []);
    equal(guest.usedIndex, 0);
  }
});

test("VirtioRng asks its source for at most 64 KiB a request, however often buffers overlap", () => {
  const { guest, kick, asked } = setUp();
  for (let index = 0; index < 64; index++) {
    const flags = index === 63 ? WRITE : WRITE | NEXT;
    guest.describe(index, { address: BASE + DATA, length: 0x8000, flags, next: index + 1 });
  }
  guest.offer(0);
  kick();
  deepEqual(asked, [ENTROPY_PER_REQUEST_MAX]);
  equal(guest.usedEntry(0).length, ENTROPY_PER_REQUEST_MAX);
});

test("VirtioRng serves a bounded number of requests a turn, and the rest in later ones", () => {
  const { guest, kick, postponed, asked } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 1, flags: WRITE });
  guest.offer(...Array.from({ length: 40 }, () => 0));
  kick();
  kick();
  kick();
  equal(guest.usedIndex, REQUESTS_PER_TURN_MAX);
  equal(postponed.length, 1);
  for (let work = postponed.shift(); work !== undefined; work = postponed.shift()) work();
  equal(guest.usedIndex, 40);
  equal(asked.length, 40);
});

test("VirtioRng reset in the middle of a long turn serves nothing of it", () => {
  const { region, guest, mmio, kick, postponed } = setUp();
  guest.describe(0, { address: BASE + DATA, length: 1, flags: WRITE });
  guest.offer(...Array.from({ length: 40 }, () => 0));
  kick();
  mmio.write(0x70, 4, 0);
  const before = region.bytes.slice();
  for (const work of postponed) work();
  deepEqual(region.bytes.slice(), before);
  const again = new GuestQueue(region, { size: 64, offset: 0x4000 });
  bringUp(mmio, { queues: [again] });
  again.describe(0, { address: BASE + DATA, length: 2, flags: WRITE });
  again.offer(0);
  kick();
  deepEqual(again.usedEntry(0), { id: 0, length: 2 });
});
