import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type TcpFields } from "../wire/tcp.ts";
import { acceptable, mayChallenge, sequenceLength } from "./segment_rules.ts";
import { advanced, distance } from "./sequence.ts";
import type { TcpConnection } from "./tcp_connection.ts";
import { receiving } from "./tcp_state.ts";

/** Longest wait for data to carry an acknowledgement, far below the shortest timeout. */
export const DELAYED_ACK_MS = 40;
/**
 * Least payload that counts as a piece of a stream: at a connection's start those are acknowledged at
 * once. What is smaller is a message, whose answer carries the acknowledgement.
 */
export const QUICK_ACK_LENGTH_MIN = 1024;

/** What the layer is to do after a segment. */
export type SegmentOutcome = "taken" | "send_reset";

/**
 * Takes one segment of a connection. Source: RFC 9293, "SEGMENT ARRIVES", in its order, with the
 * tests of RFC 5961.
 *
 * Connections in TIME-WAIT are judged elsewhere, by what is left of them.
 *
 * @param frame Holds the payload that `segment` points to; used during the call only.
 * @returns `send_reset` when the segment must be answered with RST although the connection stays.
 */
export function receiveSegment(
  connection: TcpConnection,
  segment: Readonly<TcpFields>,
  frame: Uint8Array,
): SegmentOutcome {
  if (connection.state === "CLOSED") return "taken";
  if (connection.state === "FIN-WAIT-2") connection.heard();
  if (connection.state === "SYN-SENT") return answerToSyn(connection, segment);
  if (!acceptable(connection.receive, segment)) {
    unacceptable(connection, segment);
    return "taken";
  }
  if ((segment.flags & TCP_RST) !== 0) {
    reset(connection, segment);
    return "taken";
  }
  if ((segment.flags & TCP_SYN) !== 0) {
    challenge(connection);
    return "taken";
  }
  if ((segment.flags & TCP_ACK) === 0) return "taken";
  if (connection.state === "SYN-RECEIVED" && !completesHandshake(connection, segment)) {
    return "send_reset";
  }
  if (!takeAcknowledgement(connection, segment)) return "taken";
  takePayload(connection, segment, frame);
  takeFin(connection, segment);
  return "taken";
}

/** First half of the rules for SYN-SENT. */
function answerToSyn(connection: TcpConnection, segment: Readonly<TcpFields>): SegmentOutcome {
  const { send, host } = connection;
  const { flags, acknowledgement } = segment;
  const hasAck = (flags & TCP_ACK) !== 0;
  const acksOurs = hasAck && distance(send.una, acknowledgement) > 0 &&
    distance(acknowledgement, send.max) >= 0;
  if (hasAck && !acksOurs) return (flags & TCP_RST) === 0 ? "send_reset" : "taken";
  if ((flags & TCP_RST) !== 0) {
    if (acksOurs) {
      host.counters.tcpResetsReceived++;
      connection.close("refused");
    }
    return "taken";
  }
  if ((flags & TCP_SYN) === 0) return "taken";
  connection.meet(segment);
  if (acksOurs) {
    acknowledge(connection, segment);
    connection.move("syn_acknowledged");
    connection.ack.now = true;
  } else {
    connection.move("syn");
    send.synDue = true;
  }
  host.ready(connection);
  return "taken";
}

/** A segment outside the window: it is answered with an ACK, and its own ACK may still count. */
function unacceptable(connection: TcpConnection, segment: Readonly<TcpFields>): void {
  const { receive, send, host } = connection;
  host.counters.tcpUnacceptable++;
  if ((segment.flags & TCP_RST) !== 0) return;
  const syn = (segment.flags & TCP_SYN) !== 0;
  if (connection.state === "SYN-RECEIVED" && syn && segment.sequence === receive.initial) {
    if ((segment.flags & TCP_ACK) === 0) send.synDue = true;
    else connection.ack.now = true;
    host.ready(connection);
    return;
  }
  const nextInLine = segment.sequence === receive.next;
  if (nextInLine && !syn && (segment.flags & TCP_ACK) !== 0 && send.una !== send.initial) {
    takeAcknowledgement(connection, segment);
  }
  if (sequenceLength(segment) > 0 && !syn) {
    connection.ack.now = true;
    host.ready(connection);
  } else {
    challenge(connection);
  }
}

