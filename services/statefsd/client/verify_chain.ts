import { equalBytes } from "@runtime/core/bytes.ts";
import { ChainCheck, type FoundCheckpoint } from "./chain_check.ts";
import type { ChainReport } from "./chain_fault.ts";
import { readCheckpoint } from "./log_checkpoint.ts";
import { readSegment } from "./log_segment.ts";

/** A segment as it was found under its path. */
export interface StoredSegment {
  /** Index of its first entry, as its path has it. */
  readonly first: bigint;
  /** `undefined` where there is a value that cannot be read. */
  readonly value: Uint8Array | undefined;
}

/** A ring's chain, as it lies in a store. */
export interface StoredChain {
  /** Index into `RING_NAMES`. */
  readonly ring: number;
  /** In the order of their paths. */
  readonly segments: readonly StoredSegment[];
  /** The checkpoint's value; `undefined` where there is none. */
  readonly checkpoint: Uint8Array | undefined;
}

/**
 * Follows a chain from its oldest entry to its newest, and names every one that was tampered with.
 *
 * It is total: the values may be any bytes. What it cannot see is a chain that was cut off behind the
 * entry that its checkpoint names, which is why the report says how many entries are unsigned.
 *
 * @param deviceKey The device's verifying key; without it anybody's signature counts.
 */
export function verifyChain(chain: StoredChain, deviceKey?: Uint8Array): ChainReport {
  const check = new ChainCheck(foundCheckpoint(chain.ring, chain.checkpoint));
  for (const segment of chain.segments) takeSegment(check, chain.ring, segment);
  return check.finish(deviceKey);
}

/** The checkpoint of a ring in a value. */
export function foundCheckpoint(ring: number, value: Uint8Array | undefined): FoundCheckpoint {
  if (value === undefined) return "absent";
  const checkpoint = readCheckpoint(value);
  return checkpoint?.ring === ring ? checkpoint : "malformed";
}

/** Has a segment's entries checked, and what stands in front of them. */
export function takeSegment(
  check: ChainCheck,
  ring: number,
  { first, value }: StoredSegment,
): void {
  const { header, entries, whole } = readSegment(value ?? new Uint8Array(0));
  if (header === undefined) return check.lose(first);
  if (header.ring !== ring || header.first !== first) {
    check.fault({ kind: "misplaced", index: header.first });
  }
  const front = entries[0]?.entry;
  if (front !== undefined && !equalBytes(front.previous, header.previous)) {
    check.fault({ kind: "edited", index: first });
  }
  for (const [place, entry] of entries.entries()) check.take(entry, first + BigInt(place));
  if (!whole) check.lose(first + BigInt(entries.length));
}
