/**
 * Judging and mending images: one of a state directory, with its key, or a bare one.
 *
 * Source: Open Nexus OS, `fsck-statefs`.
 *
 * @module
 */

import { equalBytes } from "@runtime/core/bytes.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import type { Secret } from "@runtime/core/secret.ts";
import type {
  HeldDisk,
  HeldFolder,
  Progress,
  StateHost,
  StatePorts,
} from "@runtime/core/state_ports.ts";
import { checkDisk, type FsckReport } from "../fsck.ts";
import { journalOver } from "../host_journal.ts";
import { holdState, readFacts } from "./open_state.ts";
import { unwrapKeystoreKey } from "./keystore_key.ts";
import { loadKey } from "./record_key.ts";
import { FACTS_NAME, imageNameOf, IMPORT_NAME, type StateFacts } from "./state_facts.ts";
import { readWitness } from "./state_witness.ts";
import { StateFailure, stating } from "./state_failure.ts";
import { writeBlocks } from "./write_blocks.ts";

/** What is done about what is found. `plan`: it is told, and nothing is written. */
export type CheckMode = "judge" | "plan" | "repair";

export interface CheckAsk {
  readonly mode: CheckMode;
  /** Of a directory that is under one; without it values are not opened. */
  readonly passphrase?: Secret | undefined;
  readonly progress?: Progress | undefined;
}

/** Whether values were judged under the directory's key. `lost`: its key file is gone. */
export type KeyUse = "used" | "not_given" | "lost" | "none";

export interface CheckedImage {
  /** Path of the image. */
  readonly image: string;
  readonly key: KeyUse;
  /** As it was found. */
  readonly report: FsckReport;
  /** Whether it is another image than the directory was made with. */
  readonly foreign: boolean;
  /** Whether it has another length than it was made with. */
  readonly resized: boolean;
  /** Whether keystored's own key, in the directory, is one; unknown without the record key. */
  readonly keystoreKey: "good" | "damaged" | "unknown";
  /** Whether a later state of it was seen: somebody put an older copy back. */
  readonly rolledBack: boolean;
  /** Whether something was written, after which the image is clean. */
  readonly repaired: boolean;
  /** 0 clean, 1 transactions without an end, mended or not, 2 beyond repair. */
  readonly exitCode: 0 | 1 | 2;
}

/** Judges the image of a state directory that no node runs on. @throws {StateFailure} */
export function checkState(
  ports: StatePorts,
  path: string,
  ask: CheckAsk,
): Promise<CheckedImage> {
  return stating(async () => {
    const folder = await holdState(ports, path, {});
    try {
      const facts = readFacts(folder);
      const importing = facts?.imageId === undefined && folder.names().includes(IMPORT_NAME);
      if (importing) throw new StateFailure("import_begun", path);
      if (facts === undefined) throw new StateFailure("absent", path);
      return await checkHeld(folder, facts, ask);
    } finally {
      folder.release();
    }
  });
}

/**
 * Judges an image that lies anywhere, without a key. The state directory that it lies in is held, so
 * that no node runs on it, whatever the runtime can do about locks on files.
 *
 * @throws {StateFailure}
 */
export function checkImageFile(
  { host }: StatePorts,
  path: string,
  { mode }: CheckAsk,
): Promise<CheckedImage> {
  return stating(async () => {
    const folder = await holdAround(host, path);
    try {
      const disk = host.openImage(path, mode !== "repair");
      try {
        return await checkOpen(disk, { path, mode });
      } finally {
        await disk.close();
      }
    } finally {
      folder?.release();
    }
  });
}

async function holdAround(host: StateHost, path: string): Promise<HeldFolder | undefined> {
  const end = path.lastIndexOf("/");
  const folder = end < 0 ? "." : path.slice(0, end) || "/";
  return isStateFolder(host, folder) ? await host.hold(folder) : undefined;
}

function isStateFolder(host: StateHost, folder: string): boolean {
  try {
    return host.look(folder)?.includes(FACTS_NAME) === true;
  } catch (error) {
    // One that others can open, or a link, is no state directory.
    if (error instanceof FileFailure) return false;
    throw error;
  }
}

