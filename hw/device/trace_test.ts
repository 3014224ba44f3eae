/**
 * Recordings of real guests on QEMU, replayed register by register: what a guest wrote goes in, and
 * what it read must come out. What this machine has differently, on purpose, is in `DIFFERS`.
 *
 * The recordings hold registers, not memory: at each kick the buffers that QEMU then took are laid
 * out anew, where the guest's rings were.
 */

import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { fakeDisk } from "@tests/fakes/disk.ts";
import { frameLink, numberedFrame } from "@tests/fakes/frames.ts";
import { GuestQueue } from "@tests/fakes/guest_queue.ts";
import { settle } from "@tests/fakes/settle.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { test } from "@tests/fakes/test.ts";
import { Plic } from "../bus/irq.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { VirtioBlk } from "./blk.ts";
import { VirtioNet } from "./net.ts";
import { VirtioRng } from "./rng.ts";
import { VirtioMmio } from "./transport.ts";

const RAM = 0x8000_0000;
const DATA = 0x10_0000;
const ENTROPY = 0x20_0000;
const SECTORS = 0x30_0000;
const CLAIM = 0x201004;
const NEXT = 1;
const WRITE = 2;
/** The card's control queue, which this machine does not have. */
const CONTROL = 2;
/** The slot of virtio-blk. */
const BLK = 2;
/** Sources of the devices that are replayed: slots 0 to 2. */
const REPLAYED = [0, 1, 2, 3];

/** Registers whose recorded value is QEMU's own: vendor and the features it offers. */
const DIFFERS = new Set([0x00c, 0x010]);
/** And, of virtio-blk: seg_max, writeback (not offered), max_write_zeroes_sectors. */
const BLK_DIFFERS = new Set([0x10c, 0x120, 0x130]);

interface Access {
  readonly slot: number;
  readonly write: boolean;
  readonly offset: number;
  readonly value: number;
  readonly width: 1 | 2 | 4;
  /** QEMU's remarks behind a kick. */
  readonly remarks: readonly string[];
}

const PLIC_SLOT = -1;
const LINE = /^(slot[012]|plic) +([RW]) \+?0x([0-9a-f]+) .*?(?:->|<-) 0x([0-9a-f]+) \(([124])B\)/;

function parse(text: string): readonly Access[] {
  const accesses: Access[] = [];
  let remarks: string[] = [];
  for (const line of text.split("\n")) {
    const [, device, direction, offset, value, width] = LINE.exec(line) ?? [];
    if (device === undefined || offset === undefined || value === undefined) {
      if (line.startsWith("    #")) remarks.push(line.slice(6));
      continue;
    }
    remarks = [];
    accesses.push({
      slot: device === "plic" ? PLIC_SLOT : Number(device.slice(4)),
      write: direction === "W",
      offset: Number.parseInt(offset, 16),
      value: Number.parseInt(value, 16),
      width: width === "1" ? 1 : width === "2" ? 2 : 4,
      remarks,
    });
  }
  return accesses;
}

/** A guest that does what it did before. */
class Replay {
  readonly region = new RamRegion(RAM, 2 ** 28);
  readonly link = frameLink(1500);
  readonly plic = new Plic();
  readonly slots: readonly VirtioMmio[];
  compared = 0;
  readonly used: number[] = [];
  readonly #registers = [0, 1, 2].map(() => new Map<number, number>());
  readonly #queues = new Map<string, GuestQueue>();
  /** Frames that QEMU's network answered at the kick in hand: lengths. */
  #answers: number[] = [];

  constructor() {
    const source = { fill: (bytes: Uint8Array) => bytes.fill(0x77).length };
    const mac = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
    const memory = new GuestMemory([this.region]);
    const later = () => ok(false);
    const disk = fakeDisk({ sectorCount: 0x800 });
    const devices = [new VirtioRng(source), new VirtioNet(this.link, mac), new VirtioBlk(disk)];
    this.slots = devices.map((device, slot) =>
      new VirtioMmio({ device, memory, irq: this.plic.line(1 + slot), later })
    );
    this.link.answer = () => {
      const length = this.#answers.shift();
      if (length !== undefined) this.link.offer(numberedFrame(length, length - 12));
    };
  }

