/**
 * State directories, from nothing to an open disk and its key. A cut at any step leaves what the next
 * one completes; nothing that was there is replaced.
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import type { EntropySource } from "@runtime/core/ports.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import type { Secret } from "@runtime/core/secret.ts";
import type { HeldDisk, HeldFolder, Progress, StatePorts } from "@runtime/core/state_ports.ts";
import { fillImage, holdsValues } from "../fill_image.ts";
import type { FirstValue } from "../format_image.ts";
import { journalOver } from "../host_journal.ts";
import { type OpenFault, openStore } from "../open_store.ts";
import type { RandomSource } from "../random_source.ts";
import { newKeystoreKey, unwrapKeystoreKey } from "./keystore_key.ts";
import {
  checkOf,
  loadKey,
  newDerivedKey,
  newRandomKey,
  newSalt,
  readKeyFile,
  type SourcedKey,
  writeKeyFile,
} from "./record_key.ts";
import {
  decodeFacts,
  encodeFacts,
  FACTS_LENGTH_MAX,
  FACTS_NAME,
  imageNameOf,
  IMPORT_NAME,
  keyNameOf,
  type StateFacts,
  useOf,
} from "./state_facts.ts";
import { readWitness, type Witness } from "./state_witness.ts";
import { StateFailure, type StateFailureCode, stating } from "./state_failure.ts";

/** How a state directory is opened. */
export interface StateAsk {
  /** Needed by one that is under a passphrase; a new one is put under it. The caller wipes it. */
  readonly passphrase?: Secret | undefined;
  /** Makes one where there is none, with an image of so many sectors. */
  readonly create?: {
    readonly sectorCount: number;
    /** What its image begins with. The caller wipes them. */
    readonly values?: readonly FirstValue[];
  } | undefined;
  /** Refuses one that is whole already. */
  readonly mustBeNew?: boolean;
  readonly progress?: Progress | undefined;
}

/** A state directory that is this process's until it is closed. */
export interface OpenedState {
  readonly folder: HeldFolder;
  /** The image; what lies on it is statefsd's. */
  readonly disk: HeldDisk;
  /** What statefsd opens it with, together with {@linkcode OpenedState.imageId}. */
  readonly recordKey: Secret;
  readonly imageId: Uint8Array;
  /** What was noted of the image outside it. */
  readonly witness: Witness;
  /** What keystored alone is handed. */
  readonly keystoreKey: Secret;
  readonly facts: StateFacts;
  /** `completed`: an earlier making of it was cut off. */
  readonly made: "now" | "completed" | "before";
  /** Closes the image, wipes the key and lets others have the directory. */
  close(): Promise<void>;
}

/**
 * Opens a state directory.
 *
 * @throws {StateFailure} whose message says what to do.
 */
export function openState(
  ports: StatePorts,
  path: string,
  ask: StateAsk = {},
): Promise<OpenedState> {
  return stating(async () => {
    const folder = await holdState(ports, path, ask);
    try {
      return await openHeld(ports, folder, ask);
    } catch (error) {
      folder.release();
      throw error;
    }
  });
}

/**
 * Holds a folder that is a state directory, or can become one.
 *
 * @throws {StateFailure} `absent`, `no_facts`, `not_empty`; {@linkcode FileFailure} of the host.
 */
export async function holdState(
  { host }: StatePorts,
  path: string,
  { create }: Pick<StateAsk, "create">,
): Promise<HeldFolder> {
  const names = host.look(path);
  if (names === undefined && create === undefined) throw new StateFailure("absent", path);
  if (names === undefined) host.make(path);
  else refuseOther(names, path, create !== undefined);
  return await host.hold(path);
}

/** Nothing is put into a folder that holds anything but the beginning of a state directory. */
function refuseOther(names: readonly string[], path: string, create: boolean): void {
  if (names.includes(FACTS_NAME)) return;
  const uses = names.map(useOf);
  if (uses.includes("image")) throw new StateFailure("no_facts", path);
  const begun = names.every((name, index) => name === keyNameOf(0) || uses[index] === "draft");
  if (!begun) throw new StateFailure("not_empty", path);
  if (!create) throw new StateFailure("absent", path);
}