async function checkHeld(
  folder: HeldFolder,
  facts: StateFacts,
  ask: CheckAsk,
): Promise<CheckedImage> {
  const name = imageNameOf(facts.rekeys);
  if (!folder.names().includes(name)) {
    throw new StateFailure(facts.imageId === undefined ? "absent" : "image_missing", folder.path);
  }
  const { key, recordKey } = keyFor(folder, facts, ask);
  try {
    const disk = folder.openImage(name, ask.mode !== "repair");
    try {
      const path = `${folder.path}/${name}`;
      const { sequence: sequenceMin } = readWitness(folder);
      const { mode } = ask;
      const checked = await checkOpen(disk, { path, mode, facts, recordKey, sequenceMin });
      const keystoreKey = keystoreKeyIn(facts, recordKey);
      const lost = key === "lost" || keystoreKey === "damaged";
      return { ...checked, key, keystoreKey, exitCode: lost ? 2 : checked.exitCode };
    } finally {
      await disk.close();
    }
  } finally {
    recordKey?.wipe();
  }
}

function keystoreKeyIn(
  { keystore }: StateFacts,
  recordKey: Secret | undefined,
): CheckedImage["keystoreKey"] {
  if (recordKey === undefined) return "unknown";
  const key = unwrapKeystoreKey(keystore, recordKey);
  key?.wipe();
  return key === undefined ? "damaged" : "good";
}

function keyFor(
  folder: HeldFolder,
  facts: StateFacts,
  { passphrase, progress }: CheckAsk,
): { readonly key: KeyUse; readonly recordKey?: Secret } {
  if (facts.key.kind === "passphrase" && passphrase === undefined) return { key: "not_given" };
  try {
    return { key: "used", recordKey: loadKey(folder, facts, { passphrase, progress }) };
  } catch (error) {
    if (error instanceof StateFailure && error.code === "key_missing") return { key: "lost" };
    throw error;
  }
}

interface OpenCheck {
  readonly path: string;
  readonly mode: CheckMode;
  readonly facts?: StateFacts;
  readonly recordKey?: Secret | undefined;
  readonly sequenceMin?: bigint;
}

async function checkOpen(
  disk: HeldDisk,
  { path, mode, facts, recordKey, sequenceMin = 0n }: OpenCheck,
): Promise<CheckedImage> {
  const report = await checkDisk(journalOver(disk), recordKey);
  const expected = facts?.imageId;
  const resized = report.resized || facts !== undefined && facts.sectorCount !== disk.sectorCount;
  // An image whose damage hides its id may well be the right one.
  const foreign = !resized && expected !== undefined &&
    (report.imageId === undefined ? report.exitCode !== 2 : !equalBytes(report.imageId, expected));
  const rolledBack = report.sequence !== undefined && report.sequence < sequenceMin;
  const judged = { report, foreign, resized, rolledBack, keystoreKey: "unknown" } as const;
  const found = { image: path, key: "none", ...judged } as const;
  if (foreign || resized || rolledBack) return { ...found, repaired: false, exitCode: 2 };
  const mends = mode === "repair" && report.repair.length > 0;
  if (mends) await mend(disk, report, { path, recordKey });
  return { ...found, repaired: mends, exitCode: report.exitCode };
}

/** Does what was planned, and counts on it only when the image is then found clean. */
async function mend(
  disk: HeldDisk,
  { repair }: FsckReport,
  { path, recordKey }: Pick<OpenCheck, "path" | "recordKey">,
): Promise<void> {
  for (const { block, bytes } of repair) {
    const status = await writeBlocks(disk, block, bytes);
    if (status !== "ok") throw new StateFailure("image_unreadable", path);
  }
  const after = await checkDisk(journalOver(disk), recordKey);
  const clean = after.exitCode === 0 && after.repair.length === 0;
  if (!clean) throw new StateFailure("repair_failed", path);
}
