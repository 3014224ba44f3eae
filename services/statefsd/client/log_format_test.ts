/**
 * The example of `docs/state_format.md`, "The log". Its bytes were computed by another program, from
 * the page.
 *
 * @module
 */

import { fromHex, toHex } from "@runtime/core/hex.ts";
import { WireError } from "@runtime/core/error.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { deviceKey, signedHead } from "@tests/fakes/log_chain.ts";
import { test } from "@tests/fakes/test.ts";
import { textOf } from "@tests/source_tree.ts";
import {
  CHECKPOINT_LENGTH,
  checkpointHolds,
  checkpointPath,
  decodeCheckpoint,
  encodeCheckpoint,
} from "./log_checkpoint.ts";
import { type LogDraft, NO_HASH } from "./log_entry.ts";
import {
  readSegment,
  SEGMENT_BYTES_MAX,
  SegmentDraft,
  segmentOfPath,
  segmentPath,
} from "./log_segment.ts";
import { verifyChain } from "./verify_chain.ts";

const BOOT = Uint8Array.from({ length: 16 }, (_, index) => index);
const GAP: LogDraft = {
  ...{ kind: "gap", bootId: BOOT, unixMs: 1_700_000_000_000n, firstId: 1n, count: 2n },
};
const RECORD = {
  kind: "record",
  bootId: BOOT,
  unixMs: 1_700_000_000_001n,
  recordId: 3n,
  timestampNs: 2_000_000n,
  level: 2,
  sid: 0x0102030405060708n,
  sender: "rngd",
  scope: "",
  message: "hi",
  fields: "k=v\n",
} as const satisfies LogDraft;

/** A block of the page's example. */
function example(name: string): Uint8Array {
  const page = textOf("docs/state_format.md");
  const [, text = ""] = new RegExp("```text " + name + "\\n([^`]*)```").exec(page) ?? [];
  return fromHex(text.replaceAll(/\s/g, ""));
}

test("the page's segment is written and read as it stands", () => {
  const draft = SegmentDraft.begin({ ring: 0, first: 1n, previous: NO_HASH });
  ok(draft.add(GAP) && draft.add(RECORD));
  equal(toHex(draft.finish().bytes), toHex(example("segment")));
  const { header, entries, whole } = readSegment(example("segment"));
  deepEqual([header, whole], [{ ring: 0, first: 1n, previous: NO_HASH }, true]);
  const [gap, record] = entries;
  deepEqual(gap?.entry, { ...GAP, index: 1n, previous: NO_HASH });
  deepEqual(record?.entry, { ...RECORD, index: 2n, previous: gap?.hash });
});

test("the page's checkpoint covers the page's segment", () => {
  const bytes = example("checkpoint");
  equal(bytes.length, CHECKPOINT_LENGTH);
  const checkpoint = decodeCheckpoint(bytes);
  ok(checkpointHolds(checkpoint));
  const [, record] = readSegment(example("segment")).entries;
  const head = { ring: 0, index: 2n, head: record?.hash ?? NO_HASH };
  deepEqual(encodeCheckpoint(signedHead(head)), bytes);
  const chain = {
    ring: 0,
    segments: [{ first: 1n, value: example("segment") }],
    checkpoint: bytes,
  };
  const { signedTo, faults } = verifyChain(chain, deviceKey().verifyingKey);
  deepEqual([signedTo, faults], [2n, []]);
});

test("a checkpoint is read at its own length, of its version and of a ring", () => {
  const bytes = example("checkpoint");
  for (let length = 0; length < bytes.length; length++) {
    throws(() => decodeCheckpoint(bytes.subarray(0, length)), WireError);
  }
  throws(() => decodeCheckpoint(Uint8Array.of(...bytes, 0)), WireError);
  for (const at of [0, 4, 5]) throws(() => decodeCheckpoint(bytes.with(at, 2)), WireError);
});

test("paths name a ring and the first entry, and nothing else is one", () => {
  equal(segmentPath(0, 0x1fn), "/state/log/journal/000000000000001f");
  equal(checkpointPath(1), "/state/log/checkpoint/audit");
  equal(segmentOfPath(0, segmentPath(0, 0x1fn)), 0x1fn);
  const wrong = [
    segmentPath(1, 0x1fn),
    "/state/log/journal/1f",
    "/state/log/journal/000000000000001F",
    "/state/log/journal/000000000000001f0",
    // Indexes rise from there: it would leave no room.
    "/state/log/journal/ffffffffffffffff",
  ];
  for (const path of wrong) equal(segmentOfPath(0, path), undefined, path);
});

test("a segment takes entries up to its bound, and goes on where it ended", () => {
  const draft = SegmentDraft.begin({ ring: 0, first: 1n, previous: NO_HASH });
  const long = { ...RECORD, message: "m".repeat(256), fields: "f".repeat(512) };
  let count = 0;
  while (draft.add(long)) count += 1;
  const full = draft.finish();
  ok(full.bytes.length <= SEGMENT_BYTES_MAX && full.bytes.length > SEGMENT_BYTES_MAX - 1_100);
  deepEqual([full.next, draft.next], [BigInt(count) + 1n, BigInt(count) + 1n]);
  const half = SegmentDraft.begin({ ring: 0, first: 1n, previous: NO_HASH });
  half.add(long);
  const resumed = SegmentDraft.resume(half.finish());
  while (resumed.add(long));
  deepEqual(resumed.finish(), full);
  const over = { ring: 0, segments: [{ first: 1n, value: oversized(full.bytes) }] };
  const { faults } = verifyChain({ ...over, checkpoint: undefined });
  deepEqual(faults[0]?.kind, "malformed");
});

/** A segment with one entry more than it may hold. */
function oversized(full: Uint8Array): Uint8Array {
  const { entries } = readSegment(full);
  const last = entries.at(-1);
  ok(last !== undefined);
  const more = SegmentDraft.begin({
    ring: 0,
    first: last.entry.index + 1n,
    previous: last.hash,
  });
  more.add({ ...RECORD, message: "m".repeat(256), fields: "f".repeat(512) });
  return Uint8Array.of(...full, ...more.finish().bytes.slice(48));
}
