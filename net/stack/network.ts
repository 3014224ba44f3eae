import { assert } from "@runtime/core/assert.ts";
import {
  ARP_LENGTH,
  ARP_REPLY,
  ARP_REQUEST,
  type ArpPacket,
  parseArp,
  putArp,
} from "../wire/arp.ts";
import {
  ETHERNET_HEADER_LENGTH,
  ethernetTargets,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  MAC_BROADCAST,
  putEthernet,
} from "../wire/ethernet.ts";
import {
  IPV4_BROADCAST,
  IPV4_HEADER_LENGTH,
  type Ipv4Address,
  prefixMask,
  putIpv4,
  unicast,
} from "../wire/ipv4.ts";
import type { StackCounters } from "./counters.ts";
import type { StackAddressing, StackOptions } from "./interface.ts";
import type { StackLimits } from "./limits.ts";
import { arpFrameTarget, Neighbours, type NeighbourWaiter } from "./neighbours.ts";
import { PacketQueue } from "./packet_queue.ts";

/** The head of a packet to send. `length` is its payload's, in bytes. */
export interface PacketHead {
  readonly source: Ipv4Address;
  readonly target: Ipv4Address;
  readonly protocol: number;
  readonly length: number;
}

/**
 * Addresses, next hops, neighbours, and the queue of packets to send: what all protocols of a stack
 * share.
 */
export class Network {
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly counters: StackCounters;
  readonly neighbours: Neighbours;
  readonly #queue: PacketQueue;
  #addressing: StackAddressing;
  #mask = 0;

