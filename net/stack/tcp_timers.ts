import { distance } from "./sequence.ts";
import type { TcpConnection } from "./tcp_connection.ts";
import { synchronized } from "./tcp_state.ts";

/** Times a segment is sent again before the connection is given up: more than 100 s in all. */
export const RETRANSMITS_MAX = 12;
/** Times a SYN or SYN-ACK is sent again. */
export const SYN_RETRANSMITS_MAX = 5;
/** Zero-window probes in a row that may stay without any answer. */
export const PROBES_MAX = 12;
/** Longest time between two probes. */
export const PROBE_INTERVAL_MAX_MS = 60_000;
/** Times it is asked, {@linkcode SILENCE_PROBE_MS} apart, before the connection is given up. */
export const SILENCE_PROBES_MAX = 5;
export const SILENCE_PROBE_MS = 15_000;

/**
 * Runs the connection's timers that are due.
 *
 * Source: RFC 6298, "Managing the RTO Timer"; RFC 9293, "Zero-Window Probing".
 */
export function runTimers(connection: TcpConnection): void {
  const { timers, host } = connection;
  const { nowMs } = host;
  if (timers.waitMs <= nowMs) {
    askWhetherThere(connection);
  }
  if (timers.ackMs <= nowMs) {
    timers.ackMs = Infinity;
    connection.ack.now = true;
    host.ready(connection);
  }
  if (timers.retransmitMs <= nowMs) retransmit(connection);
  if (timers.persistMs <= nowMs) probe(connection);
}

function retransmit(connection: TcpConnection): void {
  const { send, timers, rtt, congestion, host } = connection;
  const handshake = !synchronized(connection.state);
  const triesMax = handshake ? SYN_RETRANSMITS_MAX : RETRANSMITS_MAX;
  timers.retransmitMs = Infinity;
  if (timers.tries >= triesMax) {
    connection.close("timed_out");
    return;
  }
  host.counters.tcpTimeouts++;
  timers.tries++;
  rtt.backOff();
  send.timedFromMs = -1;
  if (handshake) {
    send.synDue = true;
  } else {
    congestion.onTimeout(send.una, send.max, timers.tries > 1);
    send.next = send.una;
    send.resendDue = distance(send.una, send.max) > 0;
  }
  host.ready(connection);
}

/** Asks a peer whose window is closed whether it still is. */
function probe(connection: TcpConnection): void {
  const { send, timers, rtt, host } = connection;
  if (timers.probes >= PROBES_MAX) {
    timers.persistMs = Infinity;
    connection.close("timed_out");
    return;
  }
  timers.probes++;
  const waitMs = Math.min(PROBE_INTERVAL_MAX_MS, rtt.rtoMs * 2 ** timers.probes);
  timers.persistMs = host.nowMs + waitMs;
  send.probeDue = true;
  host.timed(connection);
  host.ready(connection);
}

/** A keep-alive: the peer answers a number it has already acknowledged, or RST if it is new. */
function askWhetherThere(connection: TcpConnection): void {
  const { send, timers, host } = connection;
  if (timers.probes >= SILENCE_PROBES_MAX) {
    connection.close("timed_out");
    return;
  }
  timers.probes++;
  timers.waitMs = host.nowMs + SILENCE_PROBE_MS;
  send.keepAliveDue = true;
  host.timed(connection);
  host.ready(connection);
}
