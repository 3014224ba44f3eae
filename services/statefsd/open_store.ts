/**
 * From a disk to a store.
 *
 * @module
 */

import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { formatImage } from "./format_image.ts";
import type { JournalDisk } from "./journal_disk.ts";
import type { RandomSource } from "./random_source.ts";
import { decodeImageId, type ImageId } from "./image_id.ts";
import { BLOCK_COUNT_MIN, BLOCK_SIZE } from "./limits.ts";
import { type LocatedLog, locateLog } from "./locate.ts";
import { logEndOf, LogWriter } from "./log_writer.ts";
import { IMAGE_ID_PATH, SEQUENCE_PATH } from "./path.ts";
import { NO_QUOTAS, type OpenPayload, QuotaLedger, type QuotaPorts } from "./quota.ts";
import { encodeRecord, type StateRecord } from "./record.ts";
import { type LogState, replay, type ReplayCounts } from "./replay.ts";
import type { LegacyKey } from "./sealed.ts";
import { Store } from "./store.ts";
import { encodeSuperblock, type RegionName } from "./superblock.ts";
import { Vault } from "./vault.ts";
import type { Tail } from "./walk.ts";

export interface StorePorts {
  readonly disk: JournalDisk;
  readonly random: RandomSource;
  /** 32 bytes or more, from the node's key port. Not kept. */
  readonly recordKey: Secret;
  /** Opens values that upstream sealed. */
  readonly legacy?: LegacyKey;
  /** The image that is expected; any when left out. */
  readonly imageId?: Uint8Array | undefined;
  /** The largest sequence that a counter outside the image has seen. */
  readonly sequenceMin?: bigint;
  /** How much each owner may take; without it, as much as there is room for. */
  readonly quotas?: QuotaPorts;
}

/** What opening found. */
export interface OpenReport extends ReplayCounts {
  readonly formatted: boolean;
  readonly tail: Tail;
  readonly superblock: "good" | "rebuilt";
  readonly records: number;
  /** Transactions that a cut left open; they are discarded. */
  readonly orphans: number;
}

/**
 * Why there is no store. `damaged`: safe records are lost or no log is to be found. `foreign`: another
 * image, or another key. `rollback`: an image older than `sequenceMin`. `unsupported`: no image of
 * ours, or one too small or too full to replay.
 */
export type OpenFault =
  | "damaged"
  | "foreign"
  | "io_error"
  | "no_space"
  | "rollback"
  | "unavailable"
  | "unsupported";

export type OpenedStore =
  | {
    readonly status: "ok";
    readonly store: Store;
    readonly imageId: Uint8Array;
    readonly report: OpenReport;
  }
  | { readonly status: OpenFault };

/** Replays the log of a disk, or begins one on a disk of zeros. */
export async function openStore(ports: StorePorts): Promise<OpenedStore> {
  const { disk, sequenceMin = 0n } = ports;
  if (disk.blockCount < BLOCK_COUNT_MIN) return { status: "unsupported" };
  const located = await locateLog(disk);
  if (located.status === "ok") return await openLog(ports, located.log, false);
  if (located.status !== "blank") return { status: located.status };
  if (sequenceMin > 0n || ports.imageId !== undefined) return { status: "rollback" };
  const formatted = await formatImage(ports);
  if (formatted !== "ok") return { status: formatted };
  const begun = await locateLog(disk);
  if (begun.status !== "ok") return { status: "io_error" };
  return await openLog(ports, begun.log, true);
}

