import type { WireErrorCode } from "@runtime/core/error.ts";
import type { PartialChecksum } from "@runtime/core/ports.ts";
import {
  ETHERNET_HEADER_LENGTH,
  ethernetFromGroup,
  ethernetTargets,
  ethernetToGroup,
  ethernetType,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
} from "../wire/ethernet.ts";
import { readIcmp } from "../wire/icmp.ts";
import {
  type Ipv4Fields,
  ipv4Fields,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readIpv4,
  unicast,
} from "../wire/ipv4.ts";
import { readTcp } from "../wire/tcp.ts";
import { readUdp } from "../wire/udp.ts";
import { type StackCounters, stackCounters } from "./counters.ts";
import { FrameMirror } from "./frame_mirror.ts";
import { IcmpLayer } from "./icmp_layer.ts";
import type {
  Endpoint,
  PendingTcp,
  PingOptions,
  Stack,
  StackAddressing,
  StackOptions,
  TcpListener,
  TcpSocket,
  UdpHandler,
  UdpSent,
  UdpSocket,
} from "./interface.ts";
import { stackLimits } from "./limits.ts";
import { Network } from "./network.ts";
import { TcpLayer } from "./tcp_layer.ts";
import { UdpLayer } from "./udp_layer.ts";

export type * from "./interface.ts";
export { formatIpv4, parseIpv4 } from "../wire/ipv4.ts";

/** Makes a stack: one interface on one link. See {@linkcode Stack}. */
export function createStack(options: StackOptions): Stack {
  return new Interface(options);
}

/** Joins the layers: takes frames apart for them, and gives each its turn. */
class Interface implements Stack {
  readonly #counters: StackCounters = stackCounters();
  readonly #network: Network;
  readonly #tcp: TcpLayer;
  readonly #udp: UdpLayer;
  readonly #icmp: IcmpLayer;
  readonly #mirror: FrameMirror;
  readonly #packet: Ipv4Fields = ipv4Fields();
  /** What is left of the checksum of the frame being received. */
  #checksum: Readonly<PartialChecksum> | undefined;

  constructor(options: StackOptions) {
    const limits = stackLimits(options.limits);
    this.#mirror = new FrameMirror(options.mtu + ETHERNET_HEADER_LENGTH);
    this.#network = new Network(options, limits, this.#counters);
    this.#tcp = new TcpLayer(this.#network, limits, options.random32);
    this.#udp = new UdpLayer(this.#network, limits);
    this.#icmp = new IcmpLayer(this.#network, limits, this.#tcp);
  }

  receive(frame: Uint8Array, nowMs: number, checksum?: Readonly<PartialChecksum>): void {
    this.#counters.framesReceived++;
    this.#checksum = checksum;
    this.#tcp.nowMs = nowMs;
    this.#tcp.working = true;
    const owned = this.#mirror.taken(frame);
    if (owned === undefined) this.#counters.malformed++;
    else this.#receiveFrame(owned, nowMs);
    this.#tcp.working = false;
    this.#notify();
  }

