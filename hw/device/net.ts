import type { Link, PartialChecksum } from "@runtime/core/ports.ts";
import { assert } from "@runtime/core/assert.ts";
import {
  FEATURE_NET_CSUM,
  FEATURE_NET_GUEST_CSUM,
  FEATURE_NET_MAC,
  FEATURE_NET_MTU,
  FEATURE_NET_STATUS,
} from "../virtio/features.ts";
import { DEVICE_ID_NET } from "../virtio/ids.ts";
import { readNetHeader, writeNetHeader } from "../virtio/net_header.ts";
import {
  ETHERNET_HEADER_SIZE,
  MAC_SIZE,
  MTU_MAX,
  MTU_MIN,
  NET_CONFIG_MAC,
  NET_CONFIG_MTU,
  NET_CONFIG_SIZE,
  NET_CONFIG_STATUS,
  NET_FLAG_NEEDS_CSUM,
  NET_HEADER_SIZE,
  NET_QUEUE_RECEIVE,
  NET_QUEUE_TRANSMIT,
  NET_STATUS_LINK_UP,
} from "../virtio/network.ts";
import type { Chain } from "./chain.ts";
import { QueueError } from "./chain.ts";
import { ViewCache } from "./view_cache.ts";
import type { DeviceHost, VirtioDevice } from "./virtio_device.ts";

/** Frames of one direction that move before the other direction gets its round. */
export const FRAMES_PER_ROUND_MAX = 64;

/** Rounds before the rest of the node gets its turn. */
export const ROUNDS_PER_TURN_MAX = 4;

const QUEUE_SIZE_MAX = 1024;

const FEATURES_ALWAYS = FEATURE_NET_MAC | FEATURE_NET_STATUS | FEATURE_NET_MTU;
const FEATURES_OFFLOADED = FEATURE_NET_CSUM | FEATURE_NET_GUEST_CSUM;

/** What a device says of a frame in one buffer: all of it is there. */
const ONE_BUFFER = 1;

/** Frames that were not passed on, by cause. */
export interface NetDrops {
  /** Shorter than an Ethernet header or longer than the link's largest frame. */
  length: number;
  /** A header that asks for an offload that was not agreed on, or for one outside its frame. */
  offload: number;
  /** Does not fit the buffer that the driver offered. */
  buffer: number;
}

/**
 * virtio-net, plugged into one {@linkcode Link}.
 *
 * A frame that lies in one piece is handed to the link, or filled by it, right in guest memory;
 * anything else goes through a buffer of the device's own. Frames for which the driver has no buffer
 * stay in the link. Each batch becomes visible with one index and costs at most one interrupt.
 *
 * Checksums are offloaded, both ways, when the link can: a frame then passes with a partial one, and
 * nobody completes it. A driver that did not ask for that gets complete frames, and must send them.
 *
 * Source: VIRTIO 1.2, "Network Device".
 */
export class VirtioNet implements VirtioDevice {
  readonly deviceId = DEVICE_ID_NET;
  readonly features: bigint;
  readonly queueSizesMax = [QUEUE_SIZE_MAX, QUEUE_SIZE_MAX];
  readonly config = new Uint8Array(NET_CONFIG_SIZE);
  readonly drops: NetDrops = { length: 0, offload: 0, buffer: 0 };
  readonly #link: Link;
  readonly #frameMax: number;
  readonly #bounce: Uint8Array;
  readonly #header = new Uint8Array(NET_HEADER_SIZE);
  readonly #headerView = new DataView(this.#header.buffer);
  readonly #sentChecksum: PartialChecksum = { start: 0, offset: 0 };
  readonly #receivedChecksum: PartialChecksum = { start: 0, offset: 0 };
  /** Flags that the driver may set. */
  #sentFlags = 0;
  /** Whether the driver takes partial checksums. */
  #partial = false;
  readonly #received = new ViewCache(QUEUE_SIZE_MAX);
  readonly #transmitted = new ViewCache(QUEUE_SIZE_MAX);
  #host: DeviceHost | undefined;
  #busy = false;
  /** A later turn goes on; until then there is nothing to start. */
  #continues = false;
  #receiveWanted = false;
  #transmitWanted = false;

