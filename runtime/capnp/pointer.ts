import { WireError } from "../core/error.ts";
import { WORD_SIZE } from "./limits.ts";
import type { Message } from "./message.ts";

/** What a pointer leads to. Places are a segment's index and a word's index inside it. */
export type Target = StructTarget | ListTarget | CompositeTarget;

/** A struct: its data words, then its pointers. */
export interface StructTarget {
  readonly kind: "struct";
  readonly segment: number;
  readonly at: number;
  readonly dataWords: number;
  readonly pointerCount: number;
  /** Words that reading it costs: its own, and the landing pads on the way. */
  readonly cost: number;
}

/** A list of equal elements that are not structs. */
export interface ListTarget {
  readonly kind: "list";
  readonly segment: number;
  readonly at: number;
  /** One of {@linkcode ELEMENT_SIZE}. */
  readonly elementSize: number;
  readonly count: number;
  readonly cost: number;
}

/** A list of structs: `at` is the first element, the tag lies a word before it. */
export interface CompositeTarget {
  readonly kind: "composite";
  readonly segment: number;
  readonly at: number;
  readonly dataWords: number;
  readonly pointerCount: number;
  readonly count: number;
  readonly cost: number;
}

/** Element sizes of a list pointer. Source: Cap'n Proto, "Encoding Spec", "Lists". */
export const ELEMENT_SIZE = {
  void: 0,
  bit: 1,
  byte: 2,
  twoBytes: 3,
  fourBytes: 4,
  eightBytes: 5,
  pointer: 6,
  composite: 7,
} as const;

const KIND_STRUCT = 0;
const KIND_LIST = 1;
const KIND_FAR = 2;
const ELEMENT_BITS: readonly number[] = [0, 1, 8, 16, 32, 64, 64];

/** A pointer's two halves and where a near target's offset counts from. */
interface Near {
  readonly low: number;
  readonly high: number;
  readonly segment: number;
  /** Word of the target. */
  readonly at: number;
  readonly padWords: number;
  /** Offset of the pointer that the reader started from, for errors. */
  readonly origin: number;
}

/** Offset of a word in bytes from the start of the frame; the segment must exist. */
export function wordOffset(message: Message, segment: number, word: number): number {
  return (message.segments[segment]?.start ?? 0) + word * WORD_SIZE;
}

/**
 * Follows the pointer at a word that is known to lie inside its segment, through at most one far
 * pointer, and checks that all of the target lies inside one segment.
 *
 * Constant work: nothing inside the target is read but the tag of a list of structs.
 *
 * @returns `undefined` for a null pointer.
 * @throws {WireError} `out_of_bounds`: a target or landing pad leaves its segment, or the segment
 *   does not exist. `bad_pointer`: a capability, a far pointer where none may be, a null landing pad,
 *   or a tag that does not describe structs that fit.
 */
export function followPointer(
  message: Message,
  segment: number,
  word: number,
): Target | undefined {
  const origin = wordOffset(message, segment, word);
  const low = message.view.getUint32(origin, true);
  const high = message.view.getUint32(origin + 4, true);
  if (low === 0 && high === 0) return undefined;
  if ((low & 3) === KIND_FAR) return targetOf(message, landing(message, low, high, origin));
  return targetOf(message, {
    low,
    high,
    segment,
    at: word + 1 + ((low | 0) >> 2),
    padWords: 0,
    origin,
  });
}

function landing(message: Message, low: number, high: number, origin: number): Near {
  const isDouble = (low & 4) !== 0;
  const pad = low >>> 3;
  const padWords = isDouble ? 2 : 1;
  requireInside(message, { segment: high, at: pad, words: padWords, origin });
  const padOffset = wordOffset(message, high, pad);
  const padLow = message.view.getUint32(padOffset, true);
  const padHigh = message.view.getUint32(padOffset + 4, true);
  if (!isDouble) {
    if (padLow === 0 && padHigh === 0) throw new WireError("bad_pointer", padOffset);
    const at = pad + 1 + ((padLow | 0) >> 2);
    return { low: padLow, high: padHigh, segment: high, at, padWords, origin: padOffset };
  }
  if ((padLow & 7) !== KIND_FAR) throw new WireError("bad_pointer", padOffset);
  const tagLow = message.view.getUint32(padOffset + WORD_SIZE, true);
  const tagHigh = message.view.getUint32(padOffset + WORD_SIZE + 4, true);
  if (tagLow >>> 2 !== 0) throw new WireError("bad_pointer", padOffset + WORD_SIZE);
  return {
    low: tagLow,
    high: tagHigh,
    segment: padHigh,
    at: padLow >>> 3,
    padWords,
    origin: padOffset,
  };
}

function targetOf(message: Message, near: Near): Target {
  const { low, high, segment, at, padWords, origin } = near;
  const kind = low & 3;
  if (kind === KIND_STRUCT) {
    const dataWords = high & 0xffff;
    const pointerCount = high >>> 16;
    requireInside(message, { segment, at, words: dataWords + pointerCount, origin });
    const cost = padWords + dataWords + pointerCount;
    return { kind: "struct", segment, at, dataWords, pointerCount, cost };
  }
  if (kind !== KIND_LIST) throw new WireError("bad_pointer", origin);
  const elementSize = high & 7;
  if (elementSize === ELEMENT_SIZE.composite) return compositeOf(message, near);
  const count = high >>> 3;
  const words = Math.ceil((count * (ELEMENT_BITS[elementSize] ?? 0)) / 64);
  requireInside(message, { segment, at, words, origin });
  const cost = padWords + (elementSize === ELEMENT_SIZE.void ? count : words);
  return { kind: "list", segment, at, elementSize, count, cost };
}

function compositeOf(message: Message, near: Near): CompositeTarget {
  const { segment, at, padWords, origin } = near;
  const words = near.high >>> 3;
  requireInside(message, { segment, at, words: words + 1, origin });
  const tagOffset = wordOffset(message, segment, at);
  const tagLow = message.view.getUint32(tagOffset, true);
  const tagHigh = message.view.getUint32(tagOffset + 4, true);
  const dataWords = tagHigh & 0xffff;
  const pointerCount = tagHigh >>> 16;
  const count = tagLow >>> 2;
  const isStruct = (tagLow & 3) === KIND_STRUCT;
  if (!isStruct || count * (dataWords + pointerCount) > words) {
    throw new WireError("bad_pointer", tagOffset);
  }
  const sizeless = dataWords + pointerCount === 0;
  const cost = padWords + 1 + words + (sizeless ? count : 0);
  return { kind: "composite", segment, at: at + 1, dataWords, pointerCount, count, cost };
}

interface Extent {
  readonly segment: number;
  readonly at: number;
  readonly words: number;
  readonly origin: number;
}

function requireInside(message: Message, { segment, at, words, origin }: Extent): void {
  const size = message.segments[segment]?.words;
  if (size === undefined || at < 0 || at + words > size) {
    throw new WireError("out_of_bounds", origin);
  }
}
