import { ARP_REPLY, ARP_REQUEST, type ArpPacket } from "../wire/arp.ts";
import { MAC_BROADCAST, MAC_LENGTH } from "../wire/ethernet.ts";
import type { Ipv4Address } from "../wire/ipv4.ts";
import type { StackCounters } from "./counters.ts";

/** After this time a neighbour that is used is asked again, while its old answer still serves. */
const REFRESH_MS = 30_000;
/** After this time an answer no longer serves. */
const EXPIRE_MS = 60_000;
/** Between two requests for one address. Source: RFC 1122, "ARP Cache Validation" (1 per second). */
const REQUEST_INTERVAL_MS = 1_000;
const REQUEST_TRIES_MAX = 6;
const NO_MAC = new Uint8Array(MAC_LENGTH);

/** Who is told how the search for a neighbour ended. */
export interface NeighbourWaiter {
  neighbourFound(): void;
  neighbourMissing(): void;
}

interface Neighbour {
  readonly address: Ipv4Address;
  /** The sender address for requests. */
  source: Ipv4Address;
  mac: Uint8Array | undefined;
  learnedMs: number;
  /** Requests since the last answer; 0 when none is out. */
  tries: number;
  askAgainMs: number;
  waiters: NeighbourWaiter[];
  packets: Uint8Array[];
}

/** What a table of neighbours needs of its stack. */
export interface NeighbourHost {
  readonly mac: Uint8Array;
  readonly neighboursMax: number;
  readonly packetsMax: number;
  readonly counters: StackCounters;
}

/**
 * Which MAC address each neighbour has.
 *
 * Learns from answers to its own requests and from requests for the stack's addresses, nothing else.
 * Source: RFC 826, "Packet Reception"; RFC 1122, "Address Resolution Protocol".
 */
export class Neighbours {
  readonly #host: NeighbourHost;
  readonly #table = new Map<Ipv4Address, Neighbour>();
  /** Neighbours whose answer is awaited. */
  #asking = 0;
  /** ARP packets to send, bounded by the table: one request a neighbour, and the replies. */
  readonly #outgoing: ArpPacket[] = [];
  /** Packets whose neighbour has just been found. */
  readonly #released: { readonly bytes: Uint8Array; readonly mac: Uint8Array }[] = [];

  constructor(host: NeighbourHost) {
    this.#host = host;
  }

  get pending(): boolean {
    return this.#outgoing.length > 0 || this.#released.length > 0;
  }

  /** The next ARP packet to send. */
  takeArp(): ArpPacket | undefined {
    return this.#outgoing.shift();
  }

  /** The next packet whose neighbour was found. */
  takeReleased(): { readonly bytes: Uint8Array; readonly mac: Uint8Array } | undefined {
    return this.#released.shift();
  }

  /**
   * The neighbour's MAC address, valid until the next call; asks the link when it is not known.
   *
   * @param ask `source` is the sender address for the request.
   * @returns `undefined` when it is not known yet: use {@linkcode await} or {@linkcode hold}.
   */
  find(
    address: Ipv4Address,
    ask: { readonly source: Ipv4Address; readonly nowMs: number },
  ): Uint8Array | undefined {
    const { source, nowMs } = ask;
    let neighbour = this.#table.get(address);
    if (neighbour === undefined) {
      neighbour = this.#insert(address, source);
      if (neighbour === undefined) return undefined;
    }
    const ageMs = nowMs - neighbour.learnedMs;
    if (neighbour.mac !== undefined && ageMs < REFRESH_MS) return neighbour.mac;
    if (ageMs >= EXPIRE_MS) neighbour.mac = undefined;
    if (neighbour.tries === 0) this.#request(neighbour, nowMs);
    return neighbour.mac;
  }

  /** Tells `waiter` how the search for `address`, begun by {@linkcode find}, ends. */
  await(address: Ipv4Address, waiter: NeighbourWaiter): boolean {
    const neighbour = this.#table.get(address);
    if (neighbour === undefined) return false;
    neighbour.waiters.push(waiter);
    return true;
  }

