import { assert } from "@runtime/core/assert.ts";
import { readAscii } from "@runtime/core/ascii.ts";
import type { BlockAnswer, BlockDevice, BlockStatus } from "@runtime/core/block_device.ts";
import type { Irq } from "@runtime/core/ports.ts";
import {
  BLK_CONFIG_CAPACITY,
  BLK_ID_SIZE,
  BLK_QUEUE,
  BLK_RANGE_COUNT,
  BLK_RANGE_SECTOR,
  BLK_RANGE_SIZE,
  BLK_STATUS_IOERR,
  BLK_STATUS_OK,
  BLK_STATUS_UNSUPP,
  BLK_TYPE_DISCARD,
  BLK_TYPE_FLUSH,
  BLK_TYPE_GET_ID,
  BLK_TYPE_IN,
  BLK_TYPE_OUT,
  BLK_TYPE_WRITE_ZEROES,
  SECTOR_SIZE,
  writeSector,
} from "../virtio/block.ts";
import {
  FEATURE_BLK_DISCARD,
  FEATURE_BLK_FLUSH,
  FEATURE_BLK_RO,
  FEATURE_BLK_SEG_MAX,
  FEATURE_BLK_SIZE_MAX,
  FEATURE_BLK_WRITE_ZEROES,
  FEATURE_EVENT_IDX,
} from "../virtio/features.ts";
import { DEVICE_ID_BLK } from "../virtio/ids.ts";
import { INTERRUPT_CONFIG, REGISTER } from "../virtio/registers.ts";
import { type BlkLimits, readCapacity, readLimits, shapeOf } from "./blk_limits.ts";
import { DriverError } from "./error.ts";
import type { DriverParts } from "./parts.ts";
import { DESCRIPTORS_BESIDES, RequestQueue, type RequestShape } from "./request_queue.ts";
import { DriverTransport } from "./transport.ts";

const FEATURES_WANTED = FEATURE_EVENT_IDX | FEATURE_BLK_SIZE_MAX | FEATURE_BLK_SEG_MAX |
  FEATURE_BLK_RO | FEATURE_BLK_FLUSH | FEATURE_BLK_DISCARD | FEATURE_BLK_WRITE_ZEROES;

/**
 * Takes a virtio-blk device into use, with as many requests at once as its queue and the region hold.
 *
 * @throws {DriverError} The device is another one, or refuses; `capacity_out_of_range`,
 *   `config_unstable`, `limit_out_of_range`; `queue_too_small`, `region_too_small`.
 *
 * Source: VIRTIO 1.2, "Block Device".
 */
export function openVirtioBlk(parts: DriverParts): BlockDevice {
  const transport = new DriverTransport(parts.window);
  transport.begin(DEVICE_ID_BLK);
  transport.negotiate(FEATURES_WANTED);
  const limits = readLimits(transport);
  const sizeMax = transport.queueSizeMax(BLK_QUEUE);
  const shape = shapeOf(limits, { sizeMax, room: parts.dma.bytes.length });
  if (shape.size <= DESCRIPTORS_BESIDES) {
    transport.fail("queue_too_small", REGISTER.queueNumMax);
  }
  if (shape.dataLength === 0) transport.fail("region_too_small", parts.dma.bytes.length);
  const eventIndex = transport.has(FEATURE_EVENT_IDX);
  const queue = new RequestQueue(parts.dma, { ...shape, eventIndex });
  transport.setQueue(BLK_QUEUE, queue.place);
  transport.finish();
  return new VirtioBlkDriver(transport, { queue, irq: parts.irq, limits });
}

/** A request before it has a slot. */
interface Order extends RequestShape {
  /** Writes the data that the device reads. */
  readonly fill?: (into: Uint8Array) => void;
  /** Takes the data that the device wrote, once it says that it succeeded. */
  readonly take?: (from: Uint8Array) => void;
}

/** An order that somebody waits for. */
interface Job extends PromiseWithResolvers<BlockStatus> {
  readonly order: Order;
}

type Expiry = Promise<unknown> | undefined;

class VirtioBlkDriver implements BlockDevice {
  readonly sectorCount: number;
  readonly readOnly: boolean;
  readonly #transport: DriverTransport;
  readonly #queue: RequestQueue;
  readonly #irq: Irq;
  readonly #limits: BlkLimits;
  readonly #flushes: boolean;
  /** Jobs without a slot, oldest first. */
  readonly #waiting: Job[] = [];
  /** Jobs by slot. */
  readonly #running: (Job | undefined)[];
  readonly #free: number[];
  #pumping = false;
  #broken: unknown;

