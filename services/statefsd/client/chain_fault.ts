/** What can be wrong with a chain. An index names the entry that is meant. */
export type ChainFault =
  /** Its bytes are not those that its hash was made of. */
  | { readonly kind: "edited"; readonly index: bigint }
  /** It is whole, but not the one that the entry behind it follows. */
  | { readonly kind: "replaced"; readonly index: bigint }
  /** So many entries from this one on are not there, and nothing says why. */
  | { readonly kind: "missing"; readonly index: bigint; readonly count: bigint }
  /** It stands where another belongs. */
  | { readonly kind: "misplaced"; readonly index: bigint }
  /** It is there twice. */
  | { readonly kind: "duplicated"; readonly index: bigint }
  /** What stands in its place is no entry. */
  | { readonly kind: "malformed"; readonly index: bigint }
  /** The node found at a start that the chain before did not verify, and began a new one here. */
  | { readonly kind: "broken"; readonly index: bigint; readonly segment: bigint }
  /** The chain ends before what was signed: so many from this one on are cut off. */
  | { readonly kind: "truncated"; readonly index: bigint; readonly count: bigint }
  /** It is not the one that was signed. */
  | { readonly kind: "unsigned"; readonly index: bigint }
  /** Nothing signs this chain. */
  | { readonly kind: "checkpoint_absent" }
  /** What should sign the chain is no checkpoint of it. */
  | { readonly kind: "checkpoint_malformed" }
  /** The signature of the checkpoint does not hold. */
  | { readonly kind: "checkpoint_forged" }
  /** The checkpoint is signed by another key than this device's. */
  | { readonly kind: "checkpoint_foreign" }
  /** The signed entry is deleted, so that nothing ties the signature to those that are left. */
  | { readonly kind: "checkpoint_outdated" }
  /** An export without its last line. */
  | { readonly kind: "end_missing" }
  /** An export whose last line ends it before this entry. */
  | { readonly kind: "end_other"; readonly index: bigint };

/** Why a chain does not hold, or does, in numbers. */
export interface ChainReport {
  /** Entries that were read. */
  readonly entries: number;
  /** Index of the first and the last; 0 where there is none. */
  readonly first: bigint;
  readonly last: bigint;
  /** Index of the last entry that a signature covers; 0 where none does. */
  readonly signedTo: bigint;
  /** Whose signature that is. */
  readonly signer: Uint8Array | undefined;
  /** Entries behind that one. */
  readonly unsignedCount: bigint;
  /** In the order in which they were found, at most `FAULTS_MAX`; empty when all holds. */
  readonly faults: readonly ChainFault[];
}

/** A fault in words. */
export function faultText(fault: ChainFault): string {
  return "index" in fault ? ofRecord(fault) : OF_END[fault.kind];
}

type OfRecord = Extract<ChainFault, { readonly index: bigint }>;

function ofRecord(fault: OfRecord): string {
  switch (fault.kind) {
    case "edited":
      return `record ${fault.index} was edited`;
    case "replaced":
      return `record ${fault.index} was replaced: record ${fault.index + 1n} follows another one`;
    case "missing":
      return `${span(fault)} missing`;
    case "misplaced":
      return `record ${fault.index} stands in the place of another one`;
    case "duplicated":
      return `record ${fault.index} is there twice`;
    case "malformed":
      return `record ${fault.index} cannot be read`;
    case "broken":
      return `record ${fault.index} begins a new chain: at a start ${cause(fault.segment)}`;
    case "truncated":
      return `the chain was cut off: ${span(fault)} signed, and gone`;
    case "unsigned":
      return `record ${fault.index} is not the one that was signed`;
    case "end_other":
      return `record ${fault.index} is behind the end that the last line names`;
  }
}

/** @param segment Of which entry; 0 where there was none. */
function cause(segment: bigint): string {
  if (segment === 0n) return "all before it was gone";
  return `the segment of record ${segment}, or its checkpoint, did not hold`;
}

/** The named entries, and the verb. */
function span({ index, count }: { readonly index: bigint; readonly count: bigint }): string {
  return count === 1n ? `record ${index} is` : `records ${index} to ${index + count - 1n} are`;
}

const OF_END: Readonly<Record<Exclude<ChainFault, OfRecord>["kind"], string>> = {
  "checkpoint_absent": "there is no checkpoint: nothing is signed",
  "checkpoint_malformed": "the checkpoint cannot be read",
  "checkpoint_forged": "the signature of the checkpoint does not hold",
  "checkpoint_foreign": "the checkpoint is signed by another key than this device's",
  "checkpoint_outdated": "the signed record is deleted: nothing ties the signature to the rest",
  "end_missing": "there is no last line: the export was cut off",
};
