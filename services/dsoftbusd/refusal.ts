import { NoiseError } from "@net/noise/error.ts";
import { WireError } from "@runtime/core/error.ts";

/** Why a connection did not become a session, or a session ended: every cause has a name. */
export type RefusalReason =
  | "limit_address"
  | "limit_total"
  | "evicted"
  | "handshake_timeout"
  | "closed_early"
  | "connection_reset"
  | "record_length"
  | "message_length"
  | "noise_decrypt"
  | "noise_failed"
  | "low_order_point"
  | "proof_malformed"
  | "identity_mismatch"
  | "pin_mismatch"
  | "connect_malformed"
  | "connect_mismatch"
  | "connect_rejected"
  | "no_announce"
  | "announce_request_malformed"
  | "announce_malformed"
  | "announce_invalid"
  | "announce_expired"
  | "announce_replayed"
  | "announce_repeated"
  | "dial_refused"
  | "dial_timed_out"
  | "dial_denied"
  | "dial_unreachable"
  | "own_identity"
  | "clone"
  | "custody"
  | "idle"
  | "frame_malformed"
  | "unknown_channel"
  | "unasked_reply"
  | "reply_malformed"
  | "requests_limit"
  | "stalled"
  | "local_close"
  | "closed"
  | "gone";

/** A connection that is refused, with the cause that logs and counters name. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reason: RefusalReason;
  /** Device id that the peer claimed, where it did. */
  readonly peer: string | undefined;

  constructor(reason: RefusalReason, peer?: string) {
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
