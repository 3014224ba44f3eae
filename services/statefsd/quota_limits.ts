/**
 * NXQT: how many bytes an owner may take, as an ordinary value.
 *
 * Source: `docs/state_format.md`, "Quotas".
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import { beginValue, openValueHead } from "./value_head.ts";

/** `NXQT`, little-endian. */
const MAGIC = 0x5451584e;
const LENGTH = 24;

/** Limits of one owner, in bytes of the log. */
export interface QuotaLimits {
  /** Above this a write is taken, and its owner warned of. */
  readonly soft: number;
  /** Above this a write is refused. */
  readonly hard: number;
}

export function encodeQuotaLimits({ soft, hard }: QuotaLimits): Uint8Array {
  return beginValue(MAGIC, LENGTH).u64(BigInt(soft)).u64(BigInt(hard)).finish();
}

/**
 * @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range` (zeros, a limit of
 *   2^53 bytes or more, a soft limit above the hard one), `trailing_bytes`.
 */
export function decodeQuotaLimits(payload: Uint8Array): QuotaLimits {
  const reader = openValueHead(payload, MAGIC);
  const [soft, hard] = [Number(reader.u64()), Number(reader.u64())];
  if (hard > Number.MAX_SAFE_INTEGER) throw new WireError("value_out_of_range", 16);
  if (soft > hard) throw new WireError("value_out_of_range", 8);
  reader.end();
  return { soft, hard };
}
