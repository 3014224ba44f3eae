import { equalBytes } from "@runtime/core/bytes.ts";
import type { ChainFault, ChainReport } from "./chain_fault.ts";
import { checkpointHolds, type LogCheckpoint } from "./log_checkpoint.ts";
import { type FoundEntry, holds, NO_HASH } from "./log_entry.ts";

/** Faults that are told; what follows them is hardly news. */
export const FAULTS_MAX = 32;

/** What should sign a chain: `malformed` where something is there that is no checkpoint of it. */
export type FoundCheckpoint = LogCheckpoint | "absent" | "malformed";

/** Follows a chain entry by entry, and names what does not fit. */
export class ChainCheck {
  readonly #checkpoint: FoundCheckpoint;
  readonly #faults: ChainFault[] = [];
  #entries = 0;
  #first: bigint | undefined;
  /** The last entry that was taken, with the index of its place. */
  #last: { readonly index: bigint; readonly found: FoundEntry } | undefined;
  /** Whether it is known which index comes next. */
  #oriented = true;
  /** Where the chain begins by what it says itself. */
  #floor = 1n;
  /** Whether the signed entry was seen, as it was signed. */
  #signed: "unseen" | "equal" | "other" = "unseen";

  constructor(checkpoint: FoundCheckpoint) {
    this.#checkpoint = checkpoint;
  }

  /** Index that the next entry should have; `undefined` before the first. */
  get expected(): bigint | undefined {
    return this.#last === undefined ? undefined : this.#last.index + 1n;
  }

  get faults(): readonly ChainFault[] {
    return this.#faults;
  }

  /**
   * Takes the entry that stands next.
   *
   * @param place Index that belongs there, for the first entry of all.
   */
  take(found: FoundEntry, place: bigint): void {
    this.#entries += 1;
    // An index that nobody vouches for names nothing: the entry is named by its place then.
    const index = holds(found) ? found.entry.index : this.expected ?? place;
    if (!holds(found)) this.fault({ kind: "edited", index });
    else if (!this.#inPlace(found)) return;
    this.#settle(index, found);
  }

  /** What follows is no entry, and it is not known how many it was. @param index Names the first. */
  lose(index: bigint): void {
    this.fault({ kind: "malformed", index });
    this.#oriented = false;
  }

  fault(fault: ChainFault): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(fault);
  }

  /** @param deviceKey Who alone may have signed; anybody where it is not known. */
  finish(deviceKey?: Uint8Array): ChainReport {
    const first = this.#first ?? 0n;
    if (first > this.#floor) this.#missing(this.#floor, first);
    const signedTo = this.#signedTo(deviceKey);
    const signed = this.#checkpoint;
    const signer = signedTo === 0n || typeof signed === "string" ? undefined : signed.verifyingKey;
    const last = this.#last?.index ?? 0n;
    return {
      entries: this.#entries,
      first,
      last,
      signedTo,
      signer,
      unsignedCount: last > signedTo ? last - signedTo : 0n,
      faults: this.#faults,
    };
  }

  /** Whether an entry that holds belongs behind those before it, as far as they are known. */
  #inPlace({ entry }: FoundEntry): boolean {
    const { index } = entry;
    if (entry.kind === "broken") {
      this.fault({ kind: "broken", index, segment: entry.segment });
      // A new chain leaves indexes out, and follows nothing.
      this.#oriented = false;
    }
    const last = this.#last;
    if (last === undefined) return this.#begins(entry);
    if (index <= last.index) {
      this.fault({ kind: this.#takesMissing(index) ? "misplaced" : "duplicated", index });
      return false;
    }
    if (!this.#oriented) return true;
    if (index > last.index + 1n) this.#missing(last.index + 1n, index);
    else if (!follows(entry.previous, last.found)) {
      this.fault({ kind: "replaced", index: last.index });
    }
    return true;
  }

  #begins({ index, previous }: FoundEntry["entry"]): boolean {
    if (index === 1n && !equalBytes(previous, NO_HASH)) this.fault({ kind: "edited", index });
    return true;
  }

  #settle(index: bigint, found: FoundEntry): void {
    this.#first ??= index;
    this.#last = { index, found };
    this.#oriented = true;
    const { entry, hash } = found;
    if (entry.kind === "trimmed") this.#floor = entry.first;
    const signed = this.#checkpoint;
    if (typeof signed === "string" || signed.index !== index) return;
    this.#signed = equalBytes(signed.head, hash) ? "equal" : "other";
  }

  #missing(from: bigint, to: bigint): void {
    this.fault({ kind: "missing", index: from, count: to - from });
  }

  /** Whether an entry was missed before: it is taken off there. */
  #takesMissing(index: bigint): boolean {
    const at = this.#faults.findIndex((fault) =>
      fault.kind === "missing" && index >= fault.index && index < fault.index + fault.count
    );
    const fault = this.#faults[at];
    if (fault?.kind !== "missing") return false;
    const before = { ...fault, count: index - fault.index };
    const behind = { ...fault, index: index + 1n, count: fault.index + fault.count - index - 1n };
    this.#faults.splice(at, 1, ...[before, behind].filter(({ count }) => count > 0n));
    return true;
  }

  #signedTo(deviceKey: Uint8Array | undefined): bigint {
    const signed = this.#checkpoint;
    if (signed === "absent") {
      if (this.#entries > 0) this.fault({ kind: "checkpoint_absent" });
      return 0n;
    }
    if (signed === "malformed") this.fault({ kind: "checkpoint_malformed" });
    else if (!checkpointHolds(signed)) this.fault({ kind: "checkpoint_forged" });
    else if (deviceKey !== undefined && !equalBytes(signed.verifyingKey, deviceKey)) {
      this.fault({ kind: "checkpoint_foreign" });
    } else return this.#covered(signed);
    return 0n;
  }

  /** The last entry under a signature that holds. */
  #covered({ index }: LogCheckpoint): bigint {
    const last = this.#last?.index ?? 0n;
    if (this.#signed === "equal") return index;
    if (this.#signed === "other") this.fault({ kind: "unsigned", index });
    else if (index > last) {
      this.fault({ kind: "truncated", index: last + 1n, count: index - last });
    } else if (index < (this.#first ?? 0n)) this.fault({ kind: "checkpoint_outdated" });
    return 0n;
  }
}

/** Behind an entry that was edited the hash may be the old one's or the new one's. */
function follows(previous: Uint8Array, { hash, computed }: FoundEntry): boolean {
  return equalBytes(previous, hash) || equalBytes(previous, computed);
}