async function openLog(
  ports: StorePorts,
  log: LocatedLog,
  formatted: boolean,
): Promise<OpenedStore> {
  const { walked, active } = log;
  if (walked.tail === "damaged") return { status: "damaged" };
  const named = imageIdOf(walked.records);
  if (active === undefined || named === undefined || walked.tail === "endless") {
    return { status: "unsupported" };
  }
  const { imageId, blockCount } = named;
  if (blockCount !== ports.disk.blockCount) return { status: "damaged" };
  if (ports.imageId !== undefined && !equalBytes(ports.imageId, imageId)) {
    return { status: "foreign" };
  }
  const vault = new Vault(ports.recordKey, imageId, ports.legacy);
  const state = replay(walked.records, vault);
  const fault = faultOf(state, ports.sequenceMin ?? 0n) ?? await mend(ports.disk, log, state);
  if (fault !== undefined) {
    vault.wipe();
    return { status: fault };
  }
  const report = reportOf(log, state, formatted);
  const writer = new LogWriter(
    ports.disk,
    log.region,
    logEndOf(walked.log.subarray(0, walked.end)),
  );
  const status = await endOrphans(writer, log, state);
  if (status !== "ok") return { status };
  return { status: "ok", store: startOf(ports, { active, state, vault, writer }), imageId, report };
}

function startOf(
  { disk, random, quotas = NO_QUOTAS }: StorePorts,
  { active, state, vault, writer }: {
    readonly active: RegionName;
    readonly state: LogState;
    readonly vault: Vault;
    readonly writer: LogWriter;
  },
): Store {
  const { values: index, generation, sequence, transaction } = state;
  const payloadOf: OpenPayload = (key, { stored }) => vault.open(key, stored)?.payload;
  const ledger = new QuotaLedger(quotas, payloadOf, index.entries());
  const start = { index, ledger, vault, writer, active, generation, sequence, transaction };
  return new Store({ disk, random }, start);
}

function reportOf(
  { walked, superblock }: LocatedLog,
  state: LogState,
  formatted: boolean,
): OpenReport {
  return {
    ...state.counts,
    formatted,
    tail: walked.tail,
    superblock: superblock === "good" ? "good" : "rebuilt",
    records: walked.records.length,
    orphans: state.transactions.count,
  };
}

/** The id that a log names, when it names one. */
export function imageIdOf(records: readonly StateRecord[]): ImageId | undefined {
  const named = records.find((record) => record.op === "put" && record.key === IMAGE_ID_PATH);
  if (named?.op !== "put") return undefined;
  try {
    return decodeImageId(named.value);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** The mark is the first sealed value of all: one that does not open is under another key. */
function faultOf(state: LogState, sequenceMin: bigint): OpenFault | undefined {
  if (!state.complete) return "unsupported";
  const mark = state.values.get(SEQUENCE_PATH);
  if (mark === undefined) return "damaged";
  if (mark.fault !== undefined) return mark.fault === "integrity" ? "foreign" : "rollback";
  return state.sequence < sequenceMin ? "rollback" : undefined;
}

/** Writes block 0 anew when it was lost, and makes safe what was only read from a cache. */
export async function mend(
  disk: JournalDisk,
  { active, superblock, walked }: LocatedLog,
  { generation }: Pick<LogState, "generation">,
): Promise<OpenFault | undefined> {
  const [first] = walked.records;
  if (superblock === "rebuilt" && active !== undefined && first?.op === "checkpoint") {
    const block = encodeSuperblock({ active, generation, entries: first.entries });
    if (await disk.write(0, block) !== "ok") return "io_error";
  }
  return await disk.flush() === "ok" ? undefined : "io_error";
}

/** Cuts off a torn tail, and writes ABORT for each transaction that nobody can end any more. */
export async function endOrphans(
  writer: LogWriter,
  { walked }: LocatedLog,
  { transactions }: Pick<LogState, "transactions">,
): Promise<"ok" | OpenFault> {
  if (walked.tail !== "clean") {
    const status = await writer.settle();
    if (status !== "ok") return status;
  }
  if (transactions.count === 0) return "ok";
  const records = transactions.ids.map((transaction) => encodeRecord({ op: "abort", transaction }));
  const batch = concatBytes(...records, encodeRecord({ op: "sync" }));
  transactions.clear();
  if (writer.end + batch.length > writer.capacity - BLOCK_SIZE) return "ok";
  return await writer.append(batch);
}
