import { equalBytes } from "@runtime/core/bytes.ts";
import { toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { ChainCheck } from "./client/chain_check.ts";
import type { ChainFault } from "./client/chain_fault.ts";
import { checkpointHolds, checkpointPath, type LogCheckpoint } from "./client/log_checkpoint.ts";
import { type FoundEntry, type LogSaying, NO_HASH } from "./client/log_entry.ts";
import {
  readSegment,
  SEGMENT_ENTRIES_MAX,
  segmentOfPath,
  segmentPath,
  segmentPrefix,
  type SegmentStart,
} from "./client/log_segment.ts";
import { foundCheckpoint, takeSegment } from "./client/verify_chain.ts";
import type { LogValues } from "./log_values.ts";

/** Where a ring's chain goes on after a start. */
export interface LogStart {
  /** First entries of the segments that are there, oldest first. */
  readonly segments: readonly bigint[];
  /** The newest one, unless it must not be touched. */
  readonly current: SegmentStart | undefined;
  /** Index of the next entry, and hash of the one before. */
  readonly next: bigint;
  readonly head: Uint8Array;
  /** The last of logd's records of this boot that is in the chain. */
  readonly afterId: bigint;
  /** Index of the last entry under a checkpoint that holds. */
  readonly signedTo: bigint;
  /** What is wrong with the end of the chain that was found. */
  readonly faults: readonly ChainFault[];
  /** What the new chain begins with, where the one that was found does not hold. */
  readonly broken: Extract<LogSaying, { readonly kind: "broken" }> | undefined;
}

/** Whose log it is. */
export interface LogOwner {
  readonly bootId: Uint8Array;
  /** The device that must have signed it; `undefined` where none is known yet. */
  readonly deviceId?: string | undefined;
}

/**
 * Finds the end of a ring's chain and checks it: the newest segment, and the checkpoint against it.
 *
 * A chain whose end does not hold is left as it is, and a new one begins far enough behind it that no
 * index comes twice. What does not hold is not signed again: a signature would make good what it was.
 */
export function startOfLog(values: LogValues, ring: number, owner: LogOwner): LogStart {
  const segments = values.paths(segmentPrefix(ring))
    .flatMap((path) => segmentOfPath(ring, path) ?? []);
  const first = segments.at(-1);
  const value = first === undefined ? undefined : valueAt(values, segmentPath(ring, first));
  const newest = readSegment(value ?? NO_HASH);
  const { checkpoint, faults: signedWrong } = checkpointAt(values, ring, owner.deviceId);
  const unsigned = checkpoint === undefined && signedWrong.length === 0 &&
    earlierBoots(values, ring, { segments, bootId: owner.bootId }) > 1;
  const faults: readonly ChainFault[] = [
    ...first === undefined ? [] : segmentFaults(ring, first, value),
    ...signedWrong,
    ...unsigned ? [{ kind: "checkpoint_absent" } as const] : [],
    ...checkpoint === undefined ? [] : unlike(checkpoint, first ?? 1n, newest.entries),
  ];
  const about = { segments, signedTo: checkpoint?.index ?? 0n, faults };
  if (faults.length > 0) {
    return { ...about, ...anew({ first, value, checkpoint }), afterId: 0n };
  }
  const afterId = lastDrained(newest.entries, owner.bootId);
  return { ...about, ...resumed(ring, first, value), broken: undefined, afterId };
}

function segmentFaults(ring: number, first: bigint, value: Uint8Array | undefined) {
  const check = new ChainCheck("absent");
  takeSegment(check, ring, { first, value });
  // A break that an earlier start has written down is no new one.
  return check.faults.filter(({ kind }) => kind !== "broken");
}

/**
 * Earlier boots among the oldest and the newest entries. Each signs soon after it began: one that was
 * cut off before may have left a chain that nobody signed, and a second such is no accident.
 */
function earlierBoots(
  values: LogValues,
  ring: number,
  { segments, bootId }: { readonly segments: readonly bigint[]; readonly bootId: Uint8Array },
): number {
  const boots = new Set<string>();
  for (const first of [segments[0], segments.at(-1)]) {
    if (first === undefined) continue;
    const { entries } = readSegment(valueAt(values, segmentPath(ring, first)) ?? NO_HASH);
    for (const { entry } of entries) boots.add(toHex(entry.bootId));
  }
  boots.delete(toHex(bootId));
  return boots.size;
}

/** The checkpoint, where there is one that this device has signed. */
function checkpointAt(values: LogValues, ring: number, deviceId: string | undefined): {
  readonly checkpoint: LogCheckpoint | undefined;
  readonly faults: readonly ChainFault[];
} {
  const found = values.get(checkpointPath(ring));
  if (found.status === "not_found") return { checkpoint: undefined, faults: [] };
  const checkpoint = foundCheckpoint(ring, found.status === "ok" ? found.value : NO_HASH);
  if (typeof checkpoint === "string") {
    return { checkpoint: undefined, faults: [{ kind: "checkpoint_malformed" }] };
  }
  if (!checkpointHolds(checkpoint)) {
    return { checkpoint: undefined, faults: [{ kind: "checkpoint_forged" }] };
  }
  const own = deviceId === undefined || toHex(sha256(checkpoint.verifyingKey)) === deviceId;
  if (own) return { checkpoint, faults: [] };
  return { checkpoint: undefined, faults: [{ kind: "checkpoint_foreign" }] };
}

/** What a checkpoint says that the newest segment does not. */
function unlike(
  { index, head }: LogCheckpoint,
  first: bigint,
  entries: readonly FoundEntry[],
): readonly ChainFault[] {
  const last = first + BigInt(entries.length) - 1n;
  if (index > last) return [{ kind: "truncated", index: last + 1n, count: index - last }];
  const signed = entries[Number(index - first)];
  if (index < first || (signed !== undefined && equalBytes(signed.hash, head))) return [];
  return [{ kind: "unsigned", index }];
}

/** A chain that begins anew. */
function anew({ first, value, checkpoint }: {
  readonly first: bigint | undefined;
  readonly value: Uint8Array | undefined;
  readonly checkpoint: LogCheckpoint | undefined;
}) {
  const behindSegment = first === undefined ? 1n : first + SEGMENT_ENTRIES_MAX;
  const behindSigned = (checkpoint?.index ?? 0n) + 1n;
  const broken = {
    kind: "broken",
    segment: first ?? 0n,
    found: value === undefined ? NO_HASH : sha256(value),
  } as const;
  const next = behindSegment > behindSigned ? behindSegment : behindSigned;
  return { current: undefined, next, head: NO_HASH, broken };
}

/** The chain as it goes on. */
function resumed(ring: number, first: bigint | undefined, value: Uint8Array | undefined) {
  if (first === undefined || value === undefined) {
    return { current: undefined, next: 1n, head: NO_HASH };
  }
  const { entries } = readSegment(value);
  const next = first + BigInt(entries.length);
  const head = entries.at(-1)?.hash ?? NO_HASH;
  return { current: { ring, first, bytes: value, next, head }, next, head };
}

/** The last record of this boot: a daemon that was started again drains none twice. */
function lastDrained(newest: readonly FoundEntry[], bootId: Uint8Array): bigint {
  // A segment is begun for a record or a gap, and so each ends with one.
  const last = newest.at(-1)?.entry;
  if (last === undefined || !equalBytes(last.bootId, bootId)) return 0n;
  if (last.kind === "gap") return last.firstId + last.count - 1n;
  return last.kind === "record" ? last.recordId : 0n;
}

function valueAt(values: LogValues, path: string): Uint8Array | undefined {
  const found = values.get(path);
  return found.status === "ok" ? found.value : undefined;
}
