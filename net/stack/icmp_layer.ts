import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import {
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_LENGTH,
  ICMP_UNREACHABLE,
  type IcmpFields,
  icmpFields,
  putIcmp,
  UNREACHABLE_FRAGMENTATION_NEEDED,
  UNREACHABLE_PORT,
  UNREACHABLE_PROTOCOL,
} from "../wire/icmp.ts";
import {
  IPV4_HEADER_LENGTH,
  type Ipv4Address,
  type Ipv4Fields,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
} from "../wire/ipv4.ts";
import { i32At, u16At, u32At } from "../wire/octets.ts";
import type { Endpoint, PingOptions } from "./interface.ts";
import type { StackLimits } from "./limits.ts";
import type { Network } from "./network.ts";

/** Port-unreachable messages per second. Source: RFC 1812, "Rate Limiting". */
export const UNREACHABLES_MAX = 50;
const UNREACHABLE_INTERVAL_MS = 1_000;
/** Bytes that an error quotes of what the offending packet carries, behind its header. */
const QUOTED_PAYLOAD_LENGTH = 8;
const QUOTED_LENGTH_MIN = IPV4_HEADER_LENGTH + QUOTED_PAYLOAD_LENGTH;

interface Ping {
  readonly remote: Ipv4Address;
  readonly ident: number;
  readonly sequence: number;
  readonly sentMs: number;
  readonly expiresMs: number;
  readonly done: (rttMs: number | undefined) => void;
}

/** Who is told that a TCP segment of ours cannot be delivered. */
export interface UndeliverableSink {
  undeliverable(
    local: Endpoint,
    remote: Endpoint,
    error: { readonly sequence: number; readonly refused: boolean },
  ): void;
}

/** ICMP: answers echo, asks for echo, and reads and sends "unreachable". */
export class IcmpLayer {
  readonly #network: Network;
  readonly #limits: StackLimits;
  readonly #tcp: UndeliverableSink;
  readonly #fields: IcmpFields = icmpFields();
  #pings: Ping[] = [];
  #answered: { readonly ping: Ping; readonly rttMs: number | undefined }[] = [];
  #errors = 0;
  #errorsFromMs = -Infinity;

  constructor(network: Network, limits: StackLimits, tcp: UndeliverableSink) {
    this.#network = network;
    this.#limits = limits;
    this.#tcp = tcp;
  }

  /** Where `receive` expects the parsed message. */
  get fields(): IcmpFields {
    return this.#fields;
  }

  get count(): number {
    return this.#pings.length;
  }

  ping(
    options: PingOptions,
    done: (rttMs: number | undefined) => void,
    time: { readonly nowMs: number; readonly timeoutMs: number },
  ): "ok" | "limit" | "unreachable" {
    if (this.#pings.length >= this.#limits.pings) return "limit";
    const { remote, ident, sequence, payload = new Uint8Array(0) } = options;
    const source = options.local ?? this.#network.sourceFor(remote);
    if (source === undefined || this.#network.loops(remote)) return "unreachable";
    if (IPV4_HEADER_LENGTH + ICMP_HEADER_LENGTH + payload.length > this.#network.mtu) {
      return "limit";
    }
    const header = { type: ICMP_ECHO_REQUEST, code: 0, ident, sequence };
    const sent = this.#send({ source, target: remote }, header, payload);
    if (sent !== "ok") return sent;
    const { nowMs, timeoutMs } = time;
    this.#pings.push({
      remote,
      ident,
      sequence,
      sentMs: nowMs,
      expiresMs: nowMs + timeoutMs,
      done,
    });
    return "ok";
  }

  /** Takes the message that `packet` carries. */
  receive(frame: Uint8Array, packet: Readonly<Ipv4Fields>, nowMs: number): void {
    const { type } = this.#fields;
    this.#network.counters.icmpReceived++;
    if (type === ICMP_ECHO_REQUEST) this.#answer(frame, packet);
    else if (type === ICMP_ECHO_REPLY) this.#replied(packet.source, nowMs);
    else if (type === ICMP_UNREACHABLE) this.#unreachable(frame, packet);
  }

