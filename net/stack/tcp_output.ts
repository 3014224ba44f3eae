import type { PartialChecksum } from "@runtime/core/ports.ts";
import { ETHERNET_HEADER_LENGTH, ETHERTYPE_IPV4, putEthernet } from "../wire/ethernet.ts";
import { IPV4_HEADER_LENGTH, PROTOCOL_TCP, putIpv4 } from "../wire/ipv4.ts";
import {
  putSynOptions,
  putTcp,
  sealTcp,
  SYN_OPTIONS_LENGTH,
  TCP_ACK,
  TCP_FIN,
  TCP_HEADER_LENGTH,
  TCP_PSH,
  TCP_SYN,
} from "../wire/tcp.ts";
import { advanced, distance } from "./sequence.ts";
import type { TcpConnection } from "./tcp_connection.ts";
import { synchronized } from "./tcp_state.ts";

/** Bytes in front of the payload of a segment without options. */
export const SEGMENT_OVERHEAD = ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH + TCP_HEADER_LENGTH;

const TCP_START = ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH;

/** Where a frame is to be written, and to whom it goes. */
export interface FrameTarget {
  readonly frame: Uint8Array;
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly nowMs: number;
  /** Gets what is left of the checksum; without it the checksum is complete. */
  readonly checksum: PartialChecksum | undefined;
}

/** What the next segment carries: `offset` and `length` of bytes in the send ring. */
interface SegmentPlan {
  offset: number;
  length: number;
  fin: boolean;
  probe: boolean;
}

/** Made once: the plan of the segment being written. */
const PLAN: SegmentPlan = { offset: 0, length: 0, fin: false, probe: false };

/**
 * Writes the connection's next segment as a whole frame: headers, and payload straight from the
 * send ring.
 *
 * @returns the frame's length; 0 when the connection has nothing to send now.
 */
export function writeSegment(connection: TcpConnection, to: FrameTarget): number {
  if (!synchronized(connection.state)) return writeHandshake(connection, to);
  const room = to.frame.length - SEGMENT_OVERHEAD;
  if (room < 0) return 0;
  planSegment(connection, Math.min(room, connection.send.segment), to.nowMs);
  if (PLAN.length > 0 || PLAN.fin) return writePlanned(connection, to);
  persistWhenBlocked(connection, to.nowMs);
  if (connection.send.keepAliveDue) return writeKeepAlive(connection, to);
  return connection.ack.now ? writeAck(connection, to) : 0;
}

function planSegment(connection: TcpConnection, room: number, nowMs: number): void {
  const { send } = connection;
  const queued = send.ring.length;
  PLAN.offset = 0;
  PLAN.length = 0;
  PLAN.fin = false;
  PLAN.probe = false;
  const inFlight = distance(send.una, send.max);
  if (send.resendDue && inFlight > 0) {
    PLAN.length = Math.min(room, queued, inFlight);
    PLAN.fin = finFollows(connection, PLAN.length) && inFlight > PLAN.length;
  } else if (send.probeDue) {
    PLAN.probe = true;
    PLAN.length = Math.min(room, queued, Math.max(1, send.window));
    PLAN.fin = finFollows(connection, PLAN.length) && queued === 0;
  } else {
    planNew(connection, room, nowMs);
  }
  send.resendDue = false;
  send.probeDue = false;
}

/**
 * What may be sent at `send.next`: as much as both windows allow, but no silly small piece.
 * Source: RFC 9293, "Sender's Algorithm -- When to Send Data".
 */
function planNew(connection: TcpConnection, room: number, nowMs: number): void {
  const { send, congestion, rtt } = connection;
  const offset = distance(send.una, send.next);
  const left = send.ring.length - offset;
  if (left < 0 || (left === 0 && !finFollows(connection, offset))) return;
  if (offset === 0 && nowMs - send.lastSentMs > rtt.rtoMs) congestion.onIdle();
  const usable = Math.min(congestion.window, send.window) - offset;
  const length = Math.min(room, left, usable);
  if (length < 0) return;
  const whole = length === room || length === left || length >= send.windowMax >>> 1;
  if (!whole) return;
  PLAN.offset = offset;
  PLAN.length = length;
  PLAN.fin = finFollows(connection, offset + length) && usable > length;
}

/** Whether the FIN stands right behind the first `count` bytes of the send ring. */
function finFollows(connection: TcpConnection, count: number): boolean {
  const { send } = connection;
  return send.finQueued && count === send.ring.length && !finAcknowledged(connection);
}

/** With nothing in flight and a window too small, only the persist timer keeps things moving. */
function persistWhenBlocked(connection: TcpConnection, nowMs: number): void {
  const { send, timers, rtt } = connection;
  const waiting = send.ring.length > 0 || (send.finQueued && !finAcknowledged(connection));
  if (!waiting || send.next !== send.una) return;
  if (timers.persistMs !== Infinity || timers.retransmitMs !== Infinity) return;
  timers.persistMs = nowMs + rtt.rtoMs;
  connection.host.timed(connection);
}

/** Whether our FIN was sent and nothing is left to be acknowledged. */
export function finAcknowledged(connection: TcpConnection): boolean {
  const { state } = connection;
  return state === "FIN-WAIT-2" || state === "TIME-WAIT" || state === "CLOSED";
}

function writePlanned(connection: TcpConnection, to: FrameTarget): number {
  const { send, host } = connection;
  const { offset, length, fin, probe } = PLAN;
  const sequence = advanced(send.una, offset);
  const end = advanced(sequence, length + (fin ? 1 : 0));
  send.ring.copy(offset, to.frame, SEGMENT_OVERHEAD, length);
  const push = length > 0 && offset + length === send.ring.length;
  const flags = TCP_ACK | (push ? TCP_PSH : 0) | (fin ? TCP_FIN : 0);
  const frameLength = seal(connection, to, { sequence, flags, length });
  noteSent(connection, { sequence, end, probe, nowMs: to.nowMs });
  if (probe) host.counters.tcpZeroWindowProbes++;
  return frameLength;
}

