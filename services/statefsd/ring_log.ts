import { assert } from "@runtime/core/assert.ts";
import type { LogHead } from "./client/log_checkpoint.ts";
import type { LogDraft } from "./client/log_entry.ts";
import { SegmentDraft, segmentPath, type SegmentStart } from "./client/log_segment.ts";
import type { LogStart } from "./log_start.ts";
import type { LogValues } from "./log_values.ts";
import type { WriteStatus } from "./write_queue.ts";

/** Segments that a ring keeps: 1 MiB of them. */
export const LOG_SEGMENTS_MAX = 64;

/** What a ring's chain is written with. */
export interface RingLogOptions {
  readonly ring: number;
  readonly values: LogValues;
  /** {@linkcode LOG_SEGMENTS_MAX} unless said; 2 or more. */
  readonly segmentsMax?: number;
}

/** How many entries of an append are safe; the rest come again. */
export interface Appended {
  readonly safeCount: number;
  readonly status: WriteStatus;
}

/** What a new segment says before the entries that it is begun for. */
type Preface = Pick<LogDraft, "bootId" | "unixMs">;

/** A ring's chain as it is written: bounded, and nothing is known of it that is not safe. */
export class RingLog {
  readonly #ring: number;
  readonly #values: LogValues;
  readonly #segmentsMax: number;
  #segments: readonly bigint[];
  /** Segments that the chain says are deleted. */
  #expired: readonly bigint[] = [];
  #current: SegmentStart | undefined;
  #next: bigint;
  #head: Uint8Array;
  #broken: LogStart["broken"];

  constructor({ ring, values, segmentsMax = LOG_SEGMENTS_MAX }: RingLogOptions, start: LogStart) {
    assert(segmentsMax >= 2, "a chain goes on in a segment beside the one it deletes");
    this.#ring = ring;
    this.#values = values;
    this.#segmentsMax = segmentsMax;
    this.#segments = start.segments;
    this.#current = start.current;
    this.#next = start.next;
    this.#head = start.head;
    this.#broken = start.broken;
  }

  /** The last entry that is safe; `undefined` where there is none. */
  get head(): LogHead | undefined {
    if (this.#current === undefined) return undefined;
    return { ring: this.#ring, index: this.#next - 1n, head: this.#head };
  }

  /** Appends in order, one write a segment, until all are safe or one write is not. */
  async append(drafts: readonly LogDraft[]): Promise<Appended> {
    let safeCount = 0;
    let status: WriteStatus = "ok";
    while (safeCount < drafts.length && status === "ok") {
      const plan = this.#plan(drafts.slice(safeCount));
      status = await this.#values.put(
        segmentPath(this.#ring, plan.segment.first),
        plan.segment.bytes,
      );
      if (status !== "ok") break;
      this.#commit(plan);
      safeCount += plan.count;
    }
    const deleted = await this.#deleteExpired();
    return { safeCount, status: status === "ok" ? deleted : status };
  }

  /** The newest segment with as many entries more as it takes; a new one when it takes none. */
  #plan(drafts: readonly LogDraft[]): Plan {
    if (this.#current !== undefined) {
      const draft = SegmentDraft.resume(this.#current);
      const count = filled(draft, drafts);
      if (count > 0) return { segment: draft.finish(), count, dropped: 0 };
    }
    const [front] = drafts;
    assert(front !== undefined, "a plan is for one entry at least");
    const draft = SegmentDraft.begin({
      ring: this.#ring,
      first: this.#next,
      previous: this.#head,
    });
    const dropped = this.#preface(draft, front);
    const count = filled(draft, drafts);
    assert(count > 0, "a new segment has room for an entry");
    return { segment: draft.finish(), count, dropped };
  }

  /** Says why a segment begins as it does. @returns How many segments it takes the place of. */
  #preface(draft: SegmentDraft, { bootId, unixMs }: Preface): number {
    if (this.#broken !== undefined) draft.add({ ...this.#broken, bootId, unixMs });
    const dropped = Math.max(0, this.#segments.length + 1 - this.#segmentsMax);
    const first = this.#segments[dropped];
    if (dropped > 0 && first !== undefined) draft.add({ kind: "trimmed", first, bootId, unixMs });
    return dropped;
  }

  #commit({ segment, dropped }: Plan): void {
    const begun = this.#current?.first !== segment.first;
    if (begun) {
      this.#expired = [...this.#expired, ...this.#segments.slice(0, dropped)];
      this.#segments = [...this.#segments.slice(dropped), segment.first];
      this.#broken = undefined;
    }
    this.#current = segment;
    this.#next = segment.next;
    this.#head = segment.head;
  }

  /** Only what the chain says is deleted, and only after that is safe. */
  async #deleteExpired(): Promise<WriteStatus> {
    for (const first of this.#expired) {
      const status = await this.#values.delete(segmentPath(this.#ring, first));
      if (status !== "ok" && status !== "not_found") return status;
      this.#expired = this.#expired.slice(1);
    }
    return "ok";
  }
}

interface Plan {
  readonly segment: SegmentStart;
  /** Entries of the append that it takes. */
  readonly count: number;
  /** Oldest segments that it takes the place of. */
  readonly dropped: number;
}

/** Adds entries until one does not fit. @returns How many were added. */
function filled(draft: SegmentDraft, drafts: readonly LogDraft[]): number {
  let count = 0;
  for (const entry of drafts) {
    if (!draft.add(entry)) break;
    count += 1;
  }
  return count;
}
