/** What can be wrong with bytes from outside, one name per distinct cause. */
export type WireErrorCode =
  | "bad_magic"
  | "bad_pointer"
  | "bad_version"
  | "bad_checksum"
  | "length_out_of_range"
  | "limit_exceeded"
  | "not_utf8"
  | "not_json"
  | "out_of_bounds"
  | "trailing_bytes"
  | "truncated"
  | "unknown_op"
  | "value_out_of_range";

/**
 * Bytes that do not parse.
 *
 * Carries where and why, never the bytes themselves: a frame may hold a secret, a log must not.
 */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: WireErrorCode;
  /** Offset of the offending field, in bytes from the start of the frame. */
  readonly offset: number;

  constructor(code: WireErrorCode, offset: number) {
    super(`Cannot parse frame: ${code} at byte ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

/**
 * A daemon cannot do its work, and the reason may be told: it names a cause, never what it read.
 *
 * Thrown while it starts, it is what the node says of it.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Small letters and underscores. */
  readonly code: string;

  constructor(code: string) {
    super(`Refused: ${code}`);
    this.code = code;
  }
}
