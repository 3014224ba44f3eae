import { assert } from "@runtime/core/assert.ts";
import type { Irq, PartialChecksum } from "@runtime/core/ports.ts";
import {
  FEATURE_EVENT_IDX,
  FEATURE_NET_CSUM,
  FEATURE_NET_GUEST_CSUM,
  FEATURE_NET_MAC,
  FEATURE_NET_MTU,
  FEATURE_NET_STATUS,
} from "../virtio/features.ts";
import { DEVICE_ID_NET } from "../virtio/ids.ts";
import {
  CHECKSUM_SIZE,
  ETHERNET_HEADER_SIZE,
  MAC_SIZE,
  MTU_MIN,
  NET_CONFIG_MAC,
  NET_CONFIG_MTU,
  NET_CONFIG_STATUS,
  NET_FLAG_DATA_VALID,
  NET_FLAG_NEEDS_CSUM,
  NET_HEADER_SIZE,
  NET_QUEUE_RECEIVE,
  NET_QUEUE_TRANSMIT,
  NET_STATUS_LINK_UP,
} from "../virtio/network.ts";
import { INTERRUPT_CONFIG, REGISTER } from "../virtio/registers.ts";
import { DriverError } from "./error.ts";
import { FrameBuffers } from "./frame_buffers.ts";
import type { DriverParts } from "./parts.ts";
import { DriverQueue, queueFootprint } from "./queue.ts";
import { DriverTransport } from "./transport.ts";

/** Most buffers of each direction. */
export const NET_QUEUE_SIZE_MAX = 256;

/**
 * Buffers start here in their cache line, so that a frame starts at 2 modulo 8, and the payload of
 * TCP over IPv4 without options, 54 bytes further, at 0 modulo 8. Copies to and from shared memory
 * run at 35 GB/s where both sides have the same place modulo 8, and at 4 GB/s where they have not.
 */
const BUFFER_SHIFT = 6;

/** MTU of a device that does not say. */
export const MTU_DEFAULT = 1500;

const FEATURES_WANTED = FEATURE_EVENT_IDX | FEATURE_NET_MAC | FEATURE_NET_MTU |
  FEATURE_NET_STATUS | FEATURE_NET_CSUM | FEATURE_NET_GUEST_CSUM;

/** A network card in use. Every call may throw the {@linkcode DriverError} that broke it. */
export interface NetworkCard {
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** Largest IP packet in bytes; a frame is 14 bytes longer. */
  readonly mtu: number;
  /** Whether the device last said that its link is up. */
  readonly linkUp: boolean;
  /** Frames that came behind a header which nobody agreed on, and were dropped. */
  readonly dropped: number;
  /**
   * Writes the next frame in place and queues it; {@linkcode flush} sends what is queued.
   *
   * @param fill Writes an Ethernet frame from the front and returns its length in bytes, or 0 to send
   *   nothing after all. Given a `checksum`, whose `start` is then 0, it may leave the frame's partial
   *   and say what is left.
   * @returns false, without a call to `fill`, when the device holds every buffer; {@linkcode wait}
   *   then resolves when it has let go of one.
   */
  transmit(fill: (into: Uint8Array, checksum?: PartialChecksum) => number): boolean;
  /** Shows all queued frames to the device at once, with at most one kick. */
  flush(): void;
  /**
   * Hands on frames that have come, oldest first.
   *
   * @param handler Gets each frame as a view, and what is left of its checksum, inside the frame:
   *   both valid during the call only.
   * @param limit Most frames of this call, those that are {@linkcode dropped} included.
   * @returns how many there were; fewer than `limit` means there are no more now.
   */
  receive(
    handler: (frame: Uint8Array, checksum: Readonly<PartialChecksum>) => void,
    limit: number,
  ): number;
  /**
   * Resolves when there is something to receive, room to transmit after a refusal, or a change of the
   * link; now and then for nothing. One caller at a time.
   */
  wait(): Promise<void>;
}

/**
 * Takes a virtio-net device into use, with as many buffers of the device's MTU as the region holds.
 *
 * @throws {DriverError} The device is another one, or refuses; `mtu_out_of_range`;
 *   `region_too_small`.
 *
 * Source: VIRTIO 1.2, "Network Device".
 */