/** An RST inside the window. Source: RFC 5961, "Mitigation". */
function reset(connection: TcpConnection, segment: Readonly<TcpFields>): void {
  if (segment.sequence !== connection.receive.next) {
    challenge(connection);
    return;
  }
  connection.host.counters.tcpResetsReceived++;
  connection.close(connection.state === "SYN-RECEIVED" ? "refused" : "reset");
}

/** Sends an ACK that a real peer answers with the right RST, at a bounded rate. */
function challenge(connection: TcpConnection): void {
  const { ack, host } = connection;
  if (!mayChallenge(ack, host.nowMs)) return;
  host.counters.tcpChallengeAcks++;
  ack.now = true;
  host.ready(connection);
}

function completesHandshake(connection: TcpConnection, segment: Readonly<TcpFields>): boolean {
  const { send } = connection;
  const { acknowledgement } = segment;
  const good = distance(send.una, acknowledgement) > 0 && distance(acknowledgement, send.max) >= 0;
  if (!good) return false;
  setWindow(connection, segment);
  acknowledge(connection, segment);
  connection.move("syn_acknowledged");
  connection.host.ready(connection);
  return true;
}

/** Takes the ACK of the SYN: nothing of the send ring is covered by it. */
function acknowledge(connection: TcpConnection, segment: Readonly<TcpFields>): void {
  const { send, timers } = connection;
  send.una = advanced(send.initial, 1);
  send.next = send.una;
  send.windowAcknowledgement = segment.acknowledgement;
  timers.retransmitMs = Infinity;
  timers.tries = 0;
  takeSample(connection, send.una);
  connection.rtt.begin();
}

function takeSample(connection: TcpConnection, una: number): void {
  const { send, rtt, host } = connection;
  if (send.timedFromMs >= 0 && distance(send.timedUntil, una) >= 0) {
    rtt.sample(host.nowMs - send.timedFromMs);
    send.timedFromMs = -1;
  }
}

function setWindow(connection: TcpConnection, segment: Readonly<TcpFields>): void {
  const { send } = connection;
  send.window = segment.window << send.windowShift;
  send.windowMax = Math.max(send.windowMax, send.window);
  send.windowSequence = segment.sequence;
  send.windowAcknowledgement = segment.acknowledgement;
}

/**
 * The ACK field of a synchronized connection.
 *
 * @returns whether the segment's text may be looked at.
 */
function takeAcknowledgement(connection: TcpConnection, segment: Readonly<TcpFields>): boolean {
  const { send, timers } = connection;
  const { acknowledgement } = segment;
  const acked = distance(send.una, acknowledgement);
  if (distance(acknowledgement, send.max) < 0 || acked < -Math.max(send.windowMax, 0xffff)) {
    challenge(connection);
    return false;
  }
  if (acked < 0) return true;
  timers.probes = 0;
  const windowBefore = send.window;
  const newer = distance(send.windowSequence, segment.sequence);
  const current = newer > 0 ||
    (newer === 0 && distance(send.windowAcknowledgement, acknowledgement) >= 0);
  if (current) setWindow(connection, segment);
  if (send.window > windowBefore) timers.persistMs = Infinity;
  if (send.window === 0) timers.tries = 0;
  if (acked > 0) takeNewAcknowledgement(connection, acked);
  else if (send.window === windowBefore) takeDuplicate(connection, segment);
  if (acked > 0 || send.window !== windowBefore) connection.host.ready(connection);
  return true;
}

function takeNewAcknowledgement(connection: TcpConnection, acked: number): void {
  const { send, timers, rtt, congestion, host } = connection;
  const fin = acked > send.ring.length;
  send.ring.consume(fin ? send.ring.length : acked);
  send.una = advanced(send.una, acked);
  if (distance(send.next, send.una) > 0) send.next = send.una;
  timers.tries = 0;
  rtt.settle();
  takeSample(connection, send.una);
  const inFlight = distance(send.una, send.max) > 0;
  timers.retransmitMs = inFlight ? host.nowMs + rtt.rtoMs : Infinity;
  timers.persistMs = Infinity;
  if (inFlight) host.timed(connection);
  const move = congestion.onAcknowledged(acked, send.una, send.max);
  if (move === "retransmit") send.resendDue = true;
  if (fin) connection.move("fin_acknowledged");
  host.changed(connection);
}

