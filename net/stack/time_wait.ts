import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type TcpFields } from "../wire/tcp.ts";
import type { ConnectionTable, Joined } from "./connection_table.ts";
import type { StackCounters } from "./counters.ts";
import type { Endpoint } from "./interface.ts";
import type { StackLimits } from "./limits.ts";
import type { Network } from "./network.ts";
import { acceptable, type Challenges, mayChallenge, sequenceLength } from "./segment_rules.ts";
import { distance } from "./sequence.ts";
import type { TcpConnection } from "./tcp_connection.ts";
import { queueBare } from "./tcp_reset.ts";

/** What stands for a pair of ends: a connection, or what is left of one. */
export type Held = TcpConnection | TimeWait;

/**
 * What is left of a connection in TIME-WAIT: enough to answer the peer's FIN when it comes again, and
 * to tell a new connection between the same ends from segments of the old one.
 *
 * Many wait at a time and each waits long, so that the connection itself, with its timers, its
 * estimates and its rings, is let go of. Source: RFC 9293, "TIME-WAIT STATE".
 */
export class TimeWait implements Challenges, Joined<Held> {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** One past our FIN, and one past the peer's: what an ACK says. */
  readonly sequence: number;
  readonly next: number;
  /** One past the last number we offered to take, and the window field that says so. */
  readonly edge: number;
  readonly window: number;
  /** When the wait ends. */
  untilMs: number;
  /** Whether it has ended. */
  over = false;
  challenges = 0;
  challengeFromMs = -Infinity;
  /** The next entry of the table with the same hash. Written by the table alone. */
  hashNext: Held | undefined = undefined;
  /** Its neighbours in the order in which waits end. Written by the queue alone. */
  before: TimeWait | undefined = undefined;
  behind: TimeWait | undefined = undefined;

  constructor({ local, remote, send, receive }: TcpConnection, untilMs: number) {
    this.local = local;
    this.remote = remote;
    this.sequence = send.max;
    this.next = receive.next;
    this.edge = receive.edge;
    const window = Math.max(0, distance(receive.next, receive.edge));
    this.window = Math.min(0xffff, window >>> receive.windowShift);
    this.untilMs = untilMs;
  }

  /**
   * Whether a SYN takes the place of the old connection: one numbered beyond it.
   * Source: RFC 9293, "TIME-WAIT STATE"; RFC 1122, "Closing a Connection".
   */
  isReopenedBy({ flags, sequence }: Readonly<TcpFields>): boolean {
    return (flags & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN && distance(this.next, sequence) > 0;
  }
}

/** What is to be done after a segment; `again`: acknowledge it, and begin the wait anew. */
type TimeWaitMove = "none" | "acknowledge" | "again";

/**
 * Judges a segment for a connection in TIME-WAIT that does not reopen it. Only a repeated FIN means
 * anything; RST is ignored.
 *
 * Source: RFC 9293, "SEGMENT ARRIVES"; RFC 5961, "Mitigation"; RFC 1337, "Fix F1".
 */
function judgeInTimeWait(
  wait: TimeWait,
  segment: Readonly<TcpFields>,
  stack: { readonly nowMs: number; readonly counters: StackCounters },
): TimeWaitMove {
  const { flags } = segment;
  const fin = (flags & TCP_FIN) !== 0;
  const syn = (flags & TCP_SYN) !== 0;
  const fits = acceptable(wait, segment);
  if (!fits) stack.counters.tcpUnacceptable++;
  if ((flags & TCP_RST) !== 0) return "none";
  if (!fits && !syn && sequenceLength(segment) > 0) return fin ? "again" : "acknowledge";
  if (fits && !syn) {
    if ((flags & TCP_ACK) === 0) return "none";
    if (distance(segment.acknowledgement, wait.sequence) >= 0) return fin ? "acknowledge" : "none";
  }
  if (!mayChallenge(wait, stack.nowMs)) return "none";
  stack.counters.tcpChallengeAcks++;
  return "acknowledge";
}

/** What all waits of a stack share. */
export interface TimeWaitParts {
  readonly network: Network;
  readonly table: ConnectionTable<Held>;
  readonly limits: StackLimits;
}

/**
 * The connections of a stack that are in TIME-WAIT: each stands in the table of connections, and in a
 * queue in which the one whose wait ends first is in front, because all wait equally long.
 */
export class TimeWaits {
  readonly #parts: TimeWaitParts;
  #first: TimeWait | undefined;
  #last: TimeWait | undefined;
  #count = 0;

  constructor(parts: TimeWaitParts) {
    this.#parts = parts;
  }

  /** When the next wait ends; `Infinity` when there is none. */
  get nextMs(): number {
    return this.#first?.untilMs ?? Infinity;
  }

  /** Begins the wait of a connection that has left the table. */
  begin(connection: TcpConnection, nowMs: number): TimeWait {
    const { table, limits } = this.#parts;
    const wait = new TimeWait(connection, nowMs + limits.timeWaitMs);
    table.add(wait);
    this.#append(wait);
    if (this.#count > limits.timeWaits) this.evict();
    return wait;
  }

  /** Takes a segment that does not reopen the connection. */
  receive(wait: TimeWait, segment: Readonly<TcpFields>, nowMs: number): void {
    const { network, limits } = this.#parts;
    const { counters } = network;
    const move = judgeInTimeWait(wait, segment, { nowMs, counters });
    if (move === "none") return;
    if (move === "again") {
      wait.untilMs = nowMs + limits.timeWaitMs;
      this.#unlink(wait);
      this.#append(wait);
    }
    const { sequence, next: acknowledgement, window } = wait;
    const answer = { sequence, acknowledgement, flags: TCP_ACK, window };
    if (queueBare(network, wait, answer)) counters.tcpSent++;
  }

  /** Ends one wait, if it has not ended yet. */
  end(wait: TimeWait): void {
    if (wait.over) return;
    wait.over = true;
    this.#unlink(wait);
    this.#parts.table.remove(wait);
  }

  /** Ends the oldest wait early. Returns whether there was one. */
  evict(): boolean {
    if (this.#first === undefined) return false;
    this.#parts.network.counters.tcpTimeWaitsEvicted++;
    this.end(this.#first);
    return true;
  }

  /** Ends what has waited long enough. */
  expire(nowMs: number): void {
    while (this.#first !== undefined && this.#first.untilMs <= nowMs) this.end(this.#first);
  }

  #append(wait: TimeWait): void {
    wait.before = this.#last;
    if (this.#last === undefined) this.#first = wait;
    else this.#last.behind = wait;
    this.#last = wait;
    this.#count++;
  }

  #unlink(wait: TimeWait): void {
    if (wait.before === undefined) this.#first = wait.behind;
    else wait.before.behind = wait.behind;
    if (wait.behind === undefined) this.#last = wait.before;
    else wait.behind.before = wait.before;
    wait.before = undefined;
    wait.behind = undefined;
    this.#count--;
  }
}
