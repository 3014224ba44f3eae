/** What can go wrong in a handshake or on a transport, one name per distinct cause. */
export type NoiseErrorCode =
  /** Called out of turn; the state is as before. */
  | "not_turn_to_read"
  | "not_turn_to_write"
  /** A message waits for its static Diffie-Hellman or its payload; the state is as before. */
  | "message_pending"
  /** `resume` or `finishWrite` without a message that waits for it; the state is as before. */
  | "nothing_pending"
  /** Our own message would exceed 65535 bytes; the state is as before. */
  | "message_too_long"
  /** The peer's message cannot hold what the pattern demands. The handshake has failed. */
  | "message_length"
  /** A tag does not match. The handshake or the transport has failed. */
  | "decrypt_failed"
  /** A public key gives an all-zero shared secret. The handshake has failed. */
  | "low_order_point"
  /** The nonce counter of this direction is used up. */
  | "nonce_exhausted"
  /** The handshake is not complete, or its keys were already taken. */
  | "not_complete"
  /** It failed earlier, or was wiped: nothing works any more. */
  | "failed";

/** A refusal of the Noise layer. It never holds bytes of a message or a key. */
export class NoiseError extends Error {
  override readonly name = "NoiseError";
  readonly code: NoiseErrorCode;

  constructor(code: NoiseErrorCode) {
    super(`Noise: ${code}`);
    this.code = code;
  }
}
