import { assert } from "@runtime/core/assert.ts";
import { NewReno } from "./congestion.ts";
import type { Joined } from "./connection_table.ts";
import type { StackCounters } from "./counters.ts";
import type { Timed } from "./deadlines.ts";
import type { Endpoint, TcpFailure, TcpSocket } from "./interface.ts";
import type { NeighbourWaiter } from "./neighbours.ts";
import { RttEstimator } from "./rtt.ts";
import { advanced, distance } from "./sequence.ts";
import {
  type AckState,
  ackState,
  type BlockHost,
  type ReceiveSide,
  receiveSide,
  SEGMENT_SIZE_DEFAULT,
  type SendSide,
  sendSide,
  type TimerState,
  timerState,
} from "./tcp_block.ts";
import type { Held, TimeWait } from "./time_wait.ts";
import { moved, synchronized, type TcpEvent, type TcpState } from "./tcp_state.ts";

/** Silence of the peer in FIN-WAIT-2 before it is asked whether it is still there. */
export const SILENCE_MS = 60_000;

/** What a connection tells the layer that holds it. */
export interface TcpHost extends BlockHost {
  readonly counters: StackCounters;
  /** The latest time the stack was told. */
  readonly nowMs: number;
  /** The connection may have something to send. */
  ready(connection: TcpConnection): void;
  /** Something changed that the application can see. */
  changed(connection: TcpConnection): void;
  /** A deadline came closer. */
  timed(connection: TcpConnection): void;
  /** The handshake is complete. */
  established(connection: TcpConnection): void;
  /** The connection is over but for old segments that must die out. Returns what stands for it. */
  lingering(connection: TcpConnection): TimeWait;
  /** Ends such a wait. */
  forget(wait: TimeWait): void;
  /** The connection is over. */
  closed(connection: TcpConnection): void;
  /** Sends RST for a connection that is given up. */
  reset(connection: TcpConnection): void;
}

/** What a connection starts from. */
export interface TcpOpening {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly state: "SYN-SENT" | "SYN-RECEIVED";
  /** Last number of an old connection between the same two ends that this one takes the place of. */
  readonly after?: number | undefined;
}

/**
 * One connection: the record that input, output and timers work on, and the application's face.
 */
export class TcpConnection implements TcpSocket, Timed, NeighbourWaiter, Joined<Held> {
  readonly host: TcpHost;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Whether this side opened it. */
  readonly active: boolean;
  failure: TcpFailure | undefined = undefined;
  onChange: (() => void) | undefined = undefined;

  readonly send: SendSide;
  readonly receive: ReceiveSide;
  readonly ack: AckState;
  readonly timers: TimerState;
  readonly rtt = new RttEstimator();
  congestion: NewReno;

  queueIndex = -1;
  queuedMs = 0;
  /** Whether it stands in the queue of those that may send, or of those that changed. */
  readyQueued = false;
  /** The next one in the queue of those that may send. Written by the queue alone. */
  readyNext: TcpConnection | undefined = undefined;
  changeQueued = false;
  /** Whether it waits for its next hop's address. */
  awaitsNeighbour = false;
  /** The next entry of the table with the same hash. */
  hashNext: Held | undefined = undefined;
  #state: TcpState;
  /** What stands for it since TIME-WAIT began. */
  #wait: TimeWait | undefined = undefined;

  constructor(host: TcpHost, opening: TcpOpening) {
    this.host = host;
    this.local = opening.local;
    this.remote = opening.remote;
    this.#state = opening.state;
    this.active = opening.state === "SYN-SENT";
    this.send = sendSide(host, opening.after);
    this.receive = receiveSide(host);
    this.ack = ackState();
    this.timers = timerState();
    this.congestion = this.#congestion();
  }

  get state(): TcpState {
    return this.#wait?.over === true ? "CLOSED" : this.#state;
  }

  get deadlineMs(): number {
    const { retransmitMs, persistMs, ackMs, waitMs } = this.timers;
    return Math.min(retransmitMs, persistMs, ackMs, waitMs);
  }

  get readable(): number {
    return this.receive.ring.length;
  }

  get readEnded(): boolean {
    return this.receive.ended && this.receive.ring.length === 0;
  }

  get writable(): number {
    const open = this.state !== "CLOSED" && !this.send.finQueued;
    return open ? this.send.ring.free : 0;
  }

  get unacknowledged(): number {
    return this.send.ring.length;
  }

  peek(): Uint8Array {
    return this.receive.ring.peek();
  }

  read(into: Uint8Array): number {
    const count = Math.min(into.length, this.receive.ring.length);
    this.receive.ring.copy(0, into, 0, count);
    this.consume(count);
    return count;
  }

  consume(count: number): void {
    this.receive.ring.consume(count);
    if (this.state === "CLOSED" || this.state === "TIME-WAIT") this.#releaseRead();
    if (this.#windowWorthTelling()) {
      this.ack.now = true;
      this.host.ready(this);
    }
  }

  write(bytes: Uint8Array): number {
    if (this.writable === 0) return 0;
    const count = this.send.ring.write(bytes);
    if (count > 0) this.host.ready(this);
    return count;
  }