  constructor(
    transport: DriverTransport,
    parts: { readonly queue: RequestQueue; readonly irq: Irq; readonly limits: BlkLimits },
  ) {
    this.#transport = transport;
    this.#queue = parts.queue;
    this.#irq = parts.irq;
    this.#limits = parts.limits;
    this.sectorCount = parts.limits.sectorCount;
    this.readOnly = transport.has(FEATURE_BLK_RO);
    this.#flushes = transport.has(FEATURE_BLK_FLUSH);
    this.#free = Array.from({ length: parts.queue.slotCount }, (_, slot) => slot);
    this.#running = this.#free.map(() => undefined);
  }

  async id(expiry?: Expiry): Promise<BlockAnswer<string>> {
    const letters = new Uint8Array(BLK_ID_SIZE);
    const take = (from: Uint8Array) => letters.set(from);
    const shape = { type: BLK_TYPE_GET_ID, sector: 0, length: BLK_ID_SIZE, writable: true };
    const status = await this.#run([{ ...shape, take }].values(), expiry);
    if (status !== "ok") return { status };
    const end = letters.indexOf(0);
    const value = readAscii(letters, 0, end < 0 ? BLK_ID_SIZE : end);
    if (value === undefined) throw this.#fail(new DriverError("bad_id", 0));
    return { status, value };
  }

  async read(
    sector: number,
    count: number,
    expiry?: Expiry,
  ): Promise<BlockAnswer<Uint8Array<ArrayBuffer>>> {
    this.#requireInside(sector, count);
    const value = new Uint8Array(count * SECTOR_SIZE);
    const order = (at: number, length: number): Order => ({
      type: BLK_TYPE_IN,
      sector: sector + at / SECTOR_SIZE,
      length,
      writable: true,
      take: (from) => value.set(from, at),
    });
    const status = await this.#run(pieces(value.length, this.#queue.dataLength, order), expiry);
    return status === "ok" ? { status, value } : { status };
  }

  write(sector: number, bytes: Uint8Array, expiry?: Expiry): Promise<BlockStatus> {
    this.#requireInside(sector, bytes.length / SECTOR_SIZE);
    const order = (at: number, length: number): Order => ({
      type: BLK_TYPE_OUT,
      sector: sector + at / SECTOR_SIZE,
      length,
      writable: false,
      fill: (into) => into.set(bytes.subarray(at, at + length)),
    });
    return this.#run(pieces(bytes.length, this.#queue.dataLength, order), expiry);
  }

  flush(expiry?: Expiry): Promise<BlockStatus> {
    // Without the feature, what the device has answered is durable.
    if (!this.#flushes) return this.#run([].values(), expiry);
    const order = { type: BLK_TYPE_FLUSH, sector: 0, length: 0, writable: false };
    return this.#run([order].values(), expiry);
  }

  discard(sector: number, count: number, expiry?: Expiry): Promise<BlockStatus> {
    const countMax = this.#limits.discardSectors;
    return this.#range({ type: BLK_TYPE_DISCARD, sector, count, countMax }, expiry);
  }

  writeZeroes(sector: number, count: number, expiry?: Expiry): Promise<BlockStatus> {
    const countMax = this.#limits.zeroesSectors;
    return this.#range({ type: BLK_TYPE_WRITE_ZEROES, sector, count, countMax }, expiry);
  }

  #range(
    range: { type: number; sector: number; count: number; countMax: number },
    expiry: Expiry,
  ): Promise<BlockStatus> {
    const { type, sector, count, countMax } = range;
    this.#requireInside(sector, count);
    if (countMax === 0) return Promise.resolve("unsupported");
    const order = (at: number, length: number): Order => ({
      type,
      sector: 0,
      length: BLK_RANGE_SIZE,
      writable: false,
      fill: (into) => into.set(rangeBytes(sector + at, length)),
    });
    return this.#run(pieces(count, countMax, order), expiry);
  }

