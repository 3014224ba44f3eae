import type { Stack } from "@net/stack/stack.ts";
import { ARP_REPLY, ARP_REQUEST, parseArp, putArp } from "@net/wire/arp.ts";
import { ethernetType, ETHERTYPE_ARP, ETHERTYPE_IPV4, putEthernet } from "@net/wire/ethernet.ts";
import { ipv4Fields, putIpv4, readIpv4 } from "@net/wire/ipv4.ts";
import {
  putSynOptions,
  putTcp,
  readTcp,
  sealTcp,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  tcpFields,
} from "@net/wire/tcp.ts";

const FLAGS: Readonly<Record<string, number>> = {
  S: TCP_SYN,
  A: TCP_ACK,
  F: TCP_FIN,
  R: TCP_RST,
  P: TCP_PSH,
};

/** A segment as a test writes it: flags as letters of `SAFRP`. */
export interface PeerSegment {
  readonly flags: string;
  readonly sequence: number;
  readonly acknowledgement?: number;
  readonly window?: number;
  readonly payload?: Uint8Array;
  /** Options of a SYN; left out of it otherwise. */
  readonly mss?: number;
  readonly windowShift?: number;
  readonly sourcePort?: number;
}

/** A segment that the stack sent. */
export interface SeenSegment {
  readonly flags: string;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly window: number;
  readonly payload: Uint8Array;
  readonly mss: number;
  readonly windowShift: number;
  readonly sourcePort: number;
  readonly targetPort: number;
}

/** A TCP peer without a mind: it sends what the test says, and shows what the stack sends. */
export class TcpPeer {
  readonly stack: Stack;
  readonly address: number;
  readonly stackAddress: number;
  readonly mac: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 0xee);
  nowMs = 0;
  /** Ports of the segments it sends. */
  port = 5000;
  stackPort = 80;
  readonly #stackMac: Uint8Array;
  readonly #into = new Uint8Array(70_000);

  constructor(
    stack: Stack,
    way: { readonly address: number; readonly stackAddress: number; readonly stackMac: Uint8Array },
  ) {
    this.stack = stack;
    this.address = way.address;
    this.stackAddress = way.stackAddress;
    this.#stackMac = way.stackMac;
  }

  /** Hands the stack one segment. */
  send(segment: PeerSegment): void {
    this.stack.receive(this.frame(segment), this.nowMs);
  }

  /** The frame that {@linkcode send} would hand over. */
  frame(segment: PeerSegment): Uint8Array {
    const { payload = new Uint8Array(0), mss, windowShift } = segment;
    const optionsLength = mss === undefined ? 0 : 8;
    const length = 20 + optionsLength + payload.length;
    const frame = new Uint8Array(34 + length);
    putEthernet(frame, { target: this.#stackMac, source: this.mac, type: ETHERTYPE_IPV4 });
    const way = { source: this.address, target: this.stackAddress };
    putIpv4(frame, 14, { ...way, protocol: 6, length });
    if (mss !== undefined) putSynOptions(frame, 54, { mss, windowShift: windowShift ?? -1 });
    frame.set(payload, 54 + optionsLength);
    let flags = 0;
    for (const letter of segment.flags) flags |= FLAGS[letter] ?? 0;
    putTcp(frame, 34, {
      sourcePort: segment.sourcePort ?? this.port,
      targetPort: this.stackPort,
      sequence: segment.sequence,
      acknowledgement: segment.acknowledgement ?? 0,
      flags,
      window: segment.window ?? 0xffff,
      optionsLength,
    });
    sealTcp(frame, 34, { ...way, length });
    return frame;
  }

  /** Lets time pass and timers run. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let next = this.stack.nextTimerMs(); next !== undefined && next <= untilMs;) {
      this.nowMs = Math.max(this.nowMs, next);
      this.stack.poll(this.nowMs);
      const later = this.stack.nextTimerMs();
      if (this.stack.pending || later === next) break;
      next = later;
    }
    if (!this.stack.pending) this.nowMs = untilMs;
  }

  /** Everything the stack sends now. Answers its ARP requests. */
  seen(): SeenSegment[] {
    const segments: SeenSegment[] = [];
    while (this.stack.pending) {
      const length = this.stack.transmit(this.#into, this.nowMs);
      if (length === 0) break;
      const frame = this.#into.slice(0, length);
      if (ethernetType(frame) === ETHERTYPE_ARP) this.#answer(frame);
      else segments.push(seen(frame));
    }
    return segments;
  }

  /** The one segment the stack sends now. */
  only(): SeenSegment {
    const segments = this.seen();
    const [segment] = segments;
    if (segment === undefined || segments.length !== 1) {
      throw new RangeError(`${segments.length} segments where one was expected`);
    }
    return segment;
  }

  #answer(frame: Uint8Array): void {
    const request = parseArp(frame, 14);
    if (typeof request === "string" || request.operation !== ARP_REQUEST) return;
    const reply = new Uint8Array(42);
    putEthernet(reply, { target: request.senderMac, source: this.mac, type: ETHERTYPE_ARP });
    putArp(reply, 14, {
      operation: ARP_REPLY,
      senderMac: this.mac,
      senderAddress: request.targetAddress,
      targetMac: request.senderMac,
      targetAddress: request.senderAddress,
    });
    this.stack.receive(reply, this.nowMs);
  }
}

function seen(frame: Uint8Array): SeenSegment {
  const packet = ipv4Fields();
  const fields = tcpFields();
  const code = readIpv4(frame, 14, packet) ?? readTcp(frame, packet, fields);
  if (code !== undefined) throw new RangeError(`the stack sent a bad segment: ${code}`);
  const letters = Object.entries(FLAGS).filter(([, bit]) => (fields.flags & bit) !== 0);
  return {
    flags: letters.map(([letter]) => letter).join(""),
    sequence: fields.sequence >>> 0,
    acknowledgement: fields.acknowledgement >>> 0,
    window: fields.window,
    payload: frame.slice(fields.payloadStart, fields.payloadEnd),
    mss: fields.mss,
    windowShift: fields.windowShift,
    sourcePort: fields.sourcePort,
    targetPort: fields.targetPort,
  };
}