  constructor(options: StackOptions, limits: StackLimits, counters: StackCounters) {
    assert(options.mac.length === 6, "a MAC address has 6 bytes");
    assert(options.mtu >= 576 && options.mtu <= 65535, "an MTU is 576..65535 bytes");
    this.mac = options.mac.slice();
    this.mtu = options.mtu;
    this.counters = counters;
    this.#addressing = options;
    this.configure(options);
    this.#queue = new PacketQueue({
      sizeMax: Math.max(limits.packetQueueBytes, 2 * options.mtu),
      countMax: limits.packetQueueCount,
    });
    this.neighbours = new Neighbours({
      mac: this.mac,
      neighboursMax: limits.neighbours,
      packetsMax: limits.neighbourPackets,
      counters,
    });
  }

  configure(addressing: StackAddressing): void {
    const { prefixLength } = addressing;
    assert(prefixLength >= 0 && prefixLength <= 32, "a prefix has 0..32 bits");
    this.#addressing = addressing;
    this.#mask = prefixMask(prefixLength);
  }

  get pending(): boolean {
    return this.#queue.count > 0 || this.neighbours.pending;
  }

  /** Whether packets to `address` are for this stack alone. */
  mine(address: Ipv4Address): boolean {
    const { addresses, notMine } = this.#addressing;
    if (addresses !== "any") return addresses.includes(address);
    return unicast(address) && notMine?.includes(address) !== true;
  }

  /** Whether a packet to `address` would have to come back to this stack, which it never does. */
  loops(address: Ipv4Address): boolean {
    return this.#addressing.addresses !== "any" && this.mine(address);
  }

  /** Whether `address` means every station of the link. */
  broadcast(address: Ipv4Address): boolean {
    if (address === IPV4_BROADCAST) return true;
    const { addresses, prefixLength } = this.#addressing;
    if (addresses === "any" || prefixLength > 30) return false;
    return addresses.some((own) => ((own | ~this.#mask) >>> 0) === address);
  }

  answersEcho(address: Ipv4Address): boolean {
    const { addresses, echoAddresses } = this.#addressing;
    const answering = echoAddresses ?? (addresses === "any" ? [] : addresses);
    return answering.includes(address);
  }

  /** The address from which `remote` is spoken to, unless the caller names one. */
  sourceFor(remote: Ipv4Address): Ipv4Address | undefined {
    const { addresses, echoAddresses } = this.#addressing;
    const own = addresses === "any" ? echoAddresses ?? [] : addresses;
    const near = own.find((address) => (((address ^ remote) & this.#mask) >>> 0) === 0);
    return near ?? own[0];
  }

  /** The station to hand a packet for `target` to; `undefined` when there is no way. */
  nextHop(target: Ipv4Address): Ipv4Address | undefined {
    const { addresses, router } = this.#addressing;
    if (addresses === "any") return router ?? target;
    for (const own of addresses) {
      if (((own ^ target) & this.#mask) === 0) return target;
    }
    return router;
  }

  /**
   * Queues a packet and writes its header.
   *
   * @returns the whole packet, to write the payload behind {@linkcode IPV4_HEADER_LENGTH}: a view
   *   valid until the next call. `unreachable` without a way there, `limit` when the queue is full.
   */
  queue(head: PacketHead): Uint8Array | "unreachable" | "limit" {
    const broadcast = this.broadcast(head.target);
    const hop = broadcast ? IPV4_BROADCAST : this.nextHop(head.target);
    if (hop === undefined) return "unreachable";
    const packet = this.#queue.push(IPV4_HEADER_LENGTH + head.length, hop);
    if (packet === undefined) {
      this.counters.packetsDropped++;
      return "limit";
    }
    putIpv4(packet, 0, head);
    return packet;
  }

  /** Writes the next queued packet as a frame. Returns its length, 0 when there is none. */
  transmit(into: Uint8Array, nowMs: number): number {
    const { neighbours } = this;
    for (let arp = neighbours.takeArp(); arp !== undefined; arp = neighbours.takeArp()) {
      const length = this.#frameArp(arp, into);
      if (length > 0) return length;
    }
    for (
      let next = neighbours.takeReleased();
      next !== undefined;
      next = neighbours.takeReleased()
    ) {
      const length = this.#frame(next.bytes, next.mac, into);
      if (length > 0) return length;
    }
    for (let packet = this.#queue.front(); packet !== undefined; packet = this.#queue.front()) {
      this.#queue.shift();
      const length = this.#send(packet, into, nowMs);
      if (length > 0) return length;
    }
    const late = neighbours.takeArp();
    return late === undefined ? 0 : this.#frameArp(late, into);
  }

  /**
   * The next hop's MAC address for a connection.
   *
   * @returns `undefined` when it is not known: `waiter` is told, at once when there is no way.
   */
  macFor(
    way: { readonly source: Ipv4Address; readonly target: Ipv4Address; readonly nowMs: number },
    waiter: NeighbourWaiter & { awaitsNeighbour: boolean },
  ): Uint8Array | undefined {
    const hop = this.nextHop(way.target);
    if (hop === undefined) {
      waiter.neighbourMissing();
      return undefined;
    }
    const mac = this.neighbours.find(hop, way);
    if (mac !== undefined || waiter.awaitsNeighbour) return mac;
    waiter.awaitsNeighbour = true;
    if (!this.neighbours.await(hop, waiter)) waiter.neighbourMissing();
    return undefined;
  }

  /** Takes a frame with an ARP packet. */
  receiveArp(frame: Uint8Array, nowMs: number): void {
    const packet = parseArp(frame, ETHERNET_HEADER_LENGTH);
    if (typeof packet === "string") {
      this.counters.malformed++;
      return;
    }
    this.counters.arpReceived++;
    const { senderAddress, senderMac, targetAddress } = packet;
    const station = ((senderMac[0] ?? 1) & 1) === 0;
    const plausible = senderAddress === 0 ||
      (unicast(senderAddress) && senderAddress !== targetAddress);
    if (!station || !plausible || !this.mine(targetAddress)) return;
    if (packet.operation === ARP_REQUEST) this.neighbours.asked(packet, nowMs);
    if (packet.operation === ARP_REPLY && ethernetTargets(frame, this.mac)) {
      this.neighbours.answered(packet, nowMs);
    }
  }

  #send(
    packet: { readonly bytes: Uint8Array; readonly nextHop: Ipv4Address },
    into: Uint8Array,
    nowMs: number,
  ): number {
    const { bytes, nextHop } = packet;
    if (nextHop === IPV4_BROADCAST) return this.#frame(bytes, MAC_BROADCAST, into);
    const source = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12);
    const mac = this.neighbours.find(nextHop, { source, nowMs });
    if (mac !== undefined) return this.#frame(bytes, mac, into);
    if (!this.neighbours.hold(nextHop, bytes)) this.counters.packetsDropped++;
    return 0;
  }

  #frame(packet: Uint8Array, target: Uint8Array, into: Uint8Array): number {
    const length = ETHERNET_HEADER_LENGTH + packet.length;
    if (length > into.length) {
      this.counters.packetsDropped++;
      return 0;
    }
    putEthernet(into, { target, source: this.mac, type: ETHERTYPE_IPV4 });
    into.set(packet, ETHERNET_HEADER_LENGTH);
    return length;
  }

  #frameArp(packet: ArpPacket, into: Uint8Array): number {
    const length = ETHERNET_HEADER_LENGTH + ARP_LENGTH;
    if (length > into.length) return 0;
    const target = arpFrameTarget(packet);
    putEthernet(into, { target, source: this.mac, type: ETHERTYPE_ARP });
    putArp(into, ETHERNET_HEADER_LENGTH, packet);
    this.counters.arpSent++;
    return length;
  }
}