  end(): void {
    if (this.state === "CLOSED" || this.send.finQueued) return;
    this.send.finQueued = true;
    if (synchronized(this.state)) this.move("end");
    this.host.ready(this);
  }

  abort(): void {
    if (this.state === "CLOSED") return;
    if (this.#wait !== undefined) {
      this.host.forget(this.#wait);
      return;
    }
    if (this.state !== "SYN-SENT") this.host.reset(this);
    this.close(undefined);
  }

  /** Takes a step of the state table; the event must move the state it happens in. */
  move(event: TcpEvent): void {
    const next = moved(this.state, event);
    assert(next !== undefined, "an event that moves nothing does not happen");
    if (next === "CLOSED") {
      this.close(undefined);
      return;
    }
    this.#state = next;
    this.host.changed(this);
    if (next === "ESTABLISHED") {
      this.host.established(this);
      if (this.send.finQueued) this.move("end");
    } else if (next === "FIN-WAIT-2") {
      this.heard();
      this.host.timed(this);
    } else if (next === "TIME-WAIT") {
      this.#linger();
    }
  }

  /** The peer gave a sign of life in FIN-WAIT-2, where nothing else bounds the wait for it. */
  heard(): void {
    this.timers.waitMs = this.host.nowMs + SILENCE_MS;
    this.timers.probes = 0;
  }

  /** Hands over to what waits in its place; what is due to be sent still is. */
  #linger(): void {
    this.stopTimers();
    this.send.ring.release();
    this.#releaseRead();
    this.#wait = this.host.lingering(this);
  }

  /** Ends the connection: no timer runs on, and bytes not sent are gone. Read bytes stay. */
  close(failure: TcpFailure | undefined): void {
    if (this.state === "CLOSED") return;
    this.#state = "CLOSED";
    this.failure = failure;
    this.stopTimers();
    this.send.ring.release();
    this.receive.gaps.clear();
    this.#releaseRead();
    this.host.closed(this);
    this.host.changed(this);
  }

  /** Nothing more will come: a ring that was read to its end needs no buffer any more. */
  #releaseRead(): void {
    if (this.receive.ring.length === 0) this.receive.ring.release();
  }

  stopTimers(): void {
    const { timers } = this;
    timers.retransmitMs = Infinity;
    timers.persistMs = Infinity;
    timers.ackMs = Infinity;
    timers.waitMs = Infinity;
  }

  /**
   * Takes what the peer's SYN says about sequence numbers and options.
   *
   * Source: RFC 9293, "Maximum Segment Size Option"; RFC 7323, "Window Scale Option".
   */
  meet(
    syn: {
      readonly sequence: number;
      readonly window: number;
      readonly mss: number;
      readonly windowShift: number;
    },
  ): void {
    const { send, receive, host } = this;
    const mss = syn.mss === 0 ? SEGMENT_SIZE_DEFAULT : Math.max(syn.mss, 64);
    send.segment = Math.min(mss, host.segmentSize);
    send.windowShift = Math.max(0, syn.windowShift);
    if (syn.windowShift < 0) {
      receive.scaling = false;
      receive.windowShift = 0;
      receive.windowMax = Math.min(receive.ring.sizeMax, 0xffff);
    }
    send.window = syn.window;
    send.windowMax = syn.window;
    send.windowSequence = syn.sequence;
    receive.initial = syn.sequence;
    receive.next = advanced(syn.sequence, 1);
    receive.edge = receive.next;
    this.congestion = this.#congestion();
  }

  neighbourFound(): void {
    this.awaitsNeighbour = false;
    this.host.ready(this);
  }

  neighbourMissing(): void {
    this.awaitsNeighbour = false;
    if (this.state === "CLOSED" || this.state === "TIME-WAIT") return;
    if (!synchronized(this.state)) this.close("unreachable");
    else this.tryLater();
  }

  /** The next hop cannot be reached now: the retransmission timer tries again. */
  tryLater(): void {
    const dueMs = this.host.nowMs + this.rtt.rtoMs;
    if (this.timers.retransmitMs !== Infinity) return;
    this.timers.retransmitMs = dueMs;
    this.host.timed(this);
  }

  /**
   * Whether the window has opened so far that the peer should hear of it without a further cause:
   * when less is offered than half of the largest window it knows, with which it may send anything.
   * Source: RFC 9293, "Receiver's Algorithm -- When to Send a Window Update", "Sender's Algorithm".
   */
  #windowWorthTelling(): boolean {
    const { receive } = this;
    if (!synchronized(this.state) || receive.ended) return false;
    const half = receive.windowMax >>> 1;
    const offered = distance(receive.next, receive.edge);
    const gained = Math.min(receive.ring.free, receive.windowMax) - offered;
    return offered < receive.offeredMax >>> 1 && gained >= Math.min(half, this.host.segmentSize);
  }

  #congestion(): NewReno {
    const { segment, ring, initial } = this.send;
    return new NewReno(segment, { windowMax: ring.sizeMax, initial });
  }
}