async function openHeld(
  ports: StatePorts,
  folder: HeldFolder,
  ask: StateAsk,
): Promise<OpenedState> {
  const found = readFacts(folder);
  if (found?.imageId !== undefined && ask.mustBeNew === true) {
    throw new StateFailure("exists", folder.path);
  }
  const made = found?.imageId !== undefined
    ? "before"
    : folder.names().length > 0
    ? "completed"
    : "now";
  markImport(folder, found, ask);
  const { facts, recordKey } = found === undefined
    ? begin(ports, folder, ask)
    : { facts: found, recordKey: loadKey(folder, found, ask) };
  try {
    return await opened(ports, folder, { facts, recordKey, made, ask });
  } catch (error) {
    recordKey.wipe();
    throw error;
  }
}

/** A directory that values were on their way into is completed with them, or not at all. */
function markImport(folder: HeldFolder, found: StateFacts | undefined, { create }: StateAsk): void {
  if (found?.imageId !== undefined) return;
  const begun = folder.names().includes(IMPORT_NAME);
  if (create?.values === undefined && begun) throw new StateFailure("import_begun", folder.path);
  if (create?.values !== undefined && !begun) folder.create(IMPORT_NAME, new Uint8Array(0));
}

async function opened(
  ports: StatePorts,
  folder: HeldFolder,
  { facts, recordKey, made, ask }: Pick<OpenedState, "facts" | "recordKey" | "made"> & {
    readonly ask: StateAsk;
  },
): Promise<OpenedState> {
  const disk = openImage(folder, facts, ask);
  try {
    if (disk.sectorCount !== facts.sectorCount) {
      throw new StateFailure("image_resized", folder.path);
    }
    const imageId = facts.imageId ??
      await formatted(ports, folder, { facts, recordKey, disk, ask });
    clearLeftovers(folder, facts);
    const keystoreKey = unwrapKeystoreKey(facts.keystore, recordKey);
    if (keystoreKey === undefined) throw new StateFailure("bad_keystore_key", folder.path);
    const close = async () => {
      recordKey.wipe();
      keystoreKey.wipe();
      await disk.close();
      folder.release();
    };
    const witness = readWitness(folder);
    const found = { recordKey, keystoreKey, imageId, witness };
    return { folder, disk, ...found, facts: { ...facts, imageId }, made, close };
  } catch (error) {
    await disk.close();
    throw error;
  }
}

/** What the directory says of itself; `undefined` while nothing does. */
export function readFacts(folder: HeldFolder): StateFacts | undefined {
  if (!folder.names().includes(FACTS_NAME)) return undefined;
  try {
    return decodeFacts(folder.read(FACTS_NAME, FACTS_LENGTH_MAX));
  } catch (error) {
    const other = error instanceof WireError ||
      error instanceof FileFailure && error.code === "too_large";
    if (other) throw new StateFailure("bad_facts", folder.path, { cause: error });
    throw error;
  }
}

/** The key first: a cut leaves one that the next attempt takes, and never a second one. */
function begin(
  { entropy }: StatePorts,
  folder: HeldFolder,
  { create, passphrase, progress }: StateAsk,
): { readonly facts: StateFacts; readonly recordKey: Secret } {
  refuseOther(folder.names(), folder.path, create !== undefined);
  if (create === undefined) throw new StateFailure("absent", folder.path);
  const { recordKey, source } = passphrase === undefined
    ? firstKey(entropy, folder)
    : firstDerivedKey(entropy, folder, { passphrase, progress });
  const facts: StateFacts = {
    rekeys: 0,
    sectorCount: create.sectorCount,
    imageId: undefined,
    check: checkOf(recordKey),
    key: source,
    keystore: newKeystoreKey(entropy, recordKey, folder.path),
  };
  try {
    folder.create(FACTS_NAME, encodeFacts(facts));
  } catch (error) {
    recordKey.wipe();
    throw error;
  }
  return { facts, recordKey };
}

