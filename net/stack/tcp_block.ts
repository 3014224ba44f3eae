import type { BufferPool } from "./buffer_pool.ts";
import type { StackLimits } from "./limits.ts";
import { Reassembly } from "./reassembly.ts";
import { ByteRing } from "./ring.ts";
import type { Challenges } from "./segment_rules.ts";
import { advanced } from "./sequence.ts";

/**
 * What a connection remembers: both halves, acknowledgements and timers.
 *
 * Source: RFC 9293, "Key Connection State Variables".
 *
 * @module
 */

/** Segment size to assume of a peer that names none. Source: RFC 9293, "Maximum Segment Size". */
export const SEGMENT_SIZE_DEFAULT = 536;
/** Pieces of a stream that are acknowledged at once at its start, so that its window opens fast. */
const QUICK_ACKS = 16;

/** What the block needs to know of its stack. */
export interface BlockHost {
  readonly limits: StackLimits;
  readonly random32: () => number;
  /** Largest payload that fits the interface. */
  readonly segmentSize: number;
  /** Where rings take their first buffers. */
  readonly buffers: BufferPool;
}

/** The sending half. Sequence numbers as in `sequence.ts`; names after RFC 9293, "Terminology". */
export interface SendSide {
  readonly initial: number;
  /** Oldest number not acknowledged (SND.UNA). */
  una: number;
  /** Next to send, or to send again. */
  next: number;
  /** One past the highest ever sent (SND.NXT). */
  max: number;
  /** The peer's window in bytes, the largest it ever was, and when it was last set. */
  window: number;
  windowMax: number;
  windowSequence: number;
  windowAcknowledgement: number;
  windowShift: number;
  /** Largest payload to send. */
  segment: number;
  readonly ring: ByteRing;
  finQueued: boolean;
  synDue: boolean;
  /** The segment at `una` is to be sent again. */
  resendDue: boolean;
  /** The peer is to be asked whether it is there. */
  keepAliveDue: boolean;
  /** One segment is to be sent although the window does not allow it. */
  probeDue: boolean;
  /** The round trip being measured: from when, until which number; -1 when none is. */
  timedFromMs: number;
  timedUntil: number;
  lastSentMs: number;
}

/** The receiving half. */
export interface ReceiveSide {
  initial: number;
  /** Next expected (RCV.NXT). */
  next: number;
  /** One past the last number we ever offered to take. */
  edge: number;
  /** Largest window that we ever offered, in bytes. */
  offeredMax: number;
  windowShift: number;
  /** Whether the window scale option goes into our SYN. */
  scaling: boolean;
  /** Most bytes that the window field can offer, and the ring take. */
  windowMax: number;
  readonly ring: ByteRing;
  readonly gaps: Reassembly;
  /** Where the peer's FIN stands, once seen. */
  finSeen: boolean;
  finAt: number;
  /** The FIN was reached in order. */
  ended: boolean;
}

/** When to acknowledge. */
export interface AckState extends Challenges {
  now: boolean;
  /** Bytes taken since the last acknowledgement went out. */
  bytes: number;
  /** Largest payload seen. */
  segment: number;
  quick: number;
}

/** Deadlines, `Infinity` when not set, and how often the running one has run out. */
export interface TimerState {
  retransmitMs: number;
  persistMs: number;
  ackMs: number;
  /** The next probe of a silent peer in FIN-WAIT-2. */
  waitMs: number;
  tries: number;
  probes: number;
}

/** How far the first number of a connection may lie beyond the last of the one before it. */
const INITIAL_AHEAD_MAX = 0x3fffffff;

/** A sending half before its SYN. Its first number lies beyond `after`, where there is one. */
export function sendSide(host: BlockHost, after: number | undefined): SendSide {
  const random = host.random32() | 0;
  const initial = after === undefined ? random : advanced(after, 1 + (random & INITIAL_AHEAD_MAX));
  return {
    initial,
    una: initial,
    next: initial,
    max: initial,
    window: 0,
    windowMax: 0,
    windowSequence: 0,
    windowAcknowledgement: initial,
    windowShift: 0,
    segment: Math.min(SEGMENT_SIZE_DEFAULT, host.segmentSize),
    ring: new ByteRing(host.limits.sendRingBytes, host.buffers),
    finQueued: false,
    synDue: true,
    resendDue: false,
    keepAliveDue: false,
    probeDue: false,
    timedFromMs: -1,
    timedUntil: 0,
    lastSentMs: -Infinity,
  };
}

/** A receiving half before the peer's SYN. */
export function receiveSide(host: BlockHost): ReceiveSide {
  let windowShift = 0;
  while (host.limits.receiveRingBytes >>> windowShift > 0x1_0000) windowShift++;
  return {
    initial: 0,
    next: 0,
    edge: 0,
    offeredMax: 0,
    windowShift,
    scaling: true,
    windowMax: Math.min(host.limits.receiveRingBytes, 0xffff << windowShift),
    ring: new ByteRing(host.limits.receiveRingBytes, host.buffers),
    gaps: new Reassembly(host.limits.gaps),
    finSeen: false,
    finAt: 0,
    ended: false,
  };
}

export function ackState(): AckState {
  return {
    now: false,
    bytes: 0,
    segment: 1,
    quick: QUICK_ACKS,
    challenges: 0,
    challengeFromMs: -Infinity,
  };
}

export function timerState(): TimerState {
  return {
    retransmitMs: Infinity,
    persistMs: Infinity,
    ackMs: Infinity,
    waitMs: Infinity,
    tries: 0,
    probes: 0,
  };
}
