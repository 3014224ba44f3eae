/**
 * A log's values under another record key: the beginning of a new image. The old one is only read.
 *
 * Source: `docs/state_format.md`, "Changing the key".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import { encodeEnvelope } from "./envelope.ts";
import type { RepairWrite } from "./fsck.ts";
import { encodeImageId } from "./image_id.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";
import { locateLog } from "./locate.ts";
import { imageIdOf } from "./open_store.ts";
import { comparePaths, IMAGE_ID_PATH, SEQUENCE_PATH, storedInClear } from "./path.ts";
import type { RandomSource } from "./random_source.ts";
import { encodeRecord } from "./record.ts";
import { type LogState, replay } from "./replay.ts";
import { IMAGE_ID_LENGTH, imageKey, openValue, sealValue } from "./sealed.ts";
import { encodeSequenceMark } from "./sequence_mark.ts";
import { encodeSuperblock, regionOf } from "./superblock.ts";
import { Vault } from "./vault.ts";

export interface RekeyInput {
  /** The old image. */
  readonly disk: JournalDisk;
  /** Its id; another image is refused. */
  readonly imageId: Uint8Array;
  readonly recordKey: Secret;
  readonly newKey: Secret;
  readonly random: RandomSource;
}

/**
 * Why there is no new image. `refused`: some value does not open or is older than it should be; sealed
 * anew it would look as if it were good.
 */
export type RekeyFault =
  | "damaged"
  | "foreign"
  | "io_error"
  | "refused"
  | "unavailable"
  | "unsupported";

/** What makes an image of zeros, as long as the old one, the new image. */
export interface Rekeyed {
  readonly status: "ok";
  readonly imageId: Uint8Array;
  /** In this order, with a flush behind each: the last one makes it an image. */
  readonly writes: readonly RepairWrite[];
  /** Values, the store's own two among them. */
  readonly keys: number;
  readonly sequence: bigint;
}

/**
 * Seals every live value anew. Envelopes stay as they are, byte for byte; generation, sequence and
 * transaction ids go on from where they were.
 */
export async function rekeyed(
  input: RekeyInput,
): Promise<Rekeyed | { readonly status: RekeyFault }> {
  const old = await readOld(input);
  if (typeof old === "string") return { status: old };
  const drawn = await input.random.draw(IMAGE_ID_LENGTH);
  if (drawn?.length !== IMAGE_ID_LENGTH) return { status: "unavailable" };
  const keys = {
    from: imageKey(input.recordKey, input.imageId),
    to: imageKey(input.newKey, drawn),
  };
  try {
    return await newImage(input, old, { imageId: drawn, ...keys });
  } finally {
    keys.from.wipe();
    keys.to.wipe();
  }
}

/** The old image's values, all of them good. */
async function readOld(
  { disk, imageId, recordKey }: RekeyInput,
): Promise<LogState | RekeyFault> {
  const located = await locateLog(disk);
  if (located.status === "io_error") return "io_error";
  if (located.status === "blank") return "foreign";
  if (located.status !== "ok") return "damaged";
  const { walked, active } = located.log;
  if (walked.tail === "damaged") return "damaged";
  const named = imageIdOf(walked.records);
  if (active === undefined || named === undefined || walked.tail === "endless") {
    return "unsupported";
  }
  if (named.blockCount !== disk.blockCount) return "damaged";
  // Under the key of the image that is expected: the mark of another one does not open.
  const vault = new Vault(recordKey, imageId);
  const state = replay(walked.records, vault);
  vault.wipe();
  return faultOf(state) ?? state;
}

function faultOf(state: LogState): RekeyFault | undefined {
  if (!state.complete) return "unsupported";
  const mark = state.values.get(SEQUENCE_PATH);
  if (mark === undefined) return "damaged";
  if (mark.fault === "integrity") return "foreign";
  const refused = [...state.values.entries()].some(([, { fault }]) => fault !== undefined);
  return refused ? "refused" : undefined;
}

interface NewKeys {
  readonly imageId: Uint8Array;
  readonly from: Secret;
  readonly to: Secret;
}

async function newImage(
  { disk, random }: RekeyInput,
  old: LogState,
  { imageId, from, to }: NewKeys,
): Promise<Rekeyed | { readonly status: RekeyFault }> {
  const sequence = old.sequence + 1n;
  const records: Uint8Array[] = [];
  const entries = [...old.values.entries()].sort(([left], [right]) => comparePaths(left, right));
  for (const [path, { stored }] of entries) {
    const nonce = await random.draw(XCHACHA_NONCE_LENGTH);
    if (nonce?.length !== XCHACHA_NONCE_LENGTH) return { status: "unavailable" };
    let value = stored;
    if (path === IMAGE_ID_PATH) value = encodeImageId({ imageId, blockCount: disk.blockCount });
    else if (path === SEQUENCE_PATH) {
      const payload = encodeSequenceMark({ sequence, transaction: old.transaction, deleted: "" });
      const mark = encodeEnvelope({ ...NOBODY, sequence, payload });
      value = sealValue(mark, { key: to, path, nonce });
    } else if (!storedInClear(path)) value = resealed(stored, { path, from, to, nonce });
    records.push(encodeRecord({ op: "put", key: path, value }));
  }
  const writes = imageOf(disk.blockCount, old.generation + 1, records);
  return { status: "ok", imageId, writes, keys: entries.length, sequence };
}

const NOBODY = { timestamp: 0n, subject: "", purpose: "" } as const;

function resealed(
  stored: Uint8Array,
  { path, from, to, nonce }: Pick<NewKeys, "from" | "to"> & {
    readonly path: string;
    readonly nonce: Uint8Array;
  },
): Uint8Array {
  const plain = openValue(stored, { key: from, path });
  assert(plain !== undefined, "a value that replay opened opens again");
  const sealed = sealValue(plain, { key: to, path, nonce });
  plain.fill(0);
  return sealed;
}

/** The log in region A, then the superblock that names it. */
function imageOf(
  blockCount: number,
  generation: number,
  puts: readonly Uint8Array[],
): readonly RepairWrite[] {
  const entries = puts.length;
  const log = concatBytes(
    encodeRecord({ op: "checkpoint", generation, entries }),
    ...puts,
    encodeRecord({ op: "sync" }),
  );
  const region = regionOf("a", blockCount);
  // The old log held a record as long as each of these.
  assert(log.length <= region.blockCount * BLOCK_SIZE, "a snapshot fits where its log did");
  return [
    { block: region.firstBlock, bytes: concatBytes(log, new Uint8Array(padOf(log.length))) },
    { block: 0, bytes: encodeSuperblock({ active: "a", generation, entries }) },
  ];
}

function padOf(length: number): number {
  return Math.ceil(length / BLOCK_SIZE) * BLOCK_SIZE - length;
}