  /** Keeps a copy of an IP packet until `address` is found. `false`: there was no room. */
  hold(address: Ipv4Address, packet: Uint8Array): boolean {
    const neighbour = this.#table.get(address);
    if (neighbour === undefined || neighbour.packets.length >= this.#host.packetsMax) return false;
    neighbour.packets.push(packet.slice());
    return true;
  }

  /** Takes an answer; it counts only while a request for its sender is out. */
  answered(packet: ArpPacket, nowMs: number): void {
    const neighbour = this.#table.get(packet.senderAddress);
    if (neighbour !== undefined && neighbour.tries > 0) this.#learn(neighbour, packet, nowMs);
  }

  /** Takes a request for one of the stack's addresses: answers, and learns who asked. */
  asked(packet: ArpPacket, nowMs: number): void {
    if (this.#outgoing.length < 2 * this.#host.neighboursMax) {
      this.#outgoing.push({
        operation: ARP_REPLY,
        senderMac: this.#host.mac,
        senderAddress: packet.targetAddress,
        targetMac: packet.senderMac,
        targetAddress: packet.senderAddress,
      });
    }
    if (packet.senderAddress === 0) return;
    const known = this.#table.get(packet.senderAddress);
    const neighbour = known ?? this.#insert(packet.senderAddress, packet.targetAddress);
    if (neighbour !== undefined) this.#learn(neighbour, packet, nowMs);
  }

  /** Repeats requests that had no answer, and gives up on those asked often enough. */
  poll(nowMs: number): void {
    if (this.#asking === 0) return;
    for (const neighbour of this.#table.values()) {
      if (neighbour.tries === 0 || neighbour.askAgainMs > nowMs) continue;
      if (neighbour.tries < REQUEST_TRIES_MAX) this.#request(neighbour, nowMs);
      else this.#giveUp(neighbour);
    }
  }

  nextTimerMs(): number | undefined {
    if (this.#asking === 0) return undefined;
    let nextMs = Infinity;
    for (const neighbour of this.#table.values()) {
      if (neighbour.tries > 0) nextMs = Math.min(nextMs, neighbour.askAgainMs);
    }
    return nextMs === Infinity ? undefined : nextMs;
  }

  #insert(address: Ipv4Address, source: Ipv4Address): Neighbour | undefined {
    if (this.#table.size >= this.#host.neighboursMax && !this.#evict()) return undefined;
    const neighbour: Neighbour = {
      address,
      source,
      mac: undefined,
      learnedMs: -Infinity,
      tries: 0,
      askAgainMs: 0,
      waiters: [],
      packets: [],
    };
    this.#table.set(address, neighbour);
    return neighbour;
  }

  /** Makes room by forgetting the neighbour learned longest ago that nobody waits for. */
  #evict(): boolean {
    let oldest: Neighbour | undefined;
    for (const neighbour of this.#table.values()) {
      if (neighbour.tries > 0) continue;
      if (oldest === undefined || neighbour.learnedMs < oldest.learnedMs) oldest = neighbour;
    }
    return oldest !== undefined && this.#table.delete(oldest.address);
  }

  #request(neighbour: Neighbour, nowMs: number): void {
    if (neighbour.tries === 0) this.#asking++;
    neighbour.tries++;
    neighbour.askAgainMs = nowMs + REQUEST_INTERVAL_MS;
    this.#outgoing.push({
      operation: ARP_REQUEST,
      senderMac: this.#host.mac,
      senderAddress: neighbour.source,
      targetMac: NO_MAC,
      targetAddress: neighbour.address,
    });
  }

  #learn(neighbour: Neighbour, packet: ArpPacket, nowMs: number): void {
    neighbour.mac = packet.senderMac;
    neighbour.learnedMs = nowMs;
    if (neighbour.tries > 0) this.#asking--;
    neighbour.tries = 0;
    for (const bytes of neighbour.packets) this.#released.push({ bytes, mac: packet.senderMac });
    neighbour.packets = [];
    const waiters = neighbour.waiters;
    neighbour.waiters = [];
    for (const waiter of waiters) waiter.neighbourFound();
  }

  #giveUp(neighbour: Neighbour): void {
    this.#table.delete(neighbour.address);
    this.#asking--;
    this.#host.counters.arpFailures++;
    this.#host.counters.packetsDropped += neighbour.packets.length;
    for (const waiter of neighbour.waiters) waiter.neighbourMissing();
  }
}

/** Where a frame with this ARP packet goes: requests to everyone, answers to who asked. */
export function arpFrameTarget(packet: ArpPacket): Uint8Array {
  return packet.operation === ARP_REQUEST ? MAC_BROADCAST : packet.targetMac;
}
