import { GuestMemory, RamRegion } from "@hw/bus/memory.ts";
import { VirtioBlk } from "@hw/device/blk.ts";
import { VirtioMmio } from "@hw/device/transport.ts";
import { type FakeDisk, fakeDisk, type FakeDiskParts } from "./disk.ts";
import { bringUp, GuestQueue } from "./guest_queue.ts";
import { settle } from "./settle.ts";

const BASE = 0x8000_0000;
const HEADERS = 0x1_0000;
const DATA = 0x2_0000;
const STATUSES = 0x1_8000;
const LENGTH = 0x40_0000;
const NEXT = 1;
const WRITE = 2;
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

/** @param features Bits 0..31 that the guest accepts: FLUSH unless told otherwise. */
export function blkGuest(
  parts: FakeDiskParts = {},
  features = 1 << 9,
  disk: FakeDisk = fakeDisk(parts),
) {
  const region = new RamRegion(BASE, LENGTH);
  region.bytes.fill(STALE, HEADERS);
  const device = new VirtioBlk(disk);
  const postponed: (() => void)[] = [];
  const later = (work: () => void) => void postponed.push(work);
  const memory = new GuestMemory([region]);
  const mmio = new VirtioMmio({ device, memory, irq: () => {}, later });
  const queue = new GuestQueue(region, { size: 256, offset: 0 });
  bringUp(mmio, { queues: [queue], features });
  const view = new DataView(region.bytes.buffer);
  const header = (slot: number, { type, sector = 0 }: GuestRequest): number => {
    const at = HEADERS + 16 * slot;
    view.setUint32(at, type, true);
    view.setBigUint64(at + 8, BigInt(sector), true);
    return BASE + at;
  };
  /** Describes a request with the descriptors 3 x slot and those behind it, and offers it. */
  const ask = (slot: number, request: GuestRequest): void => {
    const { out, room = 0 } = request;
    const data = BASE + DATA + 0x1000 * slot;
    const head = 3 * slot;
    if (out !== undefined) region.bytes.set(out, data - BASE);
    const address = header(slot, request);
    const dataLength = out?.length ?? room;
    const status = { address: BASE + STATUSES + slot, length: 1, flags: WRITE };
    queue.describe(head, { address, length: 16, flags: NEXT, next: head + 1 });
    if (dataLength === 0) {
      queue.describe(head + 1, status);
    } else {
      const flags = out === undefined ? NEXT | WRITE : NEXT;
      queue.describe(head + 1, { address: data, length: dataLength, flags, next: head + 2 });
      queue.describe(head + 2, status);
    }
    queue.offer(head);
  };
  const kick = (): void => mmio.write(0x50, 4, 0);
  return {
    region,
    disk,
    device,
    mmio,
    queue,
    postponed,
    ask,
    header,
    kick,
    base: BASE,
    status: (slot: number) => region.bytes[STATUSES + slot],
    data: (slot: number, length: number) => {
      const start = DATA + 0x1000 * slot;
      return region.bytes.slice(start, start + length);
    },
    /** Offers one request as slot 0 and lets it end. @returns its status and its used length. */
    async run(request: GuestRequest) {
      const before = queue.usedIndex;
      ask(0, request);
      kick();
      await settle();
      for (const work of postponed.splice(0)) work();
      const used = queue.usedIndex === before ? undefined : queue.usedEntry(before);
      return { status: region.bytes[STATUSES], length: used?.length };
    },
  };
}
