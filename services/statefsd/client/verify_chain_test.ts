import { concatBytes } from "@runtime/core/bytes.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import {
  BOOT_ID,
  deviceKey,
  recordDraft,
  segmentsOf,
  signedHead,
  storedChain,
} from "@tests/fakes/log_chain.ts";
import { test } from "@tests/fakes/test.ts";
import { Choices } from "@tests/fuzz/choices.ts";
import { FAULTS_MAX } from "./chain_check.ts";
import { type ChainFault, faultText } from "./chain_fault.ts";
import { encodeCheckpoint } from "./log_checkpoint.ts";
import { encodeEntry, type LogDraft, type LogEntry, NO_HASH } from "./log_entry.ts";
import { readSegment, SegmentDraft, type SegmentStart } from "./log_segment.ts";
import { type StoredChain, verifyChain } from "./verify_chain.ts";

const HEADER_LENGTH = 48;
const DRAFTS = Array.from({ length: 12 }, (_, at) => recordDraft(BigInt(at + 1)));

/** Twelve entries in three segments of four. */
function chain(): StoredChain & { readonly starts: readonly SegmentStart[] } {
  const starts = segmentsOf(DRAFTS, 4);
  return { ...storedChain(starts), starts };
}

/** The entries of a segment, each with its hash behind it. */
function entriesOf(value: Uint8Array): Uint8Array[] {
  return readSegment(value).entries.map(({ entry }) => encodeEntry(entry).bytes);
}

/** The chain with the entries of its second segment, 5 to 8, as `change` leaves them. */
function withSecond(change: (entries: Uint8Array[]) => Uint8Array[]): StoredChain {
  const { segments, ...rest } = chain();
  const [before, second, ...behind] = segments;
  const value = second?.value ?? new Uint8Array(0);
  const changed = concatBytes(value.subarray(0, HEADER_LENGTH), ...change(entriesOf(value)));
  return {
    ...rest,
    segments: [before, { first: 5n, value: changed }, ...behind].flatMap((s) => s ?? []),
  };
}

function faults(stored: StoredChain, key = deviceKey().verifyingKey): readonly ChainFault[] {
  return verifyChain(stored, key).faults;
}

