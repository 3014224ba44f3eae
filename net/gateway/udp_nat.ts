import type { HostAddress, HostUdp } from "@runtime/core/ports.ts";
import type { Endpoint, Ipv4Address } from "../stack/stack.ts";
import type { GatewayParts } from "./tcp_flows.ts";

const NS_PER_MS = 1e6;
const ANY_IPV4 = "0.0.0.0";
const ANY_IPV6 = "::";

/** One UDP port of the guest in one address family, and the host socket that stands for it. */
interface Mapping {
  readonly key: number;
  readonly guest: Endpoint;
  readonly socket: Promise<HostUdp | undefined>;
  /** The socket once it is open. */
  open: HostUdp | undefined;
  /** What the guest sent before that. */
  readonly waiting: { readonly bytes: Uint8Array; readonly to: HostAddress }[];
  /** Hosts that the guest has sent to, and the address it used; the oldest first. */
  readonly peers: Map<string, Ipv4Address>;
  usedNs: number;
}

/**
 * UDP of the guest through sockets of the host.
 *
 * Each port of the guest keeps one host port for all it sends to; an answer is let in only from a
 * host that the guest has sent to. A mapping ends when it is idle.
 *
 * Source: RFC 4787, "Address and Port Mapping", "Filtering Behaviors" (address-dependent).
 */
export class UdpNat {
  readonly #parts: GatewayParts;
  /** The least recently used first. */
  readonly #mappings = new Map<number, Mapping>();
  readonly #closing = new Set<Promise<void>>();
  #cancelSweep: (() => void) | undefined;
  #closed = false;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#mappings.size;
  }

  /** Sends a datagram of the guest to where it points. `bytes` are valid during the call. */
  outward(target: Endpoint, guest: Endpoint, bytes: Uint8Array): void {
    const host = this.#closed ? undefined : this.#parts.book.holdTarget(target.address);
    if (host === undefined || target.port === 0) {
      this.#parts.counters.udpDropped++;
      return;
    }
    const mapping = this.#mapping(guest, host.includes(":"));
    this.#remember(mapping, host, target.address);
    this.#parts.counters.udpToHost++;
    const to = { host, port: target.port };
    if (mapping.open !== undefined) mapping.open.send(bytes, to);
    else if (mapping.waiting.length < this.#parts.limits.udpWaiting) {
      mapping.waiting.push({ bytes: bytes.slice(), to });
    } else this.#parts.counters.udpDropped++;
  }

  /** Ends every mapping; resolves when the host has let go of every socket. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelSweep?.();
    for (const mapping of [...this.#mappings.values()]) this.#end(mapping);
    await Promise.all(this.#closing);
  }

  #mapping(guest: Endpoint, ipv6: boolean): Mapping {
    const key = (guest.address * 65_536 + guest.port) * 2 + (ipv6 ? 1 : 0);
    const known = this.#mappings.get(key);
    if (known !== undefined) {
      this.#use(known);
      return known;
    }
    this.#makeRoom();
    const mapping = this.#openMapping(key, guest, ipv6 ? ANY_IPV6 : ANY_IPV4);
    this.#mappings.set(key, mapping);
    this.#sweepLater();
    return mapping;
  }

  #openMapping(key: number, guest: Endpoint, host: string): Mapping {
    const { clock, sockets } = this.#parts;
    const received = (bytes: Uint8Array, from: HostAddress) => this.#inward(mapping, bytes, from);
    const socket = sockets.bindUdp({ host, port: 0 }, received)
      .then((open) => this.#opened(mapping, open), () => this.#failed(mapping));
    const usedNs = clock.nowNs();
    const peers = new Map<string, Ipv4Address>();
    const mapping: Mapping = { key, guest, socket, open: undefined, waiting: [], peers, usedNs };
    return mapping;
  }

  #opened(mapping: Mapping, socket: HostUdp): HostUdp {
    mapping.open = socket;
    for (const { bytes, to } of mapping.waiting.splice(0)) socket.send(bytes, to);
    return socket;
  }

  #failed(mapping: Mapping): undefined {
    this.#parts.counters.udpDropped += mapping.waiting.length;
    this.#end(mapping);
  }

  #inward(mapping: Mapping, bytes: Uint8Array, from: HostAddress): void {
    const { counters, flush, stack } = this.#parts;
    const address = mapping.peers.get(from.host);
    if (address === undefined || this.#mappings.get(mapping.key) !== mapping) {
      counters.udpDropped++;
      return;
    }
    this.#use(mapping);
    const sent = stack.sendUdp({ address, port: from.port }, mapping.guest, bytes);
    if (sent === "ok") counters.udpToGuest++;
    else counters.udpDropped++;
    flush();
  }

  /** Moves a mapping behind all others. */
  #use(mapping: Mapping): void {
    mapping.usedNs = this.#parts.clock.nowNs();
    this.#mappings.delete(mapping.key);
    this.#mappings.set(mapping.key, mapping);
  }

  /** Keeps one hold of the book for each remembered peer; the caller has taken one more. */
  #remember(mapping: Mapping, host: string, address: Ipv4Address): void {
    const { book, limits } = this.#parts;
    const { peers } = mapping;
    if (peers.has(host)) {
      book.release(address);
      return;
    }
    for (const [oldest, held] of peers) {
      if (peers.size < limits.udpPeers) break;
      peers.delete(oldest);
      book.release(held);
    }
    peers.set(host, address);
  }

  #makeRoom(): void {
    for (const oldest of this.#mappings.values()) {
      if (this.#mappings.size < this.#parts.limits.udpMappings) return;
      this.#parts.counters.udpEvicted++;
      this.#end(oldest);
    }
  }

  #end(mapping: Mapping): void {
    if (this.#mappings.get(mapping.key) !== mapping) return;
    this.#mappings.delete(mapping.key);
    for (const address of mapping.peers.values()) this.#parts.book.release(address);
    mapping.peers.clear();
    const closing = mapping.socket.then((socket) => socket?.close())
      .then(() => void this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #sweepLater(): void {
    const [oldest] = this.#mappings.values();
    if (oldest === undefined || this.#cancelSweep !== undefined) return;
    const atNs = oldest.usedNs + this.#parts.limits.udpIdleMs * NS_PER_MS;
    this.#cancelSweep = this.#parts.turns.at(atNs, () => this.#sweep());
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    const limitNs = this.#parts.clock.nowNs() - this.#parts.limits.udpIdleMs * NS_PER_MS;
    for (const mapping of this.#mappings.values()) {
      if (mapping.usedNs > limitNs) break;
      this.#parts.counters.udpExpired++;
      this.#end(mapping);
    }
    this.#sweepLater();
  }
}