  /** Tells the sender of a datagram that nobody has its port, at a bounded rate. */
  refusePort(frame: Uint8Array, packet: Readonly<Ipv4Fields>, nowMs: number): void {
    if (nowMs - this.#errorsFromMs >= UNREACHABLE_INTERVAL_MS) {
      this.#errorsFromMs = nowMs;
      this.#errors = 0;
    }
    if (this.#errors >= UNREACHABLES_MAX) return;
    this.#errors++;
    const header = { type: ICMP_UNREACHABLE, code: UNREACHABLE_PORT, ident: 0, sequence: 0 };
    const quoted = frame.subarray(
      ETHERNET_HEADER_LENGTH,
      packet.payloadStart + QUOTED_PAYLOAD_LENGTH,
    );
    this.#send({ source: packet.target, target: packet.source }, header, quoted);
  }

  poll(nowMs: number): void {
    for (const ping of this.#pings) {
      if (ping.expiresMs <= nowMs) this.#answered.push({ ping, rttMs: undefined });
    }
    this.#pings = this.#pings.filter((ping) => ping.expiresMs > nowMs);
  }

  nextTimerMs(): number | undefined {
    let nextMs = Infinity;
    for (const ping of this.#pings) nextMs = Math.min(nextMs, ping.expiresMs);
    return nextMs === Infinity ? undefined : nextMs;
  }

  notify(): void {
    if (this.#answered.length === 0) return;
    const answered = this.#answered;
    this.#answered = [];
    for (const { ping, rttMs } of answered) ping.done(rttMs);
  }

  #answer(frame: Uint8Array, packet: Readonly<Ipv4Fields>): void {
    const { source, target, payloadStart, payloadEnd } = packet;
    if (!this.#network.answersEcho(target)) return;
    const header = { ...this.#fields, type: ICMP_ECHO_REPLY, code: 0 };
    const payload = frame.subarray(payloadStart + ICMP_HEADER_LENGTH, payloadEnd);
    if (this.#send({ source: target, target: source }, header, payload) === "ok") {
      this.#network.counters.echoReplies++;
    }
  }

  #replied(source: Ipv4Address, nowMs: number): void {
    const { ident, sequence } = this.#fields;
    const index = this.#pings.findIndex((ping) =>
      ping.remote === source && ping.ident === ident && ping.sequence === sequence
    );
    const ping = this.#pings[index];
    if (ping === undefined) return;
    this.#pings.splice(index, 1);
    this.#answered.push({ ping, rttMs: nowMs - ping.sentMs });
  }

  /** Source: RFC 1122, "Destination Unreachable" of TCP; RFC 5927 for what to believe. */
  #unreachable(frame: Uint8Array, packet: Readonly<Ipv4Fields>): void {
    const { code } = this.#fields;
    const start = packet.payloadStart + ICMP_HEADER_LENGTH;
    if (
      packet.payloadEnd - start < QUOTED_LENGTH_MIN || code === UNREACHABLE_FRAGMENTATION_NEEDED
    ) {
      return;
    }
    const headerLength = ((frame[start] ?? 0) & 0xf) * 4;
    const inner = start + headerLength;
    if (frame[start + 9] !== PROTOCOL_TCP || headerLength < IPV4_HEADER_LENGTH) return;
    if (inner + QUOTED_PAYLOAD_LENGTH > packet.payloadEnd) return;
    const local = { address: u32At(frame, start + 12), port: u16At(frame, inner) };
    const remote = { address: u32At(frame, start + 16), port: u16At(frame, inner + 2) };
    const refused = code === UNREACHABLE_PORT || code === UNREACHABLE_PROTOCOL;
    this.#tcp.undeliverable(local, remote, { sequence: i32At(frame, inner + 4), refused });
  }

  #send(
    way: { readonly source: Ipv4Address; readonly target: Ipv4Address },
    header: Readonly<IcmpFields>,
    payload: Uint8Array,
  ): "ok" | "limit" | "unreachable" {
    const length = ICMP_HEADER_LENGTH + payload.length;
    const packet = this.#network.queue({ ...way, protocol: PROTOCOL_ICMP, length });
    if (typeof packet === "string") return packet;
    packet.set(payload, IPV4_HEADER_LENGTH + ICMP_HEADER_LENGTH);
    putIcmp(packet, { start: IPV4_HEADER_LENGTH, end: packet.length }, header);
    return "ok";
  }
}
