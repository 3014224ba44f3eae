import { TCP_FIN, TCP_SYN, type TcpFields } from "../wire/tcp.ts";
import { distance } from "./sequence.ts";

/** Challenge ACKs of one connection per second. Source: RFC 5961, "ACK Throttling". */
export const CHALLENGE_ACKS_MAX = 10;
const CHALLENGE_INTERVAL_MS = 1_000;

/** Challenge ACKs in the second that began at `challengeFromMs`. */
export interface Challenges {
  challenges: number;
  challengeFromMs: number;
}

/** Counts one more challenge ACK. Returns whether there was room for it. */
export function mayChallenge(sent: Challenges, nowMs: number): boolean {
  if (nowMs - sent.challengeFromMs >= CHALLENGE_INTERVAL_MS) {
    sent.challengeFromMs = nowMs;
    sent.challenges = 0;
  }
  if (sent.challenges >= CHALLENGE_ACKS_MAX) return false;
  sent.challenges++;
  return true;
}

/**
 * Whether the segment touches the window from `next` to `edge`.
 * Source: RFC 9293, "Segment Acceptability Test".
 */
export function acceptable(
  receive: { readonly next: number; readonly edge: number },
  segment: Readonly<TcpFields>,
): boolean {
  const window = Math.max(0, distance(receive.next, receive.edge));
  const start = distance(receive.next, segment.sequence);
  const length = sequenceLength(segment);
  if (length === 0) return start === 0 || (start > 0 && start < window);
  return window > 0 && start < window && start + length > 0;
}

/** Numbers that the segment takes up: bytes, SYN and FIN. */
export function sequenceLength(segment: Readonly<TcpFields>): number {
  const { flags } = segment;
  return segment.payloadEnd - segment.payloadStart + ((flags & TCP_SYN) !== 0 ? 1 : 0) +
    ((flags & TCP_FIN) !== 0 ? 1 : 0);
}