/** An entry whose hash is made anew, as somebody who knows the format would. */
function forged(bytes: Uint8Array, change: Partial<LogEntry & { message: string }>): Uint8Array {
  const segment = SegmentDraft.begin({ ring: 0, first: 1n, previous: NO_HASH }).finish().bytes;
  const [found] = readSegment(concatBytes(segment, bytes)).entries;
  ok(found?.entry.kind === "record");
  return encodeEntry({ ...found.entry, ...change } as LogEntry).bytes;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >>> 3] = (copy[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

test("verifyChain finds nothing in a chain that nobody touched, and says how far it is signed", () => {
  deepEqual(verifyChain(chain(), deviceKey().verifyingKey), {
    entries: 12,
    first: 1n,
    last: 12n,
    signedTo: 12n,
    signer: deviceKey().verifyingKey,
    unsignedCount: 0n,
    faults: [],
  });
});

test("verifyChain counts the entries behind the signed one", () => {
  const { starts, ...stored } = chain();
  const [, second] = starts;
  ok(second !== undefined);
  const head = { ring: 0, index: second.next - 1n, head: second.head };
  const checkpoint = encodeCheckpoint(signedHead(head));
  const { signedTo, unsignedCount, faults } = verifyChain({ ...stored, checkpoint });
  deepEqual([signedTo, unsignedCount, faults], [8n, 4n, []]);
});

test("verifyChain names an edited entry, whatever part of it was edited", () => {
  const entry = entriesOf(chain().segments[1]?.value ?? new Uint8Array(0))[1] ?? new Uint8Array(0);
  for (let bit = 0; bit < entry.length * 8; bit++) {
    const stored = withSecond(([first, second, ...rest]) =>
      [first, flipped(second ?? entry, bit), ...rest].flatMap((part) => part ?? [])
    );
    const [fault] = faults(stored);
    ok(fault?.kind === "edited" || fault?.kind === "malformed", `bit ${bit}: ${fault?.kind}`);
    equal(fault.index, 6n, `bit ${bit}`);
  }
});

test("verifyChain tells of one edited entry once", () => {
  const stored = withSecond((entries) => entries.with(1, flipped(entries[1] ?? NO_HASH, 8 * 100)));
  deepEqual(faults(stored), [{ kind: "edited", index: 6n }]);
  const hash = withSecond((entries) => {
    const entry = entries[1] ?? NO_HASH;
    return entries.with(1, flipped(entry, 8 * (entry.length - 1)));
  });
  deepEqual(faults(hash), [{ kind: "edited", index: 6n }]);
});

test("verifyChain names an entry that was replaced by a whole one", () => {
  const stored = withSecond((entries) =>
    entries.with(1, forged(entries[1] ?? NO_HASH, { message: "nothing happened" }))
  );
  deepEqual(faults(stored), [{ kind: "replaced", index: 6n }]);
});

test("verifyChain names a first entry that claims to follow another", () => {
  const [start] = segmentsOf(DRAFTS.slice(0, 1), 4);
  ok(start !== undefined);
  const previous = NO_HASH.slice().fill(1);
  const draft = SegmentDraft.begin({ ring: 0, first: 1n, previous });
  draft.add(recordDraft(1n));
  deepEqual(faults(storedChain([draft.finish()])), [{ kind: "edited", index: 1n }]);
});

test("verifyChain names what was dropped, in a segment and whole segments", () => {
  const one = withSecond((entries) => entries.toSpliced(1, 1));
  deepEqual(faults(one), [{ kind: "missing", index: 6n, count: 1n }]);
  const { segments, ...rest } = chain();
  const middle = { ...rest, segments: segments.toSpliced(1, 1) };
  deepEqual(faults(middle), [{ kind: "missing", index: 5n, count: 4n }]);
  const front = { ...rest, segments: segments.slice(1) };
  deepEqual(faults(front), [{ kind: "missing", index: 1n, count: 4n }]);
});

test("verifyChain names what was reordered", () => {
  const swapped = withSecond(([a, b, c, d]) => [a, c, b, d].flatMap((part) => part ?? []));
  deepEqual(faults(swapped), [{ kind: "misplaced", index: 6n }]);
  const far = withSecond(([a, b, c, d]) => [a, d, c, b].flatMap((part) => part ?? []));
  deepEqual(faults(far), [{ kind: "misplaced", index: 7n }, { kind: "misplaced", index: 6n }]);
  const { segments, ...rest } = chain();
  const [first, second, third] = segments.map(({ value }) => value);
  const under = [{ first: 1n, value: second }, { first: 5n, value: first }, {
    first: 9n,
    value: third,
  }];
  const [told] = faults({ ...rest, segments: under });
  deepEqual(told, { kind: "misplaced", index: 5n });
});

test("verifyChain names what is there twice", () => {
  const twice = withSecond((entries) => entries.toSpliced(1, 0, entries[1] ?? NO_HASH));
  deepEqual(faults(twice), [{ kind: "duplicated", index: 6n }]);
  const { segments, ...rest } = chain();
  const [first, second, third] = segments;
  ok(first !== undefined && second !== undefined && third !== undefined);
  const again = { ...rest, segments: [first, second, { ...second, first: 7n }, third] };
  deepEqual(faults(again)[0], { kind: "misplaced", index: 5n });
});

test("verifyChain names the first entry that was cut off behind a signature", () => {
  const { segments, ...rest } = chain();
  const short = { ...rest, segments: segments.slice(0, 2) };
  deepEqual(faults(short), [{ kind: "truncated", index: 9n, count: 4n }]);
  deepEqual(faults({ ...rest, segments: [] }), [{ kind: "truncated", index: 1n, count: 12n }]);
});

test("verifyChain names a segment's end that is no entry, and a value that is no segment", () => {
  const { segments, ...rest } = chain();
  const cut = segments.map(({ first, value }) => ({
    first,
    value: first === 5n ? value?.slice(0, -1) : value,
  }));
  deepEqual(faults({ ...rest, segments: cut }), [{ kind: "malformed", index: 8n }]);
  for (const value of [undefined, new Uint8Array(0), NO_HASH]) {
    const lost = segments.map((segment) => segment.first === 5n ? { first: 5n, value } : segment);
    deepEqual(faults({ ...rest, segments: lost }), [{ kind: "malformed", index: 5n }]);
  }
  const empty = segments[1]?.value?.slice(0, HEADER_LENGTH);
  const none = segments.map((s) => s.first === 5n ? { first: 5n, value: empty } : s);
  deepEqual(faults({ ...rest, segments: none }), [{ kind: "malformed", index: 5n }]);
});

test("verifyChain takes no header that says something else than its path and its entries", () => {
  const value = chain().segments[1]?.value ?? new Uint8Array(0);
  for (let bit = 0; bit < HEADER_LENGTH * 8; bit++) {
    const { segments, ...rest } = chain();
    const wrong = segments.map((s) => s.first === 5n ? { ...s, value: flipped(value, bit) } : s);
    ok(faults({ ...rest, segments: wrong }).length > 0, `bit ${bit}`);
  }
});

test("verifyChain takes a chain of the other ring for no chain of this one", () => {
  const { segments } = chain();
  const { checkpoint } = storedChain(segmentsOf(DRAFTS, 4, 1));
  const found = faults({ ring: 1, segments, checkpoint });
  equal(found.filter(({ kind }) => kind === "misplaced").length, 3);
});

test("verifyChain says what is wrong about a checkpoint", () => {
  const stored = chain();
  const head = { ring: 0, index: 12n, head: stored.starts[2]?.head ?? NO_HASH };
  const signed = signedHead(head);
  const told = (checkpoint: Uint8Array | undefined) => faults({ ...stored, checkpoint });
  deepEqual(told(undefined), [{ kind: "checkpoint_absent" }]);
  deepEqual(told(NO_HASH), [{ kind: "checkpoint_malformed" }]);
  deepEqual(told(encodeCheckpoint(signedHead({ ...head, ring: 1 }))), [
    { kind: "checkpoint_malformed" },
  ]);
  deepEqual(told(encodeCheckpoint({ ...signed, index: 11n })), [{ kind: "checkpoint_forged" }]);
  deepEqual(told(encodeCheckpoint(signedHead(head, deviceKey(2)))), [
    { kind: "checkpoint_foreign" },
  ]);
  deepEqual(told(encodeCheckpoint(signedHead({ ...head, head: NO_HASH }))), [
    { kind: "unsigned", index: 12n },
  ]);
});

test("verifyChain without a key takes anybody's signature, and says so by nothing else", () => {
  const stored = chain();
  const head = { ring: 0, index: 12n, head: stored.starts[2]?.head ?? NO_HASH };
  const checkpoint = encodeCheckpoint(signedHead(head, deviceKey(2)));
  equal(verifyChain({ ...stored, checkpoint }).signedTo, 12n);
});

test("verifyChain finds nothing where there is nothing", () => {
  deepEqual(faults({ ring: 0, segments: [], checkpoint: undefined }), []);
});

test("a chain whose beginning was deleted for room says so itself", () => {
  const about = { bootId: BOOT_ID, unixMs: 1n };
  const trimmed: LogDraft = { ...about, kind: "trimmed", first: 5n };
  const starts = segmentsOf([...DRAFTS.slice(0, 8), trimmed, ...DRAFTS.slice(8)], 4);
  const stored = storedChain(starts);
  const { first, faults: none } = verifyChain({ ...stored, segments: stored.segments.slice(1) });
  deepEqual([first, none], [5n, []]);
  // What is announced may not be deleted yet; what is not, may not be deleted at all.
  deepEqual(faults(stored), []);
  deepEqual(faults({ ...stored, segments: stored.segments.slice(2) }), [
    { kind: "missing", index: 5n, count: 4n },
  ]);
});

test("verifyChain ties no signature to a chain whose signed entry is deleted", () => {
  const about = { bootId: BOOT_ID, unixMs: 1n };
  const starts = segmentsOf([...DRAFTS.slice(0, 8), { ...about, kind: "trimmed", first: 5n }], 4);
  const [first] = starts;
  ok(first !== undefined);
  const checkpoint = encodeCheckpoint(signedHead({ ring: 0, index: 4n, head: first.head }));
  const { segments } = storedChain(starts);
  deepEqual(faults({ ring: 0, segments: segments.slice(1), checkpoint }), [
    { kind: "checkpoint_outdated" },
  ]);
});

test("verifyChain names the place where a node had to begin anew, and goes on behind it", () => {
  const { segments } = chain();
  const about = { bootId: BOOT_ID, unixMs: 1n };
  const anew = SegmentDraft.begin({ ring: 0, first: 265n, previous: NO_HASH });
  anew.add({ ...about, kind: "broken", segment: 9n, found: NO_HASH });
  anew.add(recordDraft(1n));
  const last = anew.finish();
  const stored = storedChain([last]);
  const found = faults({ ...stored, segments: [...segments, ...stored.segments] });
  deepEqual(found, [{ kind: "broken", index: 265n, segment: 9n }]);
});

test("verifyChain tells of so many faults and no more", () => {
  const drafts = Array.from({ length: 100 }, (_, at) => recordDraft(BigInt(at + 1), "x"));
  const stored = storedChain(segmentsOf(drafts, 1));
  const halved = stored.segments.filter((_, at) => at % 2 === 1);
  equal(faults({ ...stored, segments: halved }).length, FAULTS_MAX);
});

test("faultText names the record of every fault", () => {
  deepEqual(
    [
      faultText({ kind: "missing", index: 7n, count: 1n }),
      faultText({ kind: "missing", index: 7n, count: 3n }),
      faultText({ kind: "truncated", index: 7n, count: 1n }),
      faultText({ kind: "replaced", index: 7n }),
      faultText({ kind: "checkpoint_forged" }),
    ],
    [
      "record 7 is missing",
      "records 7 to 9 are missing",
      "the chain was cut off: record 7 is signed, and gone",
      "record 7 was replaced: record 8 follows another one",
      "the signature of the checkpoint does not hold",
    ],
  );
});

/** A chain of any length, in segments of any, with texts of any. */
function chosenChain(choices: Choices): StoredChain {
  const drafts = Array.from(
    { length: choices.between(1, 24) },
    (_, at) => recordDraft(BigInt(at + 1), "m".repeat(choices.below(200))),
  );
  return storedChain(segmentsOf(drafts, choices.between(1, 6)));
}

test("verifyChain finds any bit that is flipped, in any chain", () => {
  for (let seed = 0; seed < 400; seed++) {
    const choices = new Choices(seed);
    const stored = chosenChain(choices);
    const at = choices.below(stored.segments.length + 1);
    const bitOf = (value: Uint8Array) => flipped(value, choices.below(value.length * 8));
    const tampered = {
      ...stored,
      segments: stored.segments.map((segment, place) =>
        place === at && segment.value !== undefined
          ? { ...segment, value: bitOf(segment.value) }
          : segment
      ),
      checkpoint: at === stored.segments.length && stored.checkpoint !== undefined
        ? bitOf(stored.checkpoint)
        : stored.checkpoint,
    };
    ok(faults(tampered).length > 0, `seed ${seed}`);
  }
});

test("verifyChain finds any segment that is removed, moved, doubled or cut, in any chain", () => {
  for (let seed = 0; seed < 400; seed++) {
    const choices = new Choices(seed);
    const stored = chosenChain(choices);
    const at = choices.below(stored.segments.length);
    const segment = stored.segments[at];
    ok(segment?.value !== undefined);
    const cut = { ...segment, value: segment.value.slice(0, choices.below(segment.value.length)) };
    const change = choices.pick([
      () => stored.segments.toSpliced(at, 1),
      () => [...stored.segments.toSpliced(at, 1), segment],
      () => stored.segments.toSpliced(at, 0, segment),
      () => stored.segments.with(at, cut),
    ]);
    const segments = change();
    const same = segments.length === stored.segments.length &&
      segments.every((each, place) => each === stored.segments[place]);
    equal(faults({ ...stored, segments }).length > 0, !same, `seed ${seed}`);
  }
});