export function openVirtioNet(parts: DriverParts): NetworkCard {
  const transport = new DriverTransport(parts.window);
  transport.begin(DEVICE_ID_NET);
  transport.negotiate(FEATURES_WANTED);
  const mtu = readMtu(transport);
  const bufferLength = NET_HEADER_SIZE + ETHERNET_HEADER_SIZE + mtu;
  const sizeMax = Math.min(
    NET_QUEUE_SIZE_MAX,
    transport.queueSizeMax(NET_QUEUE_RECEIVE),
    transport.queueSizeMax(NET_QUEUE_TRANSMIT),
  );
  const bufferSpace = bufferLength + BUFFER_SHIFT;
  const size = queueSize(sizeMax, { bufferSpace, room: parts.dma.bytes.length });
  if (size === 0) transport.fail("region_too_small", bufferLength);
  const eventIndex = transport.has(FEATURE_EVENT_IDX);
  const shape = { size, bufferLength, bufferShift: BUFFER_SHIFT, eventIndex };
  const receive = new DriverQueue(parts.dma, { ...shape, offset: 0, writable: true });
  const offset = queueFootprint(size, bufferSpace);
  const transmit = new DriverQueue(parts.dma, { ...shape, offset, writable: false });
  transport.setQueue(NET_QUEUE_RECEIVE, receive.place);
  transport.setQueue(NET_QUEUE_TRANSMIT, transmit.place);
  transport.finish();
  return new VirtioNetDriver(transport, { ...parts, receive, transmit, mtu });
}

/** Largest power of two at which both queues and their buffers fit. */
function queueSize(
  sizeMax: number,
  fit: { readonly bufferSpace: number; readonly room: number },
): number {
  let size = NET_QUEUE_SIZE_MAX;
  while (size > sizeMax || 2 * queueFootprint(size, fit.bufferSpace) > fit.room) {
    if (size === 1) return 0;
    size /= 2;
  }
  return size;
}

function readMtu(transport: DriverTransport): number {
  if (!transport.has(FEATURE_NET_MTU)) return MTU_DEFAULT;
  const mtu = transport.readConfig((config) => config.u16(NET_CONFIG_MTU));
  if (mtu < MTU_MIN) transport.fail("mtu_out_of_range", REGISTER.config + NET_CONFIG_MTU);
  return mtu;
}

function readMac(transport: DriverTransport): Uint8Array {
  if (!transport.has(FEATURE_NET_MAC)) return MAC_DEFAULT.slice();
  return transport.readConfig((config) =>
    Uint8Array.from({ length: MAC_SIZE }, (_, index) => config.u8(NET_CONFIG_MAC + index))
  );
}

/** A locally administered address, for a device that has none of its own. */
const MAC_DEFAULT = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);

interface NetParts extends DriverParts {
  readonly receive: DriverQueue;
  readonly transmit: DriverQueue;
  readonly mtu: number;
}

class VirtioNetDriver implements NetworkCard {
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly #transport: DriverTransport;
  readonly #irq: Irq;
  readonly #receive: DriverQueue;
  readonly #transmit: DriverQueue;
  readonly #received: FrameBuffers;
  readonly #sent: FrameBuffers;
  /** Transmit buffers that the device does not hold; the one used last is taken first. */
  readonly #free: Uint16Array;
  /** What is left of the checksum of the frame being written; without CSUM nothing may be. */
  readonly #sentChecksum: PartialChecksum | undefined;
  readonly #receivedChecksum: PartialChecksum = { start: 0, offset: 0 };
  /** Flags that the device may set. */
  readonly #receivedFlags: number;
  #dropped = 0;
  #freeCount: number;
  #full = false;
  #linkUp = true;
  #broken: DriverError | undefined;

