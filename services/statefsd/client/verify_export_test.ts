import { WireError } from "@runtime/core/error.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
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
import { readCheckpoint } from "./log_checkpoint.ts";
import { encodeEntry, type LogDraft, type LogEntry, NO_HASH } from "./log_entry.ts";
import { endLine, entryLine, parseExportLine } from "./log_export.ts";
import { readSegment } from "./log_segment.ts";
import { verifyExport } from "./verify_export.ts";

const ABOUT = { bootId: BOOT_ID, unixMs: 7n };
const DRAFTS: readonly LogDraft[] = [
  { ...ABOUT, kind: "gap", firstId: 1n, count: 2n },
  ...[3n, 4n, 5n, 6n].map((id) => recordDraft(id, `message "${id}" ü`)),
  { ...ABOUT, kind: "trimmed", first: 1n },
];

/** The lines of a chain of six entries, signed to the end, and the line behind. */
function exported(): readonly string[] {
  const { ring, segments, checkpoint } = storedChain(segmentsOf(DRAFTS, 4));
  const found = segments.flatMap(({ value }) => readSegment(value ?? NO_HASH).entries);
  const signed = readCheckpoint(checkpoint ?? NO_HASH);
  return [
    ...found.map((entry) => entryLine(ring, entry)),
    endLine(ring, { last: BigInt(found.length), checkpoint: signed }),
  ];
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function faults(lines: readonly string[]) {
  return verifyExport(textOf(lines), deviceKey().verifyingKey).faults
    .map(({ fault, line }) => [line, fault.kind, "index" in fault ? fault.index : undefined]);
}

test("an export that nobody touched verifies, with its line feeds and without the last", () => {
  const text = textOf(exported());
  const report = verifyExport(text, deviceKey().verifyingKey);
  deepEqual(report, {
    ring: 0,
    entries: 6,
    first: 1n,
    last: 6n,
    signedTo: 6n,
    signer: deviceKey().verifyingKey,
    unsignedCount: 0n,
    faults: [],
  });
  deepEqual(verifyExport(text.trimEnd(), deviceKey().verifyingKey), report);
});

test("every kind of entry is read from its line as it was written", () => {
  const broken: LogEntry = {
    ...ABOUT,
    kind: "broken",
    index: 9n,
    previous: NO_HASH,
    segment: 3n,
    found: NO_HASH,
  };
  const line = entryLine(1, { entry: broken, ...encodeEntry(broken) });
  const read = parseExportLine(line);
  ok(read.kind === "entry" && read.ring === 1);
  deepEqual(read.found.entry, broken);
  for (const each of exported()) ok(parseExportLine(each).ring === 0);
});

test("verifyExport names the line that was edited, dropped, moved or doubled", () => {
  const lines = exported();
  const third = lines[2] ?? "";
  deepEqual(faults(lines.with(2, third.replace("message", "Message"))), [[3, "malformed", 3n]]);
  deepEqual(faults(lines.with(2, third.replace('\\"4\\"', '\\"5\\"'))), [[3, "edited", 3n]]);
  deepEqual(faults(lines.toSpliced(2, 1)), [[3, "missing", 3n]]);
  deepEqual(
    faults([lines.slice(0, 2), lines[3], lines[2], lines.slice(4)].flatMap((l) => l ?? [])),
    [
      [4, "misplaced", 3n],
    ],
  );
  deepEqual(faults(lines.toSpliced(2, 0, third)), [[4, "duplicated", 3n]]);
  deepEqual(faults(lines.slice(1)), [[6, "missing", 1n]]);
});

test("verifyExport names an export that was cut off", () => {
  const lines = exported();
  deepEqual(faults(lines.slice(0, -1)), [[6, "checkpoint_absent", undefined], [
    6,
    "end_missing",
    undefined,
  ]]);
  deepEqual(faults(lines.toSpliced(4, 2)), [[5, "truncated", 5n], [5, "truncated", 5n]]);
  deepEqual(faults([]), [[1, "end_missing", undefined]]);
});

test("verifyExport takes what the last line says of those that nobody signed", () => {
  const [first = "", ...rest] = exported().slice(0, -1);
  const read = parseExportLine(first);
  ok(read.kind === "entry");
  const checkpoint = signedHead({ ring: 0, index: 1n, head: read.found.hash });
  const ending = (last: bigint) => [first, ...rest, endLine(0, { last, checkpoint })];
  deepEqual(faults(ending(6n)), []);
  deepEqual(faults(ending(7n)), [[7, "truncated", 7n]]);
  deepEqual(faults(ending(5n)), [[7, "end_other", 6n]]);
});

test("verifyExport takes no line of another ring and no end in the middle", () => {
  const lines = exported();
  const other = (lines[2] ?? "").replace('"ring":"journal"', '"ring":"audit"');
  deepEqual(faults(lines.with(2, other)), [[3, "malformed", 3n]]);
  const end = lines.at(-1) ?? "";
  deepEqual(faults(lines.toSpliced(2, 0, end)), [[3, "malformed", 3n]]);
});

test("verifyExport says that nothing is signed where nothing is", () => {
  const lines = exported().with(-1, endLine(0, { last: 6n, checkpoint: undefined }));
  deepEqual(faults(lines), [[7, "checkpoint_absent", undefined]]);
});

test("parseExportLine takes one spelling", () => {
  const line = exported()[1] ?? "";
  const wrong = [
    "",
    "null",
    "[]",
    "{",
    ` ${line}`,
    line.replace('"level":2', '"level":2.5'),
    line.replace('"level":2', '"level":256'),
    line.replace('"level":2', '"level":"2"'),
    line.replace('"index":"2"', '"index":"02"'),
    line.replace('"index":"2"', '"index":2'),
    line.replace('"index":"2"', '"index":"18446744073709551616"'),
    line.replace('"kind":"record"', '"kind":"other"'),
    line.replace('"ring":"journal"', '"ring":"other"'),
    line.replace("ü", "\\ud800"),
    line.replace("ü", "ü".repeat(200)),
    line.replace('"bootId":"b0', '"bootId":"B0'),
    line.replace('"bootId":"b0', '"bootId":"'),
    line.replace('"bootId":"b0', '"bootId":"g0'),
    line.replace("}", ',"more":1}'),
  ];
  for (const each of wrong) throws(() => parseExportLine(each), WireError, each);
});

test("verifyExport finds any letter that is changed, and any line that is missing", () => {
  const lines = exported();
  const text = textOf(lines);
  for (let seed = 0; seed < 500; seed++) {
    const choices = new Choices(seed);
    const at = choices.below(text.length - 1);
    const letter = String.fromCharCode(text.charCodeAt(at) ^ (1 << choices.below(7)));
    const changed = text.slice(0, at) + letter + text.slice(at + 1);
    const { faults } = verifyExport(changed, deviceKey().verifyingKey);
    ok(faults.length > 0, `seed ${seed}: ${at}`);
  }
  for (let at = 0; at < lines.length; at++) ok(faults(lines.toSpliced(at, 1)).length > 0);
  equal(lines.length, 7);
});
