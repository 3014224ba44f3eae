import { NoiseError } from "@net/noise/error.ts";
import { WireError } from "@runtime/core/error.ts";

/**
 * Every cause that ends a connection, a dial or a session, and of which kind it is:
 *
 * - `cut`: given up without a word, because places are few or because the peer takes nothing;
 * - `handshake`: refused before it became a session;
 * - `session`: an authenticated peer broke the protocol or fell silent; `own_identity`, and what a
 *   handshake reads with the same decoders, count as this kind too;
 * - `dial`: nobody was reached;
 * - `end`: somebody let go;
 * - `own`: this node failed.
 */
const KINDS = {
  limit_address: "cut",
  limit_total: "cut",
  evicted: "cut",
  stalled: "cut",
  handshake_timeout: "handshake",
  closed_early: "handshake",
  low_order_point: "handshake",
  proof_malformed: "handshake",
  identity_mismatch: "handshake",
  pin_mismatch: "handshake",
  connect_malformed: "handshake",
  connect_mismatch: "handshake",
  connect_rejected: "handshake",
  no_announce: "handshake",
  announce_cut: "handshake",
  announce_request_malformed: "handshake",
  record_length: "session",
  record_cut: "session",
  message_length: "session",
  noise_decrypt: "session",
  announce_malformed: "session",
  announce_invalid: "session",
  announce_expired: "session",
  announce_replayed: "session",
  announce_repeated: "session",
  own_identity: "session",
  clone: "session",
  frame_malformed: "session",
  unknown_channel: "session",
  unasked_reply: "session",
  reply_malformed: "session",
  idle: "session",
  name_unresolved: "dial",
  dial_refused: "dial",
  dial_timed_out: "dial",
  dial_denied: "dial",
  dial_unreachable: "dial",
  connection_reset: "end",
  closed: "end",
  local_close: "end",
  custody: "own",
  noise_failed: "own",
  gone: "own",
} as const;

/** A name for everything that ends a connection, a dial or a session. */
export type Cause = keyof typeof KINDS;
export type CauseKind = (typeof KINDS)[Cause];

type OfKind<K extends CauseKind> = {
  [C in Cause]: (typeof KINDS)[C] extends K ? C : never;
}[Cause];

/** Why a connection is refused a session. */
export type HandshakeRefusal = OfKind<"cut" | "handshake" | "session" | "end" | "own">;
/** Why nobody was reached. */
export type DialFailure = OfKind<"dial">;
/** Why a session ended. */
export type SessionEnd = OfKind<"session" | "end" | "own"> | "stalled";

export function kindOf(cause: Cause): CauseKind {
  return KINDS[cause];
}

/** Whether a session can end by this cause. */
export function endsSession(cause: Cause): cause is SessionEnd {
  const kind = KINDS[cause];
  return kind === "session" || kind === "end" || kind === "own" || cause === "stalled";
}

/**
 * Whether the peer sees an orderly end, so that what was written before still arrives: for all but
 * places taken back and failures of this node's own.
 *
 * Source: session-wire, "Failure signalling".
 */
export function closesInOrder(cause: Cause): boolean {
  const kind = KINDS[cause];
  return kind !== "cut" && kind !== "own";
}

/** A connection that is refused or a dial that failed, with the cause that logs and counters name. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reason: HandshakeRefusal | DialFailure;
  /** Device id that the peer claimed, where it did. */
  readonly peer: string | undefined;

  constructor(reason: HandshakeRefusal | DialFailure, peer?: string) {
    super(`Refused: ${reason}`);
    this.reason = reason;
    this.peer = peer;
  }
}

/** The cause behind an error of the layers below; anything else is a bug and is thrown on. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof NoiseError) {
    if (error.code === "low_order_point") return new Refusal("low_order_point");
    if (error.code === "message_length") return new Refusal("message_length");
    return new Refusal("noise_decrypt");
  }
  if (error instanceof WireError) return new Refusal("frame_malformed");
  throw error;
}