  constructor(transport: DriverTransport, parts: NetParts) {
    this.#transport = transport;
    this.#irq = parts.irq;
    this.#receive = parts.receive;
    this.#transmit = parts.transmit;
    this.mtu = parts.mtu;
    this.mac = readMac(transport);
    this.#received = new FrameBuffers(parts.dma, { queue: parts.receive, mtu: parts.mtu });
    this.#sent = new FrameBuffers(parts.dma, { queue: parts.transmit, mtu: parts.mtu });
    this.#free = Uint16Array.from({ length: parts.transmit.size }, (_, index) => index);
    this.#freeCount = parts.transmit.size;
    this.#sent.clearHeaders();
    this.#sentChecksum = transport.has(FEATURE_NET_CSUM) ? { start: 0, offset: 0 } : undefined;
    const partial = transport.has(FEATURE_NET_GUEST_CSUM);
    this.#receivedFlags = partial ? NET_FLAG_NEEDS_CSUM | NET_FLAG_DATA_VALID : 0;
    this.#readLink();
    parts.transmit.muteInterrupt();
    for (let id = 0; id < parts.receive.size; id++) this.#recycle(id);
    this.#receive.muteInterrupt();
    if (this.#receive.publish()) transport.notify(NET_QUEUE_RECEIVE);
  }

  get linkUp(): boolean {
    return this.#linkUp;
  }

  get dropped(): number {
    return this.#dropped;
  }

  transmit(fill: (into: Uint8Array, checksum?: PartialChecksum) => number): boolean {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#freeCount === 0 && !this.#guard(this.#send)) return false;
    const id = this.#free[this.#freeCount - 1] ?? 0;
    const checksum = this.#sentChecksum;
    if (checksum !== undefined) checksum.start = 0;
    const length = fill(this.#sent.whole(id), checksum);
    if (length === 0) return true;
    const valid = length >= ETHERNET_HEADER_SIZE && length <= ETHERNET_HEADER_SIZE + this.mtu;
    assert(valid, "a frame is 14..mtu+14 bytes long");
    if (checksum !== undefined) {
      const { start, offset } = checksum;
      assert(start === 0 || start + offset + CHECKSUM_SIZE <= length, "a checksum is in its frame");
      this.#sent.writeHeader(id, checksum);
    }
    this.#freeCount--;
    this.#transmit.offer(id, NET_HEADER_SIZE + length);
    return true;
  }

  flush(): void {
    this.#guard(this.#send);
  }

  receive(
    handler: (frame: Uint8Array, checksum: Readonly<PartialChecksum>) => void,
    limit: number,
  ): number {
    if (this.#broken !== undefined) throw this.#broken;
    let count = 0;
    try {
      while (count < limit) {
        const id = this.#receive.take();
        if (id < 0) break;
        const length = this.#frameLength();
        const rules = { length, flags: this.#receivedFlags };
        const checksum = this.#receivedChecksum;
        if (!this.#received.readHeader(id, rules, checksum)) this.#dropped++;
        else handler(this.#received.front(id, length), checksum);
        this.#recycle(id);
        count++;
      }
    } catch (error) {
      throw this.#remember(error);
    }
    if (count > 0 && this.#receive.publish()) this.#transport.notify(NET_QUEUE_RECEIVE);
    return count;
  }

  async wait(): Promise<void> {
    if (this.#guard(this.#somethingToDo)) return;
    await this.#irq.wait();
    this.#guard(this.#handleInterrupt);
  }

  // Methods that `guard` runs are kept as functions: making one per call would be garbage per call.

  /** Arms what is waited for. @returns whether it is there already. */
  readonly #somethingToDo = (): boolean => {
    const received = this.#receive.wantInterrupt();
    const room = this.#full && this.#transmit.wantInterrupt();
    return received || room;
  };

  readonly #handleInterrupt = (): boolean => {
    try {
      const bits = this.#transport.takeInterrupt();
      if ((bits & INTERRUPT_CONFIG) !== 0) this.#readLink();
    } finally {
      this.#irq.complete();
    }
    this.#receive.muteInterrupt();
    return true;
  };

  /** Shows what is queued, and takes back what the device has sent. @returns whether there is room. */
  readonly #send = (): boolean => {
    if (this.#transmit.publish()) this.#transport.notify(NET_QUEUE_TRANSMIT);
    for (let id = this.#transmit.take(); id >= 0; id = this.#transmit.take()) {
      this.#free[this.#freeCount++] = id;
    }
    this.#full = this.#freeCount === 0;
    if (!this.#full) this.#transmit.muteInterrupt();
    return !this.#full;
  };

  #guard(work: () => boolean): boolean {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      return work();
    } catch (error) {
      throw this.#remember(error);
    }
  }

  #remember(error: unknown): unknown {
    if (error instanceof DriverError) this.#broken = error;
    return error;
  }

  #frameLength(): number {
    const length = this.#receive.takenLength - NET_HEADER_SIZE;
    if (length < 0) throw new DriverError("used_length_out_of_range", NET_HEADER_SIZE);
    return length;
  }

  #recycle(id: number): void {
    this.#receive.offer(id, NET_HEADER_SIZE + ETHERNET_HEADER_SIZE + this.mtu);
  }

  #readLink(): void {
    if (!this.#transport.has(FEATURE_NET_STATUS)) return;
    const status = this.#transport.readConfig((config) => config.u16(NET_CONFIG_STATUS));
    this.#linkUp = (status & NET_STATUS_LINK_UP) !== 0;
  }
}
