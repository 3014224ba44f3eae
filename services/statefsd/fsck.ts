/**
 * What is wrong with an image, and what would mend it. Nothing is written.
 *
 * Source: Open Nexus OS, `fsck-statefs`, exit codes.
 *
 * @module
 */

import type { Secret } from "@runtime/core/secret.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";
import { type LocatedLog, locateLog } from "./locate.ts";
import { logEndOf, LogWriter } from "./log_writer.ts";
import { endOrphans, imageIdOf, mend } from "./open_store.ts";
import { SEQUENCE_PATH } from "./path.ts";
import { type LogState, replay, type ReplayCounts } from "./replay.ts";
import { Vault } from "./vault.ts";
import type { Tail } from "./walk.ts";

/** Blocks that a repair writes; in this order, with a flush behind each. */
export interface RepairWrite {
  /** The first of them. */
  readonly block: number;
  readonly bytes: Uint8Array;
}

export interface FsckReport extends ReplayCounts {
  /** 0 clean, 1 transactions without an end, 2 beyond repair. */
  readonly exitCode: 0 | 1 | 2;
  readonly layout: "blank" | "legacy" | "regions" | "unknown";
  readonly superblock: LocatedLog["superblock"];
  readonly generation: number;
  readonly records: number;
  readonly keys: number;
  readonly tail: Tail;
  /** Offset in the image behind the last record. */
  readonly end: number;
  readonly orphans: readonly bigint[];
  /** Which image it says it is. */
  readonly imageId: Uint8Array | undefined;
  /** Whether it holds more values, or more bytes of them, than are read. */
  readonly overfull: boolean;
  /** Whether its id says that it had another length. */
  readonly resized: boolean;
  /** Whether the image is under another key: not even the store's own mark opens. */
  readonly foreignKey: boolean;
  /** Whether values were opened: with a key, and for an image that names its id. */
  readonly opened: boolean;
  /** The largest sequence of its values, where they were opened. */
  readonly sequence: bigint | undefined;
  /** Empty when there is nothing to mend, or nothing that can be. */
  readonly repair: readonly RepairWrite[];
}

const NOTHING: FsckReport = {
  exitCode: 2,
  layout: "unknown",
  superblock: "none",
  generation: 0,
  records: 0,
  keys: 0,
  tail: "damaged",
  end: 0,
  orphans: [],
  imageId: undefined,
  overfull: false,
  resized: false,
  foreignKey: false,
  opened: false,
  sequence: undefined,
  integrity: 0,
  rollback: 0,
  forgedDeletes: 0,
  ignored: 0,
  repair: [],
};

/**
 * Judges an image.
 *
 * @param recordKey Opens the values; without it only records and transactions are judged.
 */
export function checkImage(image: Uint8Array, recordKey?: Secret): Promise<FsckReport> {
  return checkNoted(new ImageDisk(image), recordKey);
}

/** As {@linkcode checkImage}, of an image that is read where it lies. Nothing is written to it. */
export function checkDisk(disk: JournalDisk, recordKey?: Secret): Promise<FsckReport> {
  return checkNoted(new NotedDisk(disk), recordKey);
}

async function checkNoted(disk: NotingDisk, recordKey?: Secret): Promise<FsckReport> {
  const located = await locateLog(disk);
  if (located.status === "blank") {
    return { ...NOTHING, exitCode: 0, layout: "blank", tail: "clean" };
  }
  return located.status === "ok" ? await judged(disk, located.log, recordKey) : NOTHING;
}

async function judged(disk: NotingDisk, log: LocatedLog, recordKey?: Secret): Promise<FsckReport> {
  const { walked, region, active, superblock } = log;
  const named = imageIdOf(walked.records);
  const vault = recordKey !== undefined && named !== undefined
    ? new Vault(recordKey, named.imageId)
    : undefined;
  const state = replay(walked.records, vault);
  vault?.wipe();
  const orphans = state.transactions.ids;
  const { integrity, rollback, forgedDeletes } = state.counts;
  const resized = active !== undefined && named !== undefined &&
    named.blockCount !== disk.blockCount;
  const unread = walked.tail === "damaged" || walked.tail === "endless" || !state.complete;
  const lost = unread || resized ||
    vault !== undefined && integrity + rollback + forgedDeletes > 0;
  return {
    ...state.counts,
    exitCode: lost ? 2 : orphans.length > 0 ? 1 : 0,
    layout: active === undefined ? "legacy" : "regions",
    superblock,
    generation: state.generation,
    records: walked.records.length,
    keys: state.values.size,
    tail: walked.tail,
    end: region.firstBlock * BLOCK_SIZE + walked.end,
    orphans,
    imageId: named?.imageId,
    overfull: !state.complete,
    resized,
    foreignKey: vault !== undefined &&
      state.values.get(SEQUENCE_PATH)?.fault === "integrity",
    opened: vault !== undefined,
    sequence: vault === undefined ? undefined : state.sequence,
    repair: lost ? [] : await repairOf(disk, log, state),
  };
}

/** What opening the image would write. */
async function repairOf(
  disk: NotingDisk,
  log: LocatedLog,
  state: LogState,
): Promise<readonly RepairWrite[]> {
  await mend(disk, log, state);
  const writer = new LogWriter(
    disk,
    log.region,
    logEndOf(log.walked.log.subarray(0, log.walked.end)),
  );
  await endOrphans(writer, log, state);
  return disk.writes;
}

/** A disk that notes what would be written to it. */
interface NotingDisk extends JournalDisk {
  readonly writes: readonly RepairWrite[];
}

/** A disk that is read, and notes what would be written to it. */
class NotedDisk implements NotingDisk {
  readonly blockSize = BLOCK_SIZE;
  readonly blockCount: number;
  readonly writes: RepairWrite[] = [];
  readonly #disk: JournalDisk;

  constructor(disk: JournalDisk) {
    this.#disk = disk;
    this.blockCount = disk.blockCount;
  }

  read(block: number, into: Uint8Array): ReturnType<JournalDisk["read"]> {
    return this.#disk.read(block, into);
  }

  write(block: number, bytes: Uint8Array): Promise<"ok"> {
    this.writes.push({ block, bytes: bytes.slice() });
    return Promise.resolve("ok");
  }

  flush(): Promise<"ok"> {
    return Promise.resolve("ok");
  }
}

/** An image in memory that notes what would be written to it. */
class ImageDisk implements NotingDisk {
  readonly blockSize = BLOCK_SIZE;
  readonly blockCount: number;
  readonly writes: RepairWrite[] = [];
  readonly #image: Uint8Array;

  constructor(image: Uint8Array) {
    this.#image = image;
    this.blockCount = Math.floor(image.length / BLOCK_SIZE);
  }

  read(block: number, into: Uint8Array): Promise<"ok"> {
    const offset = block * BLOCK_SIZE;
    into.set(this.#image.subarray(offset, offset + into.length));
    return Promise.resolve("ok");
  }

  write(block: number, bytes: Uint8Array): Promise<"ok"> {
    this.writes.push({ block, bytes: bytes.slice() });
    return Promise.resolve("ok");
  }

  flush(): Promise<"ok"> {
    return Promise.resolve("ok");
  }
}