  async run(accesses: readonly Access[]): Promise<void> {
    for (const access of accesses) {
      if (access.slot === PLIC_SLOT) this.#replayPlic(access);
      else if (access.slot === BLK && access.write && access.offset === 0x50) {
        await this.#kickBlk(access);
      } else this.#replaySlot(access);
    }
  }

  #replayPlic({ write, offset, value, width }: Access): void {
    if (write) return this.plic.write(offset, width, value);
    // What another device's interrupt did to the controller is done to it by hand.
    const foreign = offset === CLAIM && !REPLAYED.includes(value);
    if (foreign) this.plic.line(value)(true);
    equal(this.plic.read(offset, width), value);
    if (foreign) this.plic.line(value)(false);
    this.compared++;
  }

  #replaySlot(access: Access): void {
    const { slot, write, offset, width, value } = access;
    const mmio = this.slots[slot];
    const registers = this.#registers[slot];
    ok(mmio !== undefined && registers !== undefined);
    const selected = registers.get(0x30) ?? 0;
    if (!write) {
      const read = mmio.read(offset, width);
      if (slot === BLK && BLK_DIFFERS.has(offset)) return;
      if (DIFFERS.has(offset) || (selected === CONTROL && offset === 0x34)) return;
      equal(read, value, `slot ${slot} register 0x${offset.toString(16)}`);
      this.compared++;
      return;
    }
    registers.set(offset === 0x30 ? 0x30 : offset + 0x1000 * selected, value);
    if (offset === 0x50) return this.#kick(mmio, access);
    // A real driver takes no more than what is offered.
    if (offset === 0x20) mmio.write(0x14, 4, registers.get(0x24) ?? 0);
    mmio.write(offset, width, offset === 0x20 ? value & mmio.read(0x10, 4) : value);
  }

  #kick(mmio: VirtioMmio, { slot, value, remarks }: Access): void {
    const kicked = slot === 1 && value === CONTROL ? 1 : value;
    const wanted = remarks.includes("virtio_notify ");
    const queue = this.#queue(slot, kicked);
    const filled = remarks.flatMap((line) => /^virtqueue_fill len (\d+)/.exec(line)?.[1] ?? [])
      .map(Number);
    queue.setUsedEvent(wanted ? queue.usedIndex : queue.usedIndex + 0x4000);
    queue.setFlags(wanted ? 0 : 1);
    const before = queue.usedIndex;
    if (slot === 0) this.#offerEntropy(queue, filled);
    else if (kicked === 0) this.#offerReceive(queue);
    else this.#offerFrames(queue, { remarks, filled: value === CONTROL ? [] : filled });
    mmio.write(0x50, 4, kicked);
    for (let index = before; index !== queue.usedIndex; index++) {
      this.used.push(queue.usedEntry(index).length);
    }
    if (slot === 1) this.#drainReceive(wanted);
  }

  async #kickBlk({ remarks }: Access): Promise<void> {
    const queue = this.#queue(BLK, 0);
    const wanted = remarks.includes("virtio_notify ");
    queue.setUsedEvent(wanted ? queue.usedIndex : queue.usedIndex + 0x4000);
    queue.setFlags(wanted ? 0 : 1);
    this.#offerBlk(queue, remarks);
    const before = queue.usedIndex;
    this.slots[BLK]?.write(0x50, 4, 0);
    await settle();
    for (let index = before; index !== queue.usedIndex; index++) {
      this.used.push(queue.usedEntry(index).length);
    }
    equal(this.region.bytes[SECTORS + 16], 0);
  }

  /** Lays out the one request of a kick: QEMU says its parts, its sectors, and what it wrote. */
  #offerBlk(queue: GuestQueue, remarks: readonly string[]): void {
    const said = remarks.join("\n");
    const [, writable, readable] = /pop in_num (\d+) out_num (\d+)/.exec(said) ?? [];
    const [, way, sector, count] = /handle_(read|write) sector (\d+) nsectors (\d+)/.exec(said) ??
      [];
    const type = way === undefined ? 8 : way === "read" ? 0 : 1;
    const length = way === undefined ? 20 : 512 * Number(count);
    const view = new DataView(this.region.bytes.buffer, SECTORS, 17);
    view.setUint32(0, type, true);
    view.setUint32(8, Number(sector ?? 0), true);
    view.setUint8(16, 0xff);
    const parts = Number(writable) + Number(readable) - 2;
    queue.describe(0, { address: RAM + SECTORS, length: 16, flags: NEXT, next: 1 });
    for (let part = 1; part <= parts; part++) {
      const address = RAM + SECTORS + 0x1000 * part;
      const flags = NEXT | (type === 1 ? 0 : WRITE);
      queue.describe(part, { address, length: length / parts, flags, next: part + 1 });
    }
    queue.describe(parts + 1, { address: RAM + SECTORS + 16, length: 1, flags: WRITE });
    queue.offer(0);
  }

  #offerEntropy(queue: GuestQueue, lengths: readonly number[]): void {
    for (const length of lengths) {
      queue.describe(0, { address: RAM + ENTROPY, length, flags: WRITE });
      queue.offer(0);
    }
  }

  #offerReceive(queue: GuestQueue): void {
    queue.setUsedEvent(0x4000);
    for (let index = 0; index < 32; index++) {
      const address = RAM + DATA + 0x1000 + 1526 * index;
      queue.describe(index, { address, length: 1526, flags: WRITE });
      queue.offer(index);
    }
  }

  #offerFrames(
    queue: GuestQueue,
    kick: { readonly remarks: readonly string[]; readonly filled: readonly number[] },
  ): void {
    this.#answers = kick.filled.filter((length) => length > 0);
    for (const line of kick.remarks) {
      const parts = Number(/^virtqueue_pop in_num [01] out_num (\d)/.exec(line)?.[1] ?? 0);
      if (parts === 0) continue;
      const split = parts >= 2;
      queue.describe(0, { address: RAM + DATA, length: 12, flags: NEXT, next: 1 });
      queue.describe(1, { address: RAM + DATA + 12, length: 342 });
      queue.describe(2, { address: RAM + DATA, length: 354 });
      queue.offer(split ? 0 : 2);
    }
  }

  /** The frames that came, as the guest's driver finds them; their buffers go back. */
  #drainReceive(wanted: boolean): void {
    const queue = this.#queue(1, 0);
    if (queue.size === 0) return;
    queue.setFlags(wanted ? 0 : 1);
    for (; this.#drained !== queue.usedIndex; this.#drained++) {
      const { id, length } = queue.usedEntry(this.#drained);
      this.used.push(length);
      queue.offer(id);
    }
  }
  #drained = 0;

  #queue(slot: number, index: number): GuestQueue {
    const name = `${slot}.${index}`;
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const at = (register: number) => this.#registers[slot]?.get(register + 0x1000 * index) ?? RAM;
    const queue = new GuestQueue(this.region, {
      size: this.#registers[slot]?.get(0x38 + 0x1000 * index) ?? 0,
      offset: at(0x80) - RAM,
      available: at(0x90) - RAM,
      used: at(0xa0) - RAM,
    });
    this.#queues.set(name, queue);
    return queue;
  }
}