  /** Serves both queues, unless an outer call does already. */
  readonly #turn = (): void => {
    const host = this.#host;
    if (host === undefined || this.#busy || this.#continues) return;
    this.#busy = true;
    try {
      this.#serve(host);
    } finally {
      this.#busy = false;
    }
  };

  /** @param mac Six bytes; the low bit of the first is 0. */
  constructor(link: Link, mac: Uint8Array) {
    assert(link.mtu >= MTU_MIN && link.mtu <= MTU_MAX, "a link's MTU is 68..65535");
    assert(mac.length === MAC_SIZE && ((mac[0] ?? 1) & 1) === 0, "a card has a unicast address");
    this.#link = link;
    const offloads = link.checksums === "offloaded";
    this.features = FEATURES_ALWAYS | (offloads ? FEATURES_OFFLOADED : 0n);
    this.#frameMax = link.mtu + ETHERNET_HEADER_SIZE;
    this.#bounce = new Uint8Array(this.#frameMax);
    this.config.set(mac, NET_CONFIG_MAC);
    this.config[NET_CONFIG_MTU] = link.mtu & 0xff;
    this.config[NET_CONFIG_MTU + 1] = link.mtu >>> 8;
    this.config[NET_CONFIG_STATUS] = NET_STATUS_LINK_UP;
  }

  attach(host: DeviceHost): void {
    this.#host = host;
    this.#link.attach({ available: () => this.#available() });
  }

  start(): void {
    const host = this.#host;
    this.#sentFlags = host?.negotiated(FEATURE_NET_CSUM) === true ? NET_FLAG_NEEDS_CSUM : 0;
    this.#partial = host?.negotiated(FEATURE_NET_GUEST_CSUM) === true;
  }

  stop(): void {
    this.#continues = false;
    this.#transmitWanted = false;
    this.#receiveWanted = false;
    this.#received.clear();
    this.#transmitted.clear();
  }

  /** Tells the driver that the cable was pulled or plugged in. */
  setLinkUp(up: boolean): void {
    this.config[NET_CONFIG_STATUS] = up ? NET_STATUS_LINK_UP : 0;
    this.#host?.configChanged();
  }

  kick(queueIndex: number): void {
    if (queueIndex === NET_QUEUE_TRANSMIT) this.#transmitWanted = true;
    else this.#receiveWanted = true;
    this.#turn();
  }

  #available(): void {
    this.#receiveWanted = true;
    if (!this.#busy && !this.#continues) this.#host?.run(this.#turn);
  }

  // A link may answer a frame at once, and an interrupt may make a driver kick at once: both only
  // leave a wish behind, and the outermost call sees to it.
  #serve(host: DeviceHost): void {
    for (let round = 0; round < ROUNDS_PER_TURN_MAX; round++) {
      if (this.#transmitWanted) this.#transmitAll(host);
      if (this.#receiveWanted) this.#receiveAll(host);
      if (!this.#transmitWanted && !this.#receiveWanted) return;
    }
    this.#continues = true;
    host.later(() => {
      this.#continues = false;
      this.#turn();
    });
  }

  #transmitAll(host: DeviceHost): void {
    this.#transmitWanted = false;
    const queue = host.queue(NET_QUEUE_TRANSMIT);
    if (queue === undefined) return;
    let sent = 0;
    do {
      for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
        this.#transmit(chain);
        queue.complete(chain.head, 0);
        if (++sent < FRAMES_PER_ROUND_MAX) continue;
        this.#transmitWanted = true;
        return host.publish(queue);
      }
      host.publish(queue);
    } while (queue.wantKick());
  }

