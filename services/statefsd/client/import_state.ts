/**
 * A state directory from an image of upstream's. The image is only read, and read to its end before
 * anything is made.
 *
 * @module
 */

import type { Secret } from "@runtime/core/secret.ts";
import type { Progress, StatePorts } from "@runtime/core/state_ports.ts";
import { journalOver } from "../host_journal.ts";
import { BLOCK_SIZE, INDEX_BYTES_MAX, KEYS_MAX } from "../limits.ts";
import { putLength } from "../record.ts";
import { regionOf } from "../superblock.ts";
import { type OpenedState, openState } from "./open_state.ts";
import { SECTORS_MAX, SECTORS_MIN } from "./state_facts.ts";
import { StateFailure, type StateFailureCode, stating } from "./state_failure.ts";
import {
  type LeftOut,
  readUpstream,
  storedLength,
  type UpstreamFault,
  type UpstreamImage,
} from "./upstream_image.ts";

/** The store's own: the image's id and the mark. */
const OWN_KEYS = 2;
/** Of a region, what values may take that are there from the first; the rest is the node's to write. */
const FIRST_SHARE = 2;

export interface ImportAsk {
  /** Path of the image. */
  readonly from: string;
  /** Of the new image. */
  readonly sectorCount: number;
  /** Leaves out what cannot be taken, instead of taking nothing. */
  readonly skipUnreadable: boolean;
  /** What the new directory is put under. The caller wipes it. */
  readonly passphrase?: Secret | undefined;
  readonly progress?: Progress | undefined;
}

/** What was taken, and what was not. */
export interface ImportReport
  extends Pick<UpstreamImage, "layout" | "tail" | "records" | "orphans" | "ignored" | "leftOut"> {
  readonly image: string;
  readonly taken: number;
}

/** `untakable`: values that cannot be taken. `too_small`: a larger image is needed. Nothing was made. */
export type Imported =
  | { readonly status: "ok"; readonly state: OpenedState; readonly report: ImportReport }
  | { readonly status: "untakable"; readonly values: readonly LeftOut[] }
  | { readonly status: "too_small"; readonly sectorsMin: number };

/**
 * Makes a state directory with the live values of an image of upstream's, and closes it.
 *
 * @throws {StateFailure} whose message says what to do.
 */
export function importState(ports: StatePorts, path: string, ask: ImportAsk): Promise<Imported> {
  return stating(async () => {
    const image = await readSource(ports, ask);
    try {
      return await taken(ports, path, { image, ask });
    } finally {
      image.wipe();
    }
  });
}

async function readSource(
  { host }: StatePorts,
  { from, skipUnreadable }: ImportAsk,
): Promise<UpstreamImage> {
  const disk = host.openImage(from, true);
  try {
    if (disk.sectorCount > SECTORS_MAX) throw new StateFailure("source_too_large", from);
    const image = await readUpstream(journalOver(disk));
    if (image.status !== "ok") throw new StateFailure(FAULTS[image.status], from);
    if (image.tail !== "damaged" || skipUnreadable) return image;
    image.wipe();
    throw new StateFailure("source_damaged", from);
  } finally {
    await disk.close();
  }
}

const FAULTS: Readonly<Record<UpstreamFault, StateFailureCode>> = {
  blank: "source_blank",
  damaged: "source_lost",
  "io_error": "image_unreadable",
  ours: "source_ours",
  "too_large": "source_too_large",
};

async function taken(
  ports: StatePorts,
  path: string,
  { image, ask }: { readonly image: UpstreamImage; readonly ask: ImportAsk },
): Promise<Imported> {
  const { values, leftOut, layout, tail, records, orphans, ignored } = image;
  const untakable = leftOut.filter(({ reason }) => reason !== "device_key" && reason !== "own");
  if (untakable.length > 0 && !ask.skipUnreadable) {
    return { status: "untakable", values: untakable };
  }
  const sectorsMin = sectorsFor(image, ask.from);
  if (ask.sectorCount < sectorsMin) return { status: "too_small", sectorsMin };
  const { passphrase, progress, sectorCount } = ask;
  const create = { sectorCount, values };
  const state = await openState(ports, path, { passphrase, progress, create, mustBeNew: true });
  await state.close();
  const found = { layout, tail, records, orphans, ignored, leftOut };
  return { status: "ok", state, report: { image: ask.from, taken: values.length, ...found } };
}

/** The fewest sectors, a power of two of them, of an image that the values leave room in. */
function sectorsFor({ values }: UpstreamImage, from: string): number {
  const bytes = values.reduce((sum, value) => sum + putLength(value.path, storedLength(value)), 0);
  if (bytes > INDEX_BYTES_MAX || values.length + OWN_KEYS > KEYS_MAX) {
    throw new StateFailure("source_too_large", from);
  }
  let sectors = SECTORS_MIN;
  while (bytes * FIRST_SHARE > regionOf("a", sectors).blockCount * BLOCK_SIZE) sectors *= 2;
  return sectors;
}
