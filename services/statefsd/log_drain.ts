import { equalBytes } from "@runtime/core/bytes.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { Client } from "@runtime/idl/client.ts";
import { type logdQuery, QUERY_AFTER_RECORDS_MAX, RING } from "../logd/protocol.ts";
import type { ChainFault } from "./client/chain_fault.ts";
import {
  checkpointHolds,
  checkpointPath,
  encodeCheckpoint,
  type LogCheckpoint,
  type LogHead,
} from "./client/log_checkpoint.ts";
import type { LogDraft } from "./client/log_entry.ts";
import { startOfLog } from "./log_start.ts";
import type { LogValues } from "./log_values.ts";
import { RingLog } from "./ring_log.ts";
import type { WriteStatus } from "./write_queue.ts";

/** Pages of a ring that one drain takes: the rest waits for the next, so that others get a turn. */
export const DRAIN_PAGES_MAX = 8;

/** What the drain stands on. It has no timer: whoever owns it says when. */
export interface LogDrainPorts {
  readonly values: LogValues;
  readonly log: Pick<Client<typeof logdQuery>, "queryAfter">;
  readonly clock: Pick<Clock, "unixMs">;
  /** 16 bytes that no other boot of this image has. */
  readonly bootId: Uint8Array;
  /** The device that was here before, as its id. */
  readonly deviceId?: string | undefined;
  /** Told at the start of each thing that is wrong with a chain that was found. */
  readonly tell: (ring: number, fault: ChainFault) => void;
  /** Segments that a ring keeps; `LOG_SEGMENTS_MAX` unless said. */
  readonly segmentsMax?: number;
}

/** `more`: there is more than one drain takes. Anything else than `ok` comes again. */
export type DrainStatus = WriteStatus | "more";

/** What the drain has done since its start. */
export interface DrainStats {
  /** Records that are safe. */
  readonly records: number;
  /** Records that logd let go before they were drained; the chain says so. */
  readonly lost: bigint;
  /** Queries and writes that failed. */
  readonly failures: number;
}

/** Keeps both rings of logd on the disk. logd knows nothing of it. */
export class LogDrain {
  readonly #ports: LogDrainPorts;
  readonly #rings: readonly DrainedRing[];
  #running: Promise<DrainStatus> | undefined;
  #stats: DrainStats = { records: 0, lost: 0n, failures: 0 };

  /** Looks up where each chain ends, and checks its newest segment. */
  constructor(ports: LogDrainPorts) {
    this.#ports = ports;
    this.#rings = Object.values(RING).map((ring) => drainedRing(ring, ports));
  }

  get stats(): DrainStats {
    return this.#stats;
  }

  /** Takes what is new in both rings. Calls that come together share one run. */
  drain(): Promise<DrainStatus> {
    this.#running ??= this.#drainAll().finally(() => this.#running = undefined);
    return this.#running;
  }

  /** Heads that no checkpoint covers: what is worth a signature. */
  heads(): readonly LogHead[] {
    return this.#rings.flatMap((each) => {
      const { head } = each.log;
      if (head === undefined || head.index <= each.signedTo) return [];
      each.offered = head;
      return [head];
    });
  }

  /**
   * Keeps the signature of the head that `heads` gave out last.
   *
   * @returns `malformed` for any other head, and for a signature that does not hold.
   */
  async keepCheckpoint(checkpoint: LogCheckpoint): Promise<WriteStatus> {
    const { ring, index, head } = checkpoint;
    const own = this.#rings[ring];
    const offered = own?.offered;
    if (own === undefined || offered === undefined) return "malformed";
    const same = offered.index === index && equalBytes(offered.head, head);
    if (!same || !checkpointHolds(checkpoint)) return "malformed";
    const status = await this.#ports.values.put(checkpointPath(ring), encodeCheckpoint(checkpoint));
    if (status === "ok") own.signedTo = index;
    return status;
  }

  async #drainAll(): Promise<DrainStatus> {
    let status: DrainStatus = "ok";
    for (const ring of this.#rings) {
      const ended = await this.#drainRing(ring);
      if (status === "ok" || ended !== "ok" && ended !== "more") status = ended;
    }
    return status;
  }

  async #drainRing(own: DrainedRing): Promise<DrainStatus> {
    for (let page = 0; page < DRAIN_PAGES_MAX; page++) {
      const drafts = await this.#nextDrafts(own);
      if (drafts === undefined) return this.#failed("unavailable");
      if (drafts.length === 0) return "ok";
      const { safeCount, status } = await own.log.append(drafts);
      for (const draft of drafts.slice(0, safeCount)) this.#count(own, draft);
      if (status !== "ok") return this.#failed(status);
    }
    return "more";
  }

  /** What comes next of a ring; `undefined` when logd does not say. */
  async #nextDrafts(own: DrainedRing): Promise<readonly LogDraft[] | undefined> {
    const { log, clock, bootId } = this.#ports;
    const { ring, afterId } = own;
    const ask = { ring, afterId, countMax: QUERY_AFTER_RECORDS_MAX, scope: "" };
    const page = await log.queryAfter(ask);
    if (page.status !== "ok") return undefined;
    const unixMs = clock.unixMs();
    const drafts: LogDraft[] = [];
    let expected = afterId + 1n;
    for (const record of page.records) {
      if (record.recordId < expected) continue;
      const agoMs = Number(page.nowNs - record.timestampNs) / 1e6;
      const about = { bootId, unixMs: BigInt(Math.max(0, Math.round(unixMs - agoMs))) };
      if (record.recordId > expected) {
        const count = record.recordId - expected;
        drafts.push({ ...about, kind: "gap", firstId: expected, count });
      }
      drafts.push({ ...about, kind: "record", ...record });
      expected = record.recordId + 1n;
    }
    return drafts;
  }

  /** An entry that is safe is not asked for again. */
  #count(own: DrainedRing, draft: LogDraft): void {
    const { records, lost } = this.#stats;
    if (draft.kind === "record") {
      own.afterId = draft.recordId;
      this.#stats = { ...this.#stats, records: records + 1 };
    } else if (draft.kind === "gap") {
      own.afterId = draft.firstId + draft.count - 1n;
      this.#stats = { ...this.#stats, lost: lost + draft.count };
    }
  }

  #failed(status: WriteStatus): WriteStatus {
    this.#stats = { ...this.#stats, failures: this.#stats.failures + 1 };
    return status;
  }
}

/** A ring as far as it is drained. */
interface DrainedRing {
  readonly ring: number;
  readonly log: RingLog;
  /** The last record that is safe, or that is known to be lost. */
  afterId: bigint;
  /** The last entry under a signature. */
  signedTo: bigint;
  /** The head that was given out to be signed. */
  offered: LogHead | undefined;
}

function drainedRing(ring: number, ports: LogDrainPorts): DrainedRing {
  const { values, segmentsMax, tell } = ports;
  const start = startOfLog(values, ring, ports);
  for (const fault of start.faults) tell(ring, fault);
  const log = new RingLog(
    { ring, values, ...segmentsMax === undefined ? {} : { segmentsMax } },
    start,
  );
  const { afterId, signedTo } = start;
  return { ring, log, afterId, signedTo, offered: undefined };
}
