/**
 * The example of `docs/state_format.md`. Its bytes were computed by another program, from the page.
 *
 * @module
 */

import { fromHex, toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { recordKey } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { textOf } from "@tests/source_tree.ts";
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
