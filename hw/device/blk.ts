import { isAscii, writeAscii } from "@runtime/core/ascii.ts";
import { assert } from "@runtime/core/assert.ts";
import type { Disk, DiskStatus } from "@runtime/core/ports.ts";
import {
  BLK_CONFIG_BLK_SIZE,
  BLK_CONFIG_CAPACITY,
  BLK_CONFIG_DISCARD_ALIGNMENT,
  BLK_CONFIG_DISCARD_SECTORS_MAX,
  BLK_CONFIG_DISCARD_SEG_MAX,
  BLK_CONFIG_SEG_MAX,
  BLK_CONFIG_SIZE,
  BLK_CONFIG_SIZE_MAX,
  BLK_CONFIG_ZEROES_SECTORS_MAX,
  BLK_CONFIG_ZEROES_SEG_MAX,
  BLK_ID_SIZE,
  BLK_QUEUE,
  BLK_STATUS_IOERR,
  BLK_STATUS_OK,
  BLK_STATUS_SIZE,
  SECTOR_SIZE,
  writeSector,
} from "../virtio/block.ts";
import {
  FEATURE_BLK_BLK_SIZE,
  FEATURE_BLK_DISCARD,
  FEATURE_BLK_FLUSH,
  FEATURE_BLK_RO,
  FEATURE_BLK_SEG_MAX,
  FEATURE_BLK_SIZE_MAX,
  FEATURE_BLK_WRITE_ZEROES,
} from "../virtio/features.ts";
import { DEVICE_ID_BLK } from "../virtio/ids.ts";
import {
  type BlkRequest,
  DISCARD_SECTORS_MAX,
  RANGES_MAX,
  readRequest,
  SEGMENT_LENGTH_MAX,
  SEGMENTS_MAX,
  ZEROES_SECTORS_MAX,
} from "./blk_request.ts";
import type { Chain } from "./chain.ts";
import type { SplitQueue } from "./queue.ts";
import type { DeviceHost, VirtioDevice } from "./virtio_device.ts";

/** Requests that the disk works on at once; further ones stay in the ring. */
export const REQUESTS_IN_FLIGHT_MAX = 16;

/** Requests that the disk gets before the rest of the node gets its turn. */
export const REQUESTS_PER_TURN_MAX = 32;

/** Bytes after which a turn ends, however few requests they were. */
export const LENGTH_PER_TURN_MAX = 0x10_0000;

const QUEUE_SIZE_MAX = 1024;
const EMPTY = new Uint8Array(0);

const FEATURES_ALWAYS = FEATURE_BLK_SIZE_MAX | FEATURE_BLK_SEG_MAX | FEATURE_BLK_BLK_SIZE |
  FEATURE_BLK_FLUSH;
const FEATURES_WRITABLE = FEATURE_BLK_DISCARD | FEATURE_BLK_WRITE_ZEROES;

/** Requests that did not succeed, by cause. */
export interface BlkFailures {
  /** Asked for what this device does not do: outside the disk, too long, read-only, unknown. */
  refused: number;
  /** The disk could not. */
  ioError: number;
  /** The disk's host had no room. */
  noSpace: number;
}

/** A request under way. Its chain and its queue are its own, not its head: drivers may reuse that. */
interface Pending {
  readonly queue: SplitQueue;
  readonly chain: Chain;
}

/** What the driver gets back: bytes from the first writable one on, and the status. */
interface Answer {
  readonly status: number;
  readonly data: Uint8Array;
}

/**
 * virtio-blk over one {@linkcode Disk}.
 *
 * Several requests are under way at once and end in any order. Each keeps the queue that it came from:
 * what ends after a reset finds that queue stopped and writes nothing. Requests that a reset left
 * behind still count as under way, so that no driver can pile them up.
 *
 * Whoever negotiates FLUSH has written durably only after a flush; for any other driver every write
 * is flushed before it is answered.
 *
 * Source: VIRTIO 1.2, "Block Device".
 */
export class VirtioBlk implements VirtioDevice {
  readonly deviceId = DEVICE_ID_BLK;
  readonly features: bigint;
  readonly queueSizesMax = [QUEUE_SIZE_MAX];
  readonly config: Uint8Array;
  readonly failures: BlkFailures = { refused: 0, ioError: 0, noSpace: 0 };
  readonly #disk: Disk;
  readonly #id = new Uint8Array(BLK_ID_SIZE);
  #host: DeviceHost | undefined;
  #inFlight = 0;
  #writeThrough = true;
  /** Since the last later turn. A disk that answers at once would else keep a turn going for ever. */
  #served = 0;
  #length = 0;
  /** A later turn goes on; until then there is nothing to start. */
  #continues = false;