  transmit(into: Uint8Array, nowMs: number, checksum?: PartialChecksum): number {
    if (checksum !== undefined) checksum.start = 0;
    if (!this.pending) return 0;
    this.#tcp.working = true;
    const frame = this.#mirror.place(into);
    let length = this.#network.pending ? this.#network.transmit(frame, nowMs) : 0;
    if (length === 0) length = this.#tcp.transmit(frame, nowMs, checksum);
    if (length === 0 && this.#network.pending) length = this.#network.transmit(frame, nowMs);
    this.#tcp.working = false;
    if (length === 0) return 0;
    this.#counters.framesSent++;
    this.#mirror.give(into, length);
    return length;
  }

  get pending(): boolean {
    return this.#tcp.pending || this.#network.pending;
  }

  poll(nowMs: number): void {
    this.#tcp.nowMs = nowMs;
    this.#tcp.working = true;
    this.#network.neighbours.poll(nowMs);
    this.#tcp.poll();
    this.#icmp.poll(nowMs);
    this.#tcp.working = false;
    this.#notify();
  }

  nextTimerMs(): number | undefined {
    const nextMs = Math.min(
      this.#tcp.nextTimerMs(),
      this.#network.neighbours.nextTimerMs() ?? Infinity,
      this.#icmp.nextTimerMs() ?? Infinity,
    );
    return nextMs === Infinity ? undefined : nextMs;
  }

  configure(addressing: StackAddressing): void {
    this.#network.configure(addressing);
  }

  listenTcp(
    options: { readonly port: number; readonly backlog: number; readonly address?: number },
  ): TcpListener | "in_use" | "limit" {
    return this.#tcp.listen(options);
  }

  connectTcp(
    options: { readonly remote: Endpoint; readonly local?: Partial<Endpoint> },
  ): TcpSocket | "limit" | "in_use" | "unreachable" {
    return this.#tcp.connect(options);
  }

  onTcpSyn(decide: ((request: PendingTcp) => void) | undefined): void {
    this.#tcp.onSyn(decide);
  }

  bindUdp(
    options: { readonly port: number; readonly address?: number },
  ): UdpSocket | "in_use" | "limit" {
    return this.#udp.bind(options);
  }

  onUdp(handler: UdpHandler | undefined): void {
    this.#udp.onDatagram(handler);
  }

  sendUdp(local: Endpoint, remote: Endpoint, payload: Uint8Array): UdpSent {
    return this.#udp.send(local, remote, payload);
  }

  ping(
    options: PingOptions,
    done: (rttMs: number | undefined) => void,
    nowMs: number,
    timeoutMs: number,
  ): "ok" | "limit" | "unreachable" {
    return this.#icmp.ping(options, done, { nowMs, timeoutMs });
  }

  counters(): StackCounters {
    return { ...this.#counters };
  }

  sockets(): number {
    return this.#tcp.count + this.#udp.count + this.#icmp.count;
  }

  #receiveFrame(frame: Uint8Array, nowMs: number): void {
    const type = ethernetType(frame);
    const toGroup = ethernetToGroup(frame);
    const ours = toGroup || ethernetTargets(frame, this.#network.mac);
    if (!ours || ethernetFromGroup(frame)) {
      this.#counters.framesIgnored++;
    } else if (type === ETHERTYPE_IPV4) {
      this.#receivePacket(frame, toGroup, nowMs);
    } else if (type === ETHERTYPE_ARP) {
      this.#network.receiveArp(frame, nowMs);
    } else {
      this.#counters.framesIgnored++;
    }
  }

  #receivePacket(frame: Uint8Array, toGroup: boolean, nowMs: number): void {
    const packet = this.#packet;
    if (this.#refused(readIpv4(frame, ETHERNET_HEADER_LENGTH, packet))) return;
    if (packet.fragment) {
      this.#counters.fragments++;
      return;
    }
    const broadcast = toGroup || this.#network.broadcast(packet.target);
    const udp = packet.protocol === PROTOCOL_UDP;
    const fromHost = unicast(packet.source) || (udp && packet.source === 0);
    const own = this.#network.mine(packet.target);
    const wanted = broadcast ? udp && (own || this.#network.broadcast(packet.target)) : own;
    if (!wanted || !fromHost || this.#network.broadcast(packet.source)) {
      this.#counters.notForUs++;
    } else if (packet.protocol === PROTOCOL_TCP) {
      if (!this.#refused(readTcp(frame, packet, this.#tcp.segment, this.#checksum))) {
        this.#tcp.receive(frame, packet);
      }
    } else if (udp) {
      if (this.#refused(readUdp(frame, packet, this.#udp.fields, this.#checksum))) return;
      const taken = this.#udp.receive(frame, packet);
      if (!taken && !broadcast && packet.source !== 0) this.#icmp.refusePort(frame, packet, nowMs);
    } else if (packet.protocol === PROTOCOL_ICMP) {
      const run = { start: packet.payloadStart, end: packet.payloadEnd };
      if (!this.#refused(readIcmp(frame, run, this.#icmp.fields))) {
        this.#icmp.receive(frame, packet, nowMs);
      }
    }
  }

  /** Counts why something did not parse, and says whether it did not. */
  #refused(code: WireErrorCode | undefined): boolean {
    if (code === undefined) return false;
    if (code === "bad_checksum") this.#counters.badChecksums++;
    else this.#counters.malformed++;
    return true;
  }

  #notify(): void {
    this.#tcp.notify();
    this.#udp.notify();
    this.#icmp.notify();
  }
}
