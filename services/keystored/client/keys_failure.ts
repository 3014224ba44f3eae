import type { KeyErrorCode } from "./key_error.ts";

/** keystored refuses. */
export class KeyError extends Error {
  /** The name of this kind of error. */
  override readonly name = "KeyError";
  /** Why it was refused. */
  readonly code: KeyErrorCode;
  /** The operation that was refused. */
  readonly operation: string;
  /** Of EDQUOTA: what was reached of `limit`. */
  readonly used: bigint | undefined;
  /** Of EDQUOTA: the bound. */
  readonly limit: bigint | undefined;

  /** A refusal of an operation; of EDQUOTA with both numbers. */
  constructor(
    code: KeyErrorCode,
    operation: string,
    { used, limit }: { readonly used?: bigint; readonly limit?: bigint } = {},
  ) {
    const bound = limit === undefined ? "" : ` (${used} of ${limit})`;
    super(`${code}: keystored refuses ${operation}${bound}`);
    this.code = code;
    this.operation = operation;
    this.used = used;
    this.limit = limit;
  }
}

/**
 * Nobody answered, or keystored could not do its part: `gone` and `no_reply` say so of the way there,
 * `unavailable` of its store or its entropy, `damaged` that the key is kept and does not open, `garbled` of a reply that no key fits. Whether something
 * was done is not known.
 */
export class KeysUnavailable extends Error {
  /** The name of this kind of error. */
  override readonly name = "KeysUnavailable";
  /** How far it came. */
  readonly reason: "gone" | "no_reply" | "unavailable" | "damaged" | "garbled";
  /** The operation that has no answer. */
  readonly operation: string;

  /** An operation that has no answer, and how far it came. */
  constructor(reason: KeysUnavailable["reason"], operation: string) {
    super(`keystored did not answer ${operation}: ${reason}`);
    this.reason = reason;
    this.operation = operation;
  }
}
