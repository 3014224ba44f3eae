import { GuestMemory, RamRegion } from "@hw/bus/memory.ts";
import { VirtioBlk } from "@hw/device/blk.ts";
import { VirtioMmio } from "@hw/device/transport.ts";
import { type FakeDisk, fakeDisk, type FakeDiskParts } from "./disk.ts";
import { bringUp, GuestQueue } from "./guest_queue.ts";
import { settle } from "./settle.ts";

const BASE = 0x8000_0000;
const HEADERS = 0x1_0000;
const DATA = 0x2_0000;
const DATA_STRIDE = 0x1000;
const STATUSES = 0x1_8000;
const LENGTH = 0x40_0000;
const QUEUE_SIZE = 256;
const NEXT = 1;
const WRITE = 2;
const FLUSH = 1 << 9;
/** What a guest's memory holds before anybody writes there. */
const STALE = 0xee;

/** A request as a guest lays it out: header, one buffer of data, status. */
export interface GuestRequest {
  readonly type: number;
  readonly sector?: number | bigint;
  /** Bytes that the device reads. */
  readonly out?: Uint8Array;
  /** Bytes that the device may write, without the status. */
  readonly room?: number;
}

/** How a request ended: its status byte, and its used length unless it did not end. */
export interface GuestOutcome {
  readonly status: number | undefined;
  readonly length: number | undefined;
}

/** A guest with one block device, brought up. */
export class BlkGuest {
  readonly base = BASE;
  readonly region = new RamRegion(BASE, LENGTH);
  readonly queue = new GuestQueue(this.region, { size: QUEUE_SIZE, offset: 0 });
  readonly postponed: (() => void)[] = [];
  readonly disk: FakeDisk;
  readonly device: VirtioBlk;
  readonly mmio: VirtioMmio;
  readonly #features: number;
  readonly #view = new DataView(this.region.bytes.buffer);

  /** @param features Bits 0..31 that the guest accepts. */
  constructor(disk: FakeDisk, features: number) {
    this.region.bytes.fill(STALE, HEADERS);
    this.disk = disk;
    this.#features = features;
    this.device = new VirtioBlk(disk);
    this.mmio = new VirtioMmio({
      device: this.device,
      memory: new GuestMemory([this.region]),
      irq: () => {},
      later: (work) => void this.postponed.push(work),
    });
    bringUp(this.mmio, { queues: [this.queue], features });
  }

  /** Resets the device and brings it up again, with rings at the same place and empty. */
  restart(): void {
    this.mmio.write(0x70, 4, 0);
    this.region.bytes.fill(0, 0, this.queue.length);
    this.queue.setIndex(0);
    bringUp(this.mmio, { queues: [this.queue], features: this.#features });
  }

  /** Writes a header. @returns its address. */
  header(slot: number, { type, sector = 0 }: GuestRequest): number {
    const at = HEADERS + 16 * slot;
    this.#view.setUint32(at, type, true);
    this.#view.setBigUint64(at + 8, BigInt(sector), true);
    return BASE + at;
  }

  /** Describes a request with the descriptors 3 x slot and those behind it, and offers it. */
  ask(slot: number, request: GuestRequest): void {
    const { out, room = 0 } = request;
    const data = DATA + DATA_STRIDE * slot;
    const head = 3 * slot;
    if (out !== undefined) this.region.bytes.set(out, data);
    const address = this.header(slot, request);
    const length = out?.length ?? room;
    const status = { address: BASE + STATUSES + slot, length: 1, flags: WRITE };
    this.queue.describe(head, { address, length: 16, flags: NEXT, next: head + 1 });
    if (length === 0) {
      this.queue.describe(head + 1, status);
    } else {
      const flags = out === undefined ? NEXT | WRITE : NEXT;
      this.queue.describe(head + 1, { address: BASE + data, length, flags, next: head + 2 });
      this.queue.describe(head + 2, status);
    }
    this.queue.offer(head);
  }

  kick(): void {
    this.mmio.write(0x50, 4, 0);
  }

  /** A slot's status byte. */
  status(slot: number): number | undefined {
    return this.region.bytes[STATUSES + slot];
  }

  /** A copy of a slot's data. */
  data(slot: number, length: number): Uint8Array {
    const start = DATA + DATA_STRIDE * slot;
    return this.region.bytes.slice(start, start + length);
  }

  /** Offers one request as slot 0 and lets it end. */
  async run(request: GuestRequest): Promise<GuestOutcome> {
    const before = this.queue.usedIndex;
    this.ask(0, request);
    this.kick();
    await settle();
    for (const work of this.postponed.splice(0)) work();
    const used = this.queue.usedIndex === before ? undefined : this.queue.usedEntry(before);
    return { status: this.status(0), length: used?.length };
  }
}

/** @param features Bits 0..31 that the guest accepts: FLUSH unless told otherwise. */
export function blkGuest(
  parts: FakeDiskParts = {},
  features: number = FLUSH,
  disk: FakeDisk = fakeDisk(parts),
): BlkGuest {
  return new BlkGuest(disk, features);
}
