import type { Secret } from "@runtime/core/secret.ts";
import type { Progress } from "@runtime/core/state_ports.ts";
import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import type { Provenance } from "./envelope.ts";
import { encodeImageId } from "./image_id.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { IMAGE_ID_PATH, SEQUENCE_PATH } from "./path.ts";
import type { RandomSource } from "./random_source.ts";
import { IMAGE_ID_LENGTH } from "./sealed.ts";
import { encodeSequenceMark } from "./sequence_mark.ts";
import { beginGeneration, snapshotOf } from "./snapshot.ts";
import { ValueIndex } from "./value_index.ts";
import { Vault } from "./vault.ts";

/** A value that an image begins with. */
export interface FirstValue extends Provenance {
  /** Without fault, and none of the store's own. */
  readonly path: string;
  readonly payload: Uint8Array;
}

export interface FormatPorts {
  readonly disk: JournalDisk;
  readonly random: RandomSource;
  readonly recordKey: Secret;
}

const NOBODY: Provenance = { timestamp: 0n, subject: "", purpose: "" };

/** What an image is formatted with beside its id. */
export interface FirstValues {
  readonly values: readonly FirstValue[];
  readonly progress?: Progress | undefined;
}

/**
 * Begins generation 1: the image's id, values with sequences in their order, and the first mark. What
 * lay on the disk before is of no use any more.
 */
export async function formatImage(
  { disk, random, recordKey }: FormatPorts,
  { values, progress }: FirstValues = { values: [] },
): Promise<"ok" | "io_error" | "no_space" | "unavailable"> {
  const drawn = await random.draw(IMAGE_ID_LENGTH + XCHACHA_NONCE_LENGTH);
  if (drawn?.length !== IMAGE_ID_LENGTH + XCHACHA_NONCE_LENGTH) return "unavailable";
  const imageId = drawn.slice(0, IMAGE_ID_LENGTH);
  const vault = new Vault(recordKey, imageId);
  const sequence = BigInt(values.length) + 1n;
  const payload = encodeSequenceMark({ sequence, transaction: 0n, deleted: "" });
  const nonce = drawn.subarray(IMAGE_ID_LENGTH);
  const mark = vault.store(SEQUENCE_PATH, { ...NOBODY, sequence, payload }, nonce);
  const index = await indexOf(values, { vault, random, progress });
  vault.wipe();
  if (index === undefined) return "unavailable";
  const named = encodeImageId({ imageId, blockCount: disk.blockCount });
  index.set(IMAGE_ID_PATH, { stored: named, sequence: 0n, subject: "", fault: undefined });
  index.set(SEQUENCE_PATH, { stored: mark, sequence, subject: "", fault: undefined });
  const begun = await beginGeneration(disk, "a", snapshotOf(1, index));
  if (typeof begun !== "string") return "ok";
  return begun === "no_space" ? "no_space" : "io_error";
}

async function indexOf(
  values: readonly FirstValue[],
  { vault, random, progress }: {
    readonly vault: Vault;
    readonly random: RandomSource;
    readonly progress: Progress | undefined;
  },
): Promise<ValueIndex | undefined> {
  const index = new ValueIndex();
  for (const [at, { path, ...value }] of values.entries()) {
    const nonce = await random.draw(XCHACHA_NONCE_LENGTH);
    if (nonce?.length !== XCHACHA_NONCE_LENGTH) return undefined;
    const sequence = BigInt(at) + 1n;
    const stored = vault.store(path, { ...value, sequence }, nonce);
    index.set(path, { stored, sequence, subject: value.subject, fault: undefined });
    progress?.((at + 1) / values.length);
  }
  return index;
}
