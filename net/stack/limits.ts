import { assert } from "@runtime/core/assert.ts";

/** Bounds of one stack. Sizes in bytes, counts in items, times in milliseconds. */
export interface StackLimits {
  /** TCP connections in every state, undecided SYNs included. */
  readonly tcpSockets: number;
  /** Connections whose handshake is not complete; one more replaces the oldest. */
  readonly synBacklog: number;
  /** SYNs that wait for a decision of `onTcpSyn`. */
  readonly pendingSyns: number;
  readonly pendingSynMs: number;
  /** Connections in TIME-WAIT; one more replaces the oldest. */
  readonly timeWaits: number;
  /** Twice the maximum segment lifetime. */
  readonly timeWaitMs: number;
  readonly listeners: number;
  readonly udpSockets: number;
  /** Datagrams queued per UDP socket, and the bytes of all their payloads. */
  readonly udpQueueCount: number;
  readonly udpQueueBytes: number;
  readonly pings: number;
  /** Resolved and unresolved neighbours. */
  readonly neighbours: number;
  /** Packets that wait for one neighbour's address. */
  readonly neighbourPackets: number;
  /** Packets, and their bytes, that wait to be sent (all but the segments of connections). */
  readonly packetQueueCount: number;
  readonly packetQueueBytes: number;
  /** Rings of one connection; rounded up to a power of two, at most {@linkcode RING_SIZE_MAX}. */
  readonly receiveRingBytes: number;
  readonly sendRingBytes: number;
  /** Runs of bytes beyond the first gap that a connection keeps. */
  readonly gaps: number;
}

/** Largest ring: what a window shift of 4 can offer whole. */
export const RING_SIZE_MAX = 1 << 20;
/** Smallest ring a caller may ask for. */
export const RING_SIZE_MIN = 1 << 11;

export const DEFAULT_LIMITS: StackLimits = {
  tcpSockets: 4096,
  synBacklog: 256,
  pendingSyns: 256,
  pendingSynMs: 30_000,
  timeWaits: 512,
  timeWaitMs: 10_000,
  listeners: 64,
  udpSockets: 64,
  udpQueueCount: 256,
  udpQueueBytes: 1 << 18,
  pings: 64,
  neighbours: 256,
  neighbourPackets: 16,
  packetQueueCount: 1024,
  packetQueueBytes: 1 << 19,
  receiveRingBytes: 1 << 19,
  sendRingBytes: 1 << 19,
  gaps: 64,
};

/** The limits of a stack: the defaults with `changes`, ring sizes as powers of two. */
export function stackLimits(changes: Partial<StackLimits> = {}): StackLimits {
  const limits = { ...DEFAULT_LIMITS, ...changes };
  for (const value of Object.values(limits)) assert(value >= 1, "a limit is 1 or more");
  return {
    ...limits,
    receiveRingBytes: ringSize(limits.receiveRingBytes),
    sendRingBytes: ringSize(limits.sendRingBytes),
  };
}

function ringSize(bytes: number): number {
  assert(bytes <= RING_SIZE_MAX, "a ring is at most 1 MiB");
  let size = RING_SIZE_MIN;
  while (size < bytes) size *= 2;
  return size;
}