/**
 * Source: RFC 5681, the definition of a duplicate acknowledgement. An answer to a zero-window probe
 * is none: nothing but the probe is in flight then.
 */
function takeDuplicate(connection: TcpConnection, segment: Readonly<TcpFields>): void {
  const { send, congestion, host } = connection;
  if (sequenceLength(segment) > 0 || send.next === send.una) return;
  const move = congestion.onDuplicate(send.una, send.max);
  if (move === "retransmit") {
    host.counters.tcpFastRetransmits++;
    send.resendDue = true;
  }
  host.ready(connection);
}

function takePayload(
  connection: TcpConnection,
  segment: Readonly<TcpFields>,
  frame: Uint8Array,
): void {
  const { receive, ack } = connection;
  const length = segment.payloadEnd - segment.payloadStart;
  if (length === 0 || receive.ended || !receiving(connection.state)) return;
  const offset = distance(receive.next, segment.sequence);
  const start = Math.max(0, offset);
  const room = Math.max(0, distance(receive.next, receive.edge));
  const end = Math.min(offset + length, room);
  if (end < offset + length) ack.now = true;
  if (end > start) {
    const from = segment.payloadStart + start - offset;
    if (start === 0) takeInOrder(connection, frame, from, end);
    else takeAhead(connection, frame, from, { start, end });
  } else {
    ack.now = true;
  }
  scheduleAck(connection, length);
}

function takeInOrder(
  connection: TcpConnection,
  frame: Uint8Array,
  from: number,
  count: number,
): void {
  const { receive, ack, host } = connection;
  receive.ring.place(0, frame, from, from + count);
  const gapped = !receive.gaps.empty;
  const joined = receive.gaps.advance(count);
  receive.ring.extend(count + joined);
  receive.next = advanced(receive.next, count + joined);
  if (gapped) ack.now = true;
  host.changed(connection);
}

/** Bytes beyond a gap: kept in the ring at their place, and acknowledged at once as duplicates. */
function takeAhead(
  connection: TcpConnection,
  frame: Uint8Array,
  from: number,
  run: { readonly start: number; readonly end: number },
): void {
  const { receive, ack } = connection;
  const { start, end } = run;
  if (receive.gaps.add(start, end)) receive.ring.place(start, frame, from, from + end - start);
  ack.now = true;
}

/**
 * Every second full segment is acknowledged at once, anything less a little later.
 * Source: RFC 5681, "Generating Acknowledgments"; RFC 9293, "Delayed Acknowledgments".
 */
function scheduleAck(connection: TcpConnection, length: number): void {
  const { ack, host } = connection;
  ack.bytes += length;
  ack.segment = Math.max(ack.segment, length);
  if (ack.quick > 0 && length >= Math.min(QUICK_ACK_LENGTH_MIN, host.segmentSize)) {
    ack.quick--;
    ack.now = true;
  }
  if (ack.bytes >= 2 * ack.segment) ack.now = true;
  if (ack.now) host.ready(connection);
  else delayAck(connection);
}

function delayAck(connection: TcpConnection): void {
  const { timers, host } = connection;
  if (timers.ackMs !== Infinity) return;
  timers.ackMs = host.nowMs + DELAYED_ACK_MS;
  host.timed(connection);
}

/**
 * Notes where the peer's FIN stands, and acts on it once everything before it has arrived.
 *
 * One that comes while our stream goes on is acknowledged like a small segment: our own FIN, which
 * mostly follows soon, carries it. Source: RFC 9293, "Delayed Acknowledgments".
 */
function takeFin(connection: TcpConnection, segment: Readonly<TcpFields>): void {
  const { receive, ack, host, state } = connection;
  const carried = (segment.flags & TCP_FIN) !== 0;
  const early = receive.finSeen;
  if (carried && !early) {
    const length = segment.payloadEnd - segment.payloadStart;
    receive.finSeen = true;
    receive.finAt = advanced(segment.sequence, length);
  }
  const reached = receive.finSeen && !receive.ended && receive.next === receive.finAt &&
    receiving(state);
  if (carried || reached) {
    ack.now ||= early || !reached || state !== "ESTABLISHED";
    if (ack.now) host.ready(connection);
    else delayAck(connection);
  }
  if (!reached) return;
  receive.ended = true;
  receive.next = advanced(receive.next, 1);
  if (distance(receive.edge, receive.next) > 0) receive.edge = receive.next;
  connection.move("fin");
}
