import { decodeCheckpoint, encodeCheckpoint } from "@services/statefsd/client/log_checkpoint.ts";
import { encodeEntry, NO_HASH } from "@services/statefsd/client/log_entry.ts";
import { entryLine, parseExportLine } from "@services/statefsd/client/log_export.ts";
import { readSegment, segmentPath } from "@services/statefsd/client/log_segment.ts";
import { type StoredChain, verifyChain } from "@services/statefsd/client/verify_chain.ts";
import { verifyExport } from "@services/statefsd/client/verify_export.ts";
import { startOfLog } from "@services/statefsd/log_start.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { BOOT_ID, deviceKey, recordDraft, segmentsOf, storedChain } from "../fakes/log_chain.ts";
import { memoryLogValues } from "../fakes/log_values.ts";
import { Choices } from "./choices.ts";
import { parsedOrRefused } from "./refusal.ts";

/**
 * A kept log of any bytes: each reader gives what is written there or refuses, a chain that was
 * touched is not called whole, and a start finds a place to go on.
 */
export const name = "log_chain";

const KEY = deviceKey().verifyingKey;
const ENTRIES_MAX = 16;
const UTF8 = new TextDecoder();

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const stored = chosenChain(choices);
  deepEqual(verifyChain(stored, KEY).faults, []);
  const at = choices.below(stored.segments.length + 1);
  const segments = stored.segments.map(({ first, value = NO_HASH }, place) => ({
    first,
    value: place === at ? choices.damaged(value) : value,
  }));
  const { checkpoint = NO_HASH } = stored;
  const tampered = {
    ...stored,
    segments,
    checkpoint: at === segments.length ? choices.damaged(checkpoint) : checkpoint,
  };
  const { faults } = verifyChain(tampered, KEY);
  deepEqual(faults.length > 0, bytesOf(tampered) !== bytesOf(stored));
  begun(tampered);
  judged(choices.damaged(concatBytes(...segments.map(({ value }) => value))));
  judgedText(choices, stored);
}

export { judged as replay };

/** Whatever the bytes are, each decoder gives a value that is written so, or refuses. */
function judged(bytes: Uint8Array): void {
  const { header, entries } = readSegment(bytes);
  if (header !== undefined) {
    const written = entries.map(({ entry, hash }) =>
      concatBytes(encodeEntry(entry).bytes.slice(0, -hash.length), hash)
    );
    const read = concatBytes(...written);
    deepEqual(read, bytes.slice(48, 48 + read.length));
  }
  const checkpoint = parsedOrRefused(bytes, decodeCheckpoint);
  if (checkpoint !== undefined) deepEqual(encodeCheckpoint(checkpoint), bytes.slice());
  const stored = { ring: 0, segments: [{ first: 1n, value: bytes }], checkpoint: bytes };
  ok(verifyChain(stored, KEY).faults.length > 0);
  begun(stored);
  verifyExport(UTF8.decode(bytes), KEY);
}

/** A start goes on behind everything that is there, or says what is wrong. */
function begun({ ring, segments, checkpoint }: StoredChain): void {
  const values = memoryLogValues();
  for (const { first, value } of segments) {
    if (value !== undefined) values.map.set(segmentPath(ring, first), value);
  }
  if (checkpoint !== undefined) values.map.set("/state/log/checkpoint/journal", checkpoint);
  const { next, current, broken } = startOfLog(values, ring, { bootId: BOOT_ID });
  ok(segments.every(({ first }) => first < next), "no segment is written over");
  ok((current === undefined) !== (broken === undefined) || segments.length === 0);
}

/** A line that is changed is refused, or says another thing. */
function judgedText(choices: Choices, { segments }: StoredChain): void {
  const [found] = readSegment(segments[0]?.value ?? NO_HASH).entries;
  ok(found !== undefined);
  const line = entryLine(0, found);
  const changed = UTF8.decode(choices.damaged(new TextEncoder().encode(line)));
  try {
    const read = parseExportLine(changed);
    ok(read.kind === "entry" && entryLine(read.ring, read.found) === changed);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    ok(changed !== line, "a line is read as it was written");
  }
}

function chosenChain(choices: Choices): StoredChain {
  const drafts = Array.from(
    { length: choices.between(1, ENTRIES_MAX) },
    (_, at) => recordDraft(BigInt(at + 1), "ü".repeat(choices.below(100))),
  );
  return storedChain(segmentsOf(drafts, choices.between(1, 5)));
}

function bytesOf({ segments, checkpoint = NO_HASH }: StoredChain): string {
  return [...segments.map(({ value = NO_HASH }) => value), checkpoint].join(";");
}
