import type { KeyErrorCode } from "../client/key_error.ts";

/** A refusal that tells a bound and what was reached of it. */
export interface QuotaRefusal {
  readonly status: "EDQUOTA";
  readonly used: bigint;
  readonly limit: bigint;
}

/**
 * Why nothing was done. `unavailable`: the store, or rngd, did not do its part. `damaged`: what is kept
 * of the key does not open.
 */
export type KeyRefusal =
  | { readonly status: Exclude<KeyErrorCode, "EDQUOTA"> | "unavailable" | "damaged" }
  | QuotaRefusal;

/** What an operation gives, or why it was refused. */
export type Outcome<T> = ({ readonly status: "ok" } & T) | KeyRefusal;

/** A bound that is reached. */
export function quota(used: number | bigint, limit: number | bigint): QuotaRefusal {
  return { status: "EDQUOTA", used: BigInt(used), limit: BigInt(limit) };
}