function firstKey(entropy: EntropySource, folder: HeldFolder): SourcedKey {
  if (folder.names().includes(keyNameOf(0))) {
    return { recordKey: readKeyFile(folder, 0), source: { kind: "file" } };
  }
  const key = newRandomKey(entropy, folder.path);
  writeKeyFile(folder, 0, key.recordKey);
  return key;
}

function firstDerivedKey(
  entropy: EntropySource,
  folder: HeldFolder,
  { passphrase, progress }: {
    readonly passphrase: Secret;
    readonly progress: Progress | undefined;
  },
): SourcedKey {
  if (folder.names().includes(keyNameOf(0))) throw new StateFailure("key_left", folder.path);
  return newDerivedKey(passphrase, { salt: newSalt(entropy, folder.path), progress });
}

/** An image is made only for a directory that never had a whole one. */
function openImage(
  folder: HeldFolder,
  { rekeys, sectorCount, imageId }: StateFacts,
  { create, progress }: StateAsk,
): HeldDisk {
  const name = imageNameOf(rekeys);
  const there = folder.names().includes(name);
  if (!there && imageId !== undefined) throw new StateFailure("image_missing", folder.path);
  if (imageId === undefined) {
    if (create === undefined) throw new StateFailure("absent", folder.path);
    if (create.sectorCount !== sectorCount) throw new StateFailure("other_size", folder.path);
    if (!there) folder.createImage(name, sectorCount, progress);
  }
  return folder.openImage(name, false);
}

/** Formats an image, or finds that it was, and writes down which one it is. */
async function formatted(
  { entropy }: StatePorts,
  folder: HeldFolder,
  { facts, recordKey, disk, ask }: Pick<OpenedState, "facts" | "recordKey" | "disk"> & {
    readonly ask: StateAsk;
  },
): Promise<Uint8Array> {
  const ports = { disk: journalOver(disk), random: randomOver(entropy), recordKey };
  const values = ask.create?.values;
  if (values !== undefined) {
    const status = await fillImage(ports, { values, progress: ask.progress });
    if (status !== "ok") throw new StateFailure(FAULTS[status], folder.path);
  }
  const result = await openStore(ports);
  if (result.status !== "ok") throw new StateFailure(FAULTS[result.status], folder.path);
  const other = values !== undefined && !holdsValues(result.store, values);
  result.store.wipe();
  if (other) throw new StateFailure("other_source", folder.path);
  folder.replace(FACTS_NAME, encodeFacts({ ...facts, imageId: result.imageId }));
  return result.imageId;
}

/** Why an image does not open, in the words of a failure. */
export const FAULTS: Readonly<Record<OpenFault, StateFailureCode>> = {
  damaged: "damaged",
  foreign: "foreign",
  "io_error": "image_unreadable",
  "no_space": "no_space",
  rollback: "rolled_back",
  unavailable: "no_entropy",
  unsupported: "damaged",
};

/** The host's entropy as a store draws from it. */
export function randomOver(entropy: EntropySource): RandomSource {
  return {
    draw(length) {
      const bytes = new Uint8Array(length);
      return Promise.resolve(entropy.fill(bytes) === length ? bytes : undefined);
    },
  };
}

/**
 * Removes what a cut left of an image or a key that are not, or no more, in use. Both that are have
 * been opened, so that nothing of worth goes with it.
 */
export function clearLeftovers(folder: HeldFolder, { rekeys, key }: StateFacts): void {
  const kept = [imageNameOf(rekeys), ...key.kind === "file" ? [keyNameOf(rekeys)] : []];
  const left = folder.names().filter((name) => useOf(name) !== "other" && !kept.includes(name));
  if (left.length === 0) return;
  // What names the files in use must be as durable as their removal.
  folder.sync();
  for (const name of left) {
    if (holdsKey(name)) folder.shred(name);
    else folder.remove(name);
  }
}

/** Whether a name is that of a key file, or of a draft of one. */
function holdsKey(name: string): boolean {
  return name.startsWith("record.");
}
