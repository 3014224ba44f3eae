/**
 * A state directory under another key. The new image and key have names of their own, and replacing
 * `state.json` is the one step that puts them in the place of the old ones.
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import type { Secret } from "@runtime/core/secret.ts";
import type { HeldDisk, Progress, StatePorts } from "@runtime/core/state_ports.ts";
import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import { checkDisk } from "../fsck.ts";
import { journalOver } from "../host_journal.ts";
import { type Rekeyed, rekeyed, type RekeyFault } from "../rekey.ts";
import { clearLeftovers, type OpenedState, openState, randomOver } from "./open_state.ts";
import { wrapKeystoreKey } from "./keystore_key.ts";
import {
  checkOf,
  drawn,
  newDerivedKey,
  newRandomKey,
  newSalt,
  type SourcedKey,
  writeKeyFile,
} from "./record_key.ts";
import { encodeFacts, FACTS_NAME, imageNameOf, keyNameOf, type StateFacts } from "./state_facts.ts";
import { StateFailure, type StateFailureCode, stating } from "./state_failure.ts";
import { writeBlocks } from "./write_blocks.ts";

/** What a directory's key is to be. */
export interface RekeyAsk {
  /** Opens it now. The caller wipes both. */
  readonly passphrase?: Secret | undefined;
  /** The new one; a new key file unless said. */
  readonly newPassphrase?: Secret | undefined;
  readonly progress?: Progress | undefined;
}

export interface RekeyReport {
  /** How often the key was changed by now. */
  readonly rekeys: number;
  /** Values under the new key, the store's own two among them. */
  readonly keys: number;
  readonly sequence: bigint;
  /** Where the new key lies; `undefined` under a passphrase. */
  readonly keyFile: string | undefined;
}

/**
 * Draws a new key and seals every value anew. A cut at any step leaves the old directory or the new
 * one, whole; the next one that opens it removes the rest.
 *
 * @throws {StateFailure} whose message says what to do.
 */
export function rekeyState(ports: StatePorts, path: string, ask: RekeyAsk): Promise<RekeyReport> {
  return stating(async () => {
    const { passphrase, progress } = ask;
    const state = await openState(ports, path, { passphrase, progress });
    try {
      return await rekeyOpen(ports, state, ask);
    } finally {
      await state.close();
    }
  });
}

async function rekeyOpen(
  ports: StatePorts,
  state: OpenedState,
  { newPassphrase, progress }: RekeyAsk,
): Promise<RekeyReport> {
  const { folder } = state;
  const key = newPassphrase === undefined
    ? newRandomKey(ports.entropy, folder.path)
    : newDerivedKey(newPassphrase, { salt: newSalt(ports.entropy, folder.path), progress });
  try {
    const image = await newImage(ports, state, key.recordKey);
    const nonce = drawn(ports.entropy, XCHACHA_NONCE_LENGTH, folder.path);
    const facts: StateFacts = {
      rekeys: state.facts.rekeys + 1,
      sectorCount: state.facts.sectorCount,
      imageId: image.imageId,
      check: checkOf(key.recordKey),
      key: key.source,
      keystore: wrapKeystoreKey(state.keystoreKey, key.recordKey, nonce),
    };
    await makeFiles(state, { facts, key, image, progress });
    folder.replace(FACTS_NAME, encodeFacts(facts));
    await state.disk.close();
    clearLeftovers(folder, facts);
    return {
      ...{ rekeys: facts.rekeys, keys: image.keys, sequence: image.sequence },
      keyFile: key.source.kind === "file" ? `${folder.path}/${keyNameOf(facts.rekeys)}` : undefined,
    };
  } finally {
    key.recordKey.wipe();
  }
}

async function newImage(
  { entropy }: StatePorts,
  { disk, folder, imageId, recordKey }: OpenedState,
  newKey: Secret,
): Promise<Rekeyed> {
  const random = randomOver(entropy);
  const image = await rekeyed({ disk: journalOver(disk), imageId, recordKey, newKey, random });
  if (image.status !== "ok") throw new StateFailure(FAULTS[image.status], folder.path);
  return image;
}

const FAULTS: Readonly<Record<RekeyFault, StateFailureCode>> = {
  damaged: "damaged",
  foreign: "foreign",
  "io_error": "image_unreadable",
  refused: "values_refused",
  unavailable: "no_entropy",
  unsupported: "damaged",
};

interface NewFiles {
  readonly facts: StateFacts;
  readonly key: SourcedKey;
  readonly image: Rekeyed;
  readonly progress: Progress | undefined;
}

/** The new image and key file, beside those in use; where they cannot be had they go away again. */
async function makeFiles(state: OpenedState, files: NewFiles): Promise<void> {
  const { folder } = state;
  const { facts, key, image, progress } = files;
  try {
    if (key.source.kind === "file") writeKeyFile(folder, facts.rekeys, key.recordKey);
    const name = imageNameOf(facts.rekeys);
    folder.createImage(name, facts.sectorCount, progress);
    const disk = folder.openImage(name, false);
    try {
      await fill(disk, image, { path: folder.path, recordKey: key.recordKey });
    } finally {
      await disk.close();
    }
  } catch (error) {
    undo(state);
    throw error;
  }
}

async function fill(
  disk: HeldDisk,
  image: Rekeyed,
  { path, recordKey }: { readonly path: string; readonly recordKey: Secret },
): Promise<void> {
  for (const { block, bytes } of image.writes) {
    const status = await writeBlocks(disk, block, bytes);
    if (status !== "ok") {
      throw new StateFailure(status === "no_space" ? status : "image_unreadable", path);
    }
  }
  const { exitCode, keys, opened, repair } = await checkDisk(journalOver(disk), recordKey);
  const whole = exitCode === 0 && opened && keys === image.keys && repair.length === 0;
  if (!whole) throw new StateFailure("image_unreadable", path);
}

function undo({ folder, facts }: OpenedState): void {
  try {
    clearLeftovers(folder, facts);
  } catch (error) {
    // The next one that opens the directory does it; what went wrong first is what is told.
    assert(error instanceof FileFailure, "a folder refuses with a FileFailure");
  }
}