/** What QEMU wrote into each used ring, in total. */
function usedLengths(accesses: readonly Access[]): readonly number[] {
  return accesses.filter(({ slot, offset, write }) => slot >= 0 && write && offset === 0x50)
    .flatMap(({ remarks }) => remarks)
    .flatMap((line) => /^virtqueue_fill len (\d+)/.exec(line)?.[1] ?? [])
    .map(Number).filter((length) => length > 1);
}

const TRACES = [
  { file: "uboot-2025.01-rng.txt", reads: 10 },
  { file: "uboot-2023.01-net-blk.txt", reads: 37 },
  { file: "linux-6.12-rng-blk-net.txt", reads: 810 },
] as const;

for (const { file, reads } of TRACES) {
  const present = sharedPresent(`traces/${file}`);
  test(`VirtioMmio answers as in the recording ${file}`, async () => {
    const accesses = parse(sharedText(`traces/${file}`));
    const replay = new Replay();
    await replay.run(accesses);
    ok(replay.compared >= reads, `only ${replay.compared} reads were compared`);
    deepEqual(replay.slots.map((slot) => slot.broken), [undefined, undefined, undefined]);
    const sum = (lengths: readonly number[]) => [...lengths].sort((left, right) => left - right);
    deepEqual(sum(replay.used.filter((length) => length > 1)), sum(usedLengths(accesses)));
  }, { ignore: !present });
}