  constructor(disk: Disk) {
    const { sectorCount, readOnly, id } = disk;
    assert(Number.isSafeInteger(sectorCount) && sectorCount > 0, "a disk has sectors");
    assert(isAscii(id) && id.length <= BLK_ID_SIZE, "a disk's id is short");
    writeAscii(id, this.#id, 0);
    this.#disk = disk;
    this.features = FEATURES_ALWAYS | (readOnly ? FEATURE_BLK_RO : FEATURES_WRITABLE);
    this.config = configOf(sectorCount);
  }

  /** Requests that the disk has not answered yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  attach(host: DeviceHost): void {
    this.#host = host;
  }

  start(): void {
    this.#writeThrough = this.#host?.negotiated(FEATURE_BLK_FLUSH) !== true;
  }

  stop(): void {
    this.#continues = false;
  }

  kick(): void {
    const host = this.#host;
    const queue = host?.queue(BLK_QUEUE);
    if (host === undefined || queue === undefined || this.#continues) return;
    do {
      while (this.#inFlight < REQUESTS_IN_FLIGHT_MAX) {
        if (this.#served >= REQUESTS_PER_TURN_MAX || this.#length >= LENGTH_PER_TURN_MAX) {
          return this.#continueLater(host);
        }
        const chain = queue.pop();
        if (chain === undefined) break;
        this.#begin(host, queue, chain);
      }
      // A full device wants no kick: the next request that ends looks into the ring.
    } while (this.#inFlight < REQUESTS_IN_FLIGHT_MAX && queue.wantKick());
  }

  #begin(host: DeviceHost, queue: SplitQueue, chain: Chain): void {
    const request = readRequest(chain, this.#disk);
    this.#served++;
    this.#length += lengthOf(request);
    const pending = { queue, chain: chain.copy() };
    this.#inFlight++;
    this.#answer(request).then((answer) => {
      this.#inFlight--;
      host.run(() => this.#finish(host, pending, answer));
    });
  }

  async #answer(request: BlkRequest): Promise<Answer> {
    const disk = this.#disk;
    switch (request.kind) {
      case "read": {
        const data = new Uint8Array(request.length);
        const status = this.#statusOf(await disk.read(request.sector, data));
        return { status, data: status === BLK_STATUS_OK ? data : EMPTY };
      }
      case "write":
        return this.#wrote(await disk.write(request.sector, request.data));
      case "discard":
        return this.#wrote(await disk.discard(request.sector, request.count));
      case "zeroes":
        return this.#wrote(await disk.writeZeroes(request.sector, request.count));
      case "flush":
        return { status: this.#statusOf(await disk.flush()), data: EMPTY };
      case "id":
        return { status: BLK_STATUS_OK, data: this.#id };
      case "refused":
        this.failures.refused++;
        return { status: request.status, data: EMPTY };
    }
  }

  async #wrote(status: DiskStatus): Promise<Answer> {
    const durable = status === "ok" && this.#writeThrough ? await this.#disk.flush() : status;
    return { status: this.#statusOf(durable), data: EMPTY };
  }

  #statusOf(status: DiskStatus): number {
    if (status === "ok") return BLK_STATUS_OK;
    if (status === "no_space") this.failures.noSpace++;
    else this.failures.ioError++;
    return BLK_STATUS_IOERR;
  }

  #finish(host: DeviceHost, { queue, chain }: Pending, { status, data }: Answer): void {
    if (!queue.stopped) {
      const room = chain.writableLength - BLK_STATUS_SIZE;
      chain.scatter(data);
      chain.scatter(Uint8Array.of(status), room);
      // The used length counts from the first writable byte on: the status only if all before it is.
      const whole = data.length === room;
      queue.complete(chain.head, whole ? room + BLK_STATUS_SIZE : data.length);
      host.publish(queue);
    }
    this.kick();
  }

  #continueLater(host: DeviceHost): void {
    this.#continues = true;
    host.later(() => {
      this.#continues = false;
      this.#served = 0;
      this.#length = 0;
      this.kick();
    });
  }
}

function lengthOf(request: BlkRequest): number {
  if (request.kind === "read") return request.length;
  if (request.kind === "write") return request.data.length;
  return request.kind === "zeroes" ? request.count * SECTOR_SIZE : 0;
}

function configOf(sectorCount: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(BLK_CONFIG_SIZE));
  writeSector(view, BLK_CONFIG_CAPACITY, sectorCount);
  view.setUint32(BLK_CONFIG_SIZE_MAX, SEGMENT_LENGTH_MAX, true);
  view.setUint32(BLK_CONFIG_SEG_MAX, SEGMENTS_MAX, true);
  view.setUint32(BLK_CONFIG_BLK_SIZE, SECTOR_SIZE, true);
  view.setUint32(BLK_CONFIG_DISCARD_SECTORS_MAX, DISCARD_SECTORS_MAX, true);
  view.setUint32(BLK_CONFIG_DISCARD_SEG_MAX, RANGES_MAX, true);
  view.setUint32(BLK_CONFIG_DISCARD_ALIGNMENT, 1, true);
  view.setUint32(BLK_CONFIG_ZEROES_SECTORS_MAX, ZEROES_SECTORS_MAX, true);
  view.setUint32(BLK_CONFIG_ZEROES_SEG_MAX, RANGES_MAX, true);
  return new Uint8Array(view.buffer);
}
