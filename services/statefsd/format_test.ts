/**
 * The example of `docs/state_format.md`. Its bytes were computed by another program, from the page.
 *
 * @module
 */

import { fromHex, toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { recordDraft, signedHead } from "@tests/fakes/log_chain.ts";
import { recordKey } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { textOf } from "@tests/source_tree.ts";
import { LEVELS } from "../logd/protocol.ts";
import { endLine, entryLine } from "./client/log_export.ts";
import { type LogDraft, NO_HASH } from "./client/log_entry.ts";
import { defaultLimits } from "./default_limits.ts";
import { BLOCK_SIZE } from "./limits.ts";
import { decodeQuotaLimits, encodeQuotaLimits } from "./quota_limits.ts";
import { decodeRecord, encodeRecord } from "./record.ts";
import { imageKey } from "./sealed.ts";
import { decodeSuperblock } from "./superblock.ts";
import { Vault } from "./vault.ts";

const IMAGE_ID = Uint8Array.from({ length: 16 }, (_, index) => index);
const NONCE = Uint8Array.from({ length: 24 }, (_, index) => 0x40 + index);
const PATH = "/state/app/a";

/** A block of the page's example. */
function example(name: string): Uint8Array {
  const page = textOf("docs/state_format.md");
  const [, text = ""] = new RegExp("```text " + name + "\\n([^`]*)```").exec(page) ?? [];
  return fromHex(text.replaceAll(/\s/g, ""));
}

test("imageKey equals the page's example", () => {
  equal(imageKey(recordKey(), IMAGE_ID).use(toHex), toHex(example("key")));
});

test("the page's record is read and written as it stands", () => {
  const bytes = example("record");
  const { record, next } = decodeRecord(bytes, 0);
  equal(next, bytes.length);
  ok(record.op === "put" && record.key === PATH);
  const vault = new Vault(recordKey(), IMAGE_ID);
  const envelope = vault.open(PATH, record.value);
  ok(envelope !== undefined);
  const { sequence, timestamp, subject, purpose, payload } = envelope;
  deepEqual(
    [sequence, timestamp, subject, purpose, new TextDecoder().decode(payload)],
    [2n, 5n, "vfsd", "test", "hi"],
  );
  const value = vault.store(PATH, envelope, NONCE);
  equal(toHex(encodeRecord({ op: "put", key: PATH, value })), toHex(bytes));
});

test("the page's superblock is read", () => {
  deepEqual(decodeSuperblock(example("superblock")), { active: "a", generation: 1, entries: 2 });
});

test("the page's limits are read and written as they stand", () => {
  const limits = { soft: 65_536, hard: 131_072 };
  deepEqual(decodeQuotaLimits(example("limits")), limits);
  equal(toHex(encodeQuotaLimits(limits)), toHex(example("limits")));
});

/** Rows of a table that the page marks by a name, without its head. */
function tableRows(name: string): readonly (readonly string[])[] {
  const page = textOf("docs/state_format.md");
  const [, text = ""] = new RegExp(`<!-- ${name} -->\\n([^]*?)<!-- /${name} -->`).exec(page) ?? [];
  return text.trim().split("\n").slice(2)
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

test("the page's default limits are those of images of these lengths", () => {
  const rows = tableRows("defaults").map((row) => row.map(Number));
  ok(rows.length > 3);
  for (const [bytes = 0, ...cells] of rows) {
    const { subjects, apps, segmentsMax } = defaultLimits(bytes / BLOCK_SIZE);
    deepEqual(cells, [subjects.soft, subjects.hard, apps.soft, apps.hard, segmentsMax]);
  }
});

/** Names of a JSON object's members in order, in the page's spelling. */
function membersOf(value: unknown): string {
  ok(typeof value === "object" && value !== null);
  return Object.keys(value).map((name) => `\`${name}\``).join(", ");
}

test("the page names the members of an export's lines as they are written", () => {
  const about = { bootId: IMAGE_ID, unixMs: 1n } as const;
  const drafts: readonly LogDraft[] = [
    recordDraft(1n),
    { ...about, kind: "gap", firstId: 1n, count: 1n },
    { ...about, kind: "trimmed", first: 1n },
    { ...about, kind: "broken", segment: 1n, found: NO_HASH },
  ];
  const [every = [], ...kinds] = tableRows("members");
  const written = drafts.map((draft) => {
    const entry = { ...draft, index: 1n, previous: NO_HASH };
    return [draft.kind, membersOf(JSON.parse(entryLine(0, { entry, hash: NO_HASH })))];
  });
  const end = JSON.parse(
    endLine(0, { last: 1n, checkpoint: signedHead({ ring: 0, index: 1n, head: NO_HASH }) }),
  );
  const ends = [["end", membersOf(end)], ["its `checkpoint`", membersOf(end["checkpoint"])]];
  const told = kinds.map(([kind = "", members = ""], at) =>
    at < drafts.length ? [kind, `${every[1]}, ${members}`] : [kind, members]
  );
  deepEqual(told, [...written, ...ends]);
});

test("the page names the levels as logd numbers them", () => {
  const levels = LEVELS.map((level, number) => `${number} ${level}`).join(", ");
  ok(textOf("docs/state_format.md").includes(`Levels: ${levels}.`));
});