  #transmit(chain: Chain): void {
    if (chain.readableLength < NET_HEADER_SIZE) throw new QueueError("too_short", chain.head);
    const length = chain.readableLength - NET_HEADER_SIZE;
    if (length < ETHERNET_HEADER_SIZE || length > this.#frameMax) {
      this.drops.length++;
    } else if (!this.#readHeader(chain, length)) {
      this.drops.offload++;
    } else {
      this.#link.transmit(this.#frameOf(chain, length), this.#sentChecksum);
    }
  }

  /** @returns whether the frame may go on, with what is then left of its checksum. */
  #readHeader(chain: Chain, length: number): boolean {
    const rules = { length, flags: this.#sentFlags };
    const region = chain.lengthOf(0) >= NET_HEADER_SIZE ? chain.regionOf(0) : undefined;
    if (region !== undefined) {
      return readNetHeader(region.view, chain.offsetOf(0), rules, this.#sentChecksum);
    }
    chain.gather(this.#header);
    return readNetHeader(this.#headerView, 0, rules, this.#sentChecksum);
  }

  #frameOf(chain: Chain, length: number): Uint8Array {
    const first = chain.lengthOf(0);
    if (chain.readableCount === 1) {
      return this.#transmitted.view(chain, { part: 0, skip: NET_HEADER_SIZE });
    }
    if (chain.readableCount === 2 && first === NET_HEADER_SIZE) {
      return this.#transmitted.view(chain, { part: 1, skip: 0 });
    }
    const filled = chain.gather(this.#bounce.subarray(0, length), NET_HEADER_SIZE);
    assert(filled === length, "a chain holds as many bytes as it said");
    return this.#bounce.subarray(0, length);
  }

  #receiveAll(host: DeviceHost): void {
    this.#receiveWanted = false;
    const queue = host.queue(NET_QUEUE_RECEIVE);
    if (queue === undefined) return;
    let received = 0;
    do {
      for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
        const written = this.#receive(chain);
        if (written === 0) {
          // Buffers are there and frames are not: more buffers are no news.
          queue.unpop();
          queue.muteKick();
          return host.publish(queue);
        }
        queue.complete(chain.head, written);
        if (++received < FRAMES_PER_ROUND_MAX) continue;
        this.#receiveWanted = true;
        return host.publish(queue);
      }
      host.publish(queue);
    } while (queue.wantKick());
  }

  /** @returns bytes written into the chain, header included; 0 when no frame is there for it. */
  #receive(chain: Chain): number {
    if (chain.writableLength < NET_HEADER_SIZE) throw new QueueError("too_short", chain.head);
    const part = chain.readableCount;
    const room = chain.lengthOf(part) - NET_HEADER_SIZE;
    const direct = chain.count - part === 1 && room >= this.#frameMax;
    return direct ? this.#receiveDirect(chain, part) : this.#receiveBounced(chain);
  }

  #receiveDirect(chain: Chain, part: number): number {
    const checksum = this.#lentChecksum();
    const into = this.#received.view(chain, { part, skip: NET_HEADER_SIZE });
    const length = this.#link.receive(into, checksum);
    const region = chain.regionOf(part);
    if (length === 0 || region === undefined) return 0;
    writeNetHeader(region.view, chain.offsetOf(part), { buffers: ONE_BUFFER, checksum });
    return NET_HEADER_SIZE + length;
  }

  /** Where the link may say that a frame's checksum is partial; nowhere unless the driver agreed. */
  #lentChecksum(): PartialChecksum | undefined {
    this.#receivedChecksum.start = 0;
    return this.#partial ? this.#receivedChecksum : undefined;
  }

  #receiveBounced(chain: Chain): number {
    const room = chain.writableLength - NET_HEADER_SIZE;
    for (let dropped = 0; dropped < FRAMES_PER_ROUND_MAX; dropped++) {
      const checksum = this.#lentChecksum();
      const length = this.#link.receive(this.#bounce, checksum);
      if (length === 0) return 0;
      if (length > room) {
        this.drops.buffer++;
        continue;
      }
      writeNetHeader(this.#headerView, 0, { buffers: ONE_BUFFER, checksum });
      chain.scatter(this.#header);
      chain.scatter(this.#bounce.subarray(0, length), NET_HEADER_SIZE);
      return NET_HEADER_SIZE + length;
    }
    this.#receiveWanted = true;
    return 0;
  }
}