/** Moves the send pointers, the round-trip measurement and the retransmission timer. */
function noteSent(
  connection: TcpConnection,
  sent: {
    readonly sequence: number;
    readonly end: number;
    readonly probe: boolean;
    readonly nowMs: number;
  },
): void {
  const { send, timers, rtt, host } = connection;
  const { sequence, end, probe, nowMs } = sent;
  const again = distance(sequence, send.max) > 0;
  if (again) {
    host.counters.tcpRetransmits++;
    send.timedFromMs = -1;
  } else if (send.timedFromMs < 0 && !probe) {
    send.timedFromMs = nowMs;
    send.timedUntil = end;
  }
  if (distance(send.max, end) > 0) send.max = end;
  send.lastSentMs = nowMs;
  if (probe) return;
  if (distance(send.next, end) > 0) send.next = end;
  timers.persistMs = Infinity;
  if (timers.retransmitMs === Infinity) {
    timers.retransmitMs = nowMs + rtt.rtoMs;
    host.timed(connection);
  }
}

function writeAck(connection: TcpConnection, to: FrameTarget): number {
  return seal(connection, to, { sequence: connection.send.max, flags: TCP_ACK, length: 0 });
}

/** Source: RFC 1122, "TCP Keep-Alives". */
function writeKeepAlive(connection: TcpConnection, to: FrameTarget): number {
  const { send } = connection;
  send.keepAliveDue = false;
  return seal(connection, to, { sequence: advanced(send.max, -1), flags: TCP_ACK, length: 0 });
}

/** SYN, SYN-ACK, or the ACK that a half-open connection owes for a strange segment. */
function writeHandshake(connection: TcpConnection, to: FrameTarget): number {
  const { send, state, ack } = connection;
  if (state !== "SYN-SENT" && state !== "SYN-RECEIVED") return 0;
  if (to.frame.length < SEGMENT_OVERHEAD + SYN_OPTIONS_LENGTH) return 0;
  if (!send.synDue) {
    if (state === "SYN-RECEIVED" && ack.now) return writeAck(connection, to);
    return 0;
  }
  send.synDue = false;
  const flags = state === "SYN-SENT" ? TCP_SYN : TCP_SYN | TCP_ACK;
  const frameLength = seal(connection, to, { sequence: send.initial, flags, length: 0 });
  const end = advanced(send.initial, 1);
  noteSent(connection, { sequence: send.initial, end, probe: false, nowMs: to.nowMs });
  return frameLength;
}

/** Writes all headers in front of `length` bytes of payload that already stand in the frame. */
function seal(
  connection: TcpConnection,
  to: FrameTarget,
  segment: { readonly sequence: number; readonly flags: number; readonly length: number },
): number {
  const { local, remote, receive, ack, timers, host } = connection;
  const { frame } = to;
  const syn = (segment.flags & TCP_SYN) !== 0;
  const optionsLength = syn ? SYN_OPTIONS_LENGTH : 0;
  if (syn) {
    const windowShift = receive.scaling ? receive.windowShift : -1;
    const options = { mss: host.segmentSize, windowShift };
    putSynOptions(frame, SEGMENT_OVERHEAD, options);
  }
  const length = TCP_HEADER_LENGTH + optionsLength + segment.length;
  putEthernet(frame, { target: to.target, source: to.source, type: ETHERTYPE_IPV4 });
  const { address: source } = local;
  const { address: target } = remote;
  putIpv4(frame, ETHERNET_HEADER_LENGTH, { source, target, protocol: PROTOCOL_TCP, length });
  const acknowledges = (segment.flags & TCP_ACK) !== 0;
  putTcp(frame, TCP_START, {
    sourcePort: local.port,
    targetPort: remote.port,
    sequence: segment.sequence,
    acknowledgement: acknowledges ? receive.next : 0,
    flags: segment.flags,
    window: syn ? plainWindow(connection) : scaledWindow(connection),
    optionsLength,
  });
  sealTcp(frame, TCP_START, { source, target, length }, to.checksum);
  ack.now = false;
  ack.bytes = 0;
  timers.ackMs = Infinity;
  host.counters.tcpSent++;
  return TCP_START + length;
}

/** The window of a SYN, which is never scaled. */
function plainWindow(connection: TcpConnection): number {
  const { receive } = connection;
  const window = Math.min(receive.ring.free, 0xffff);
  receive.edge = advanced(receive.next, window);
  receive.offeredMax = window;
  return window;
}

/**
 * The window field to send. Its edge never moves left, and moves right only by a worthwhile step.
 * Source: RFC 9293, "Receiver's Algorithm -- When to Send a Window Update".
 */
function scaledWindow(connection: TcpConnection): number {
  const { receive, host } = connection;
  const free = Math.min(receive.ring.free, receive.windowMax);
  const offered = Math.max(0, distance(receive.next, receive.edge));
  const step = Math.min(receive.windowMax >>> 1, host.segmentSize);
  const window = free - offered >= step ? free : Math.min(offered, free);
  const field = Math.min(0xffff, window >>> receive.windowShift);
  const edge = advanced(receive.next, field << receive.windowShift);
  if (distance(receive.edge, edge) > 0) receive.edge = edge;
  receive.offeredMax = Math.max(receive.offeredMax, field << receive.windowShift);
  return field;
}
