import { concatBytes } from "@runtime/core/bytes.ts";
import { Secret } from "@runtime/core/secret.ts";
import { Writer } from "@runtime/core/writer.ts";
import { sizeOf, writeFields } from "@runtime/idl/body.ts";
import { DeviceKey } from "@services/keystored/device_key.ts";
import { LOG_CHECKPOINT } from "@services/keystored/protocol.ts";
import type { LogCheckpoint, LogHead } from "@services/statefsd/client/log_checkpoint.ts";
import { encodeCheckpoint } from "@services/statefsd/client/log_checkpoint.ts";
import { type LogDraft, NO_HASH } from "@services/statefsd/client/log_entry.ts";
import { SegmentDraft, type SegmentStart } from "@services/statefsd/client/log_segment.ts";
import type { StoredChain } from "@services/statefsd/client/verify_chain.ts";

/** A boot of tests. */
export const BOOT_ID: Uint8Array = new Uint8Array(16).fill(0xb0);

/** A device's key of tests. */
export function deviceKey(byte = 1): DeviceKey {
  return new DeviceKey(new Secret(new Uint8Array(32).fill(byte)));
}

/** A record as logd would have kept it. */
export function recordDraft(recordId: bigint, message = "hello"): LogDraft {
  return {
    kind: "record",
    bootId: BOOT_ID,
    unixMs: 1_700_000_000_000n + recordId,
    recordId,
    timestampNs: 1_000n * recordId,
    level: 2,
    sid: 0xdeadbeefn,
    sender: "rngd",
    scope: "",
    message,
    fields: "key=value\n",
  };
}

/** A chain of drafts in segments, so many entries each, from the very first one. */
export function segmentsOf(
  drafts: readonly LogDraft[],
  entriesEach: number,
  ring = 0,
): readonly SegmentStart[] {
  const segments: SegmentStart[] = [];
  let [first, previous] = [1n, NO_HASH];
  for (let at = 0; at < drafts.length; at += entriesEach) {
    const draft = SegmentDraft.begin({ ring, first, previous });
    for (const entry of drafts.slice(at, at + entriesEach)) draft.add(entry);
    const segment = draft.finish();
    segments.push(segment);
    [first, previous] = [segment.next, segment.head];
  }
  return segments;
}

/** A head as keystored would sign it. */
export function signedHead(head: LogHead, key: DeviceKey = deviceKey()): LogCheckpoint {
  const writer = new Writer(sizeOf(LOG_CHECKPOINT));
  const fields = { ...head, unixMs: 1_700_000_000_500n };
  writeFields(writer, LOG_CHECKPOINT, fields);
  const signature = key.sign("logCheckpoint", concatBytes(writer.finish()));
  return { ...fields, verifyingKey: key.verifyingKey, signature };
}

/** A chain as a store holds it, signed to its end. */
export function storedChain(segments: readonly SegmentStart[]): StoredChain {
  const last = segments.at(-1);
  const ring = last?.ring ?? 0;
  const head = { ring, index: (last?.next ?? 1n) - 1n, head: last?.head ?? NO_HASH };
  return {
    ring,
    segments: segments.map(({ first, bytes }) => ({ first, value: bytes })),
    checkpoint: last === undefined ? undefined : encodeCheckpoint(signedHead(head)),
  };
}