  #requireInside(sector: number, count: number): void {
    const whole = Number.isInteger(sector) && Number.isInteger(count) && sector >= 0 && count >= 0;
    assert(whole && count <= this.sectorCount - sector, "a range is whole sectors of the device");
  }

  /** Runs orders, as many at once as there are slots, up to the first that fails. */
  async #run(orders: Iterator<Order>, expiry: Expiry): Promise<BlockStatus> {
    const expired = expiry?.then((): "expired" => "expired");
    for (;;) {
      if (this.#broken !== undefined) throw this.#broken;
      const batch: Promise<BlockStatus>[] = [];
      while (batch.length < this.#queue.slotCount) {
        const { value, done } = orders.next();
        if (done === true) break;
        batch.push(this.#submit(value, expired));
      }
      if (batch.length === 0) return "ok";
      this.#start();
      const failed = (await Promise.all(batch)).find((status) => status !== "ok");
      if (failed !== undefined) return failed;
    }
  }

  async #submit(order: Order, expired: Promise<"expired"> | undefined): Promise<BlockStatus> {
    const job: Job = { order, ...Promise.withResolvers<BlockStatus>() };
    this.#waiting.push(job);
    if (expired === undefined) return await job.promise;
    const status = await Promise.race([job.promise, expired]);
    if (status !== "expired") return status;
    const place = this.#waiting.indexOf(job);
    if (place >= 0) this.#waiting.splice(place, 1);
    return status;
  }

  /** Gives waiting jobs to the device, as long as slots are free. */
  #start(): void {
    while (this.#free.length > 0) {
      const job = this.#waiting.shift();
      if (job === undefined) break;
      const slot = this.#free.pop() ?? 0;
      this.#running[slot] = job;
      job.order.fill?.(this.#queue.data(slot, job.order.length));
      this.#queue.offer(slot, job.order);
    }
    if (this.#queue.publish()) this.#transport.notify(BLK_QUEUE);
    if (!this.#pumping && this.#queue.inFlight > 0) this.#pump();
  }

  /** Ends jobs as the device does, until it holds none. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      while (this.#queue.inFlight > 0) {
        if (this.#queue.wantInterrupt()) this.#takeAll();
        else await this.#awaitInterrupt();
      }
    } catch (error) {
      // Nobody waits for the pump itself: a bug ends those that wait for their requests, as well.
      this.#fail(error);
    } finally {
      this.#pumping = false;
    }
  }

  async #awaitInterrupt(): Promise<void> {
    await this.#irq.wait();
    try {
      if ((this.#transport.takeInterrupt() & INTERRUPT_CONFIG) === 0) return;
      // Whoever uses the device was told its size once, for good.
      if (readCapacity(this.#transport) === this.sectorCount) return;
      this.#transport.fail("capacity_changed", REGISTER.config + BLK_CONFIG_CAPACITY);
    } finally {
      this.#irq.complete();
    }
  }

  #takeAll(): void {
    for (let slot = this.#queue.take(); slot >= 0; slot = this.#queue.take()) {
      const status = statusOf(this.#queue.end(slot, BLK_STATUS_OK));
      const job = this.#running[slot];
      assert(job !== undefined, "a slot in flight has a job");
      this.#running[slot] = undefined;
      this.#free.push(slot);
      const { length, take } = job.order;
      if (status === "ok") take?.(this.#queue.data(slot, length));
      job.resolve(status);
    }
    this.#start();
  }

  /** Ends every job with the error that broke the device. */
  #fail(error: unknown): unknown {
    this.#broken ??= error;
    for (const job of [...this.#running, ...this.#waiting.splice(0)]) job?.reject(this.#broken);
    this.#running.fill(undefined);
    return this.#broken;
  }
}

/** Cuts `length` into orders of `most` at once, made as they are needed. */
function* pieces(
  length: number,
  most: number,
  order: (at: number, length: number) => Order,
): Generator<Order, undefined> {
  for (let at = 0; at < length; at += most) yield order(at, Math.min(most, length - at));
  return undefined;
}

function rangeBytes(sector: number, count: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(BLK_RANGE_SIZE));
  writeSector(view, BLK_RANGE_SECTOR, sector);
  view.setUint32(BLK_RANGE_COUNT, count, true);
  return new Uint8Array(view.buffer);
}

function statusOf(status: number): BlockStatus {
  if (status === BLK_STATUS_OK) return "ok";
  if (status === BLK_STATUS_IOERR) return "io_error";
  if (status === BLK_STATUS_UNSUPP) return "unsupported";
  throw new DriverError("bad_status", status);
}
