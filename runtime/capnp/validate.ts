import { WireError } from "../core/error.ts";
import { LIST_COUNT_MAX, NESTING_MAX, TRAVERSAL_SLACK_WORDS } from "./limits.ts";
import { type Message, openMessage } from "./message.ts";
import {
  type CompositeTarget,
  ELEMENT_SIZE,
  followPointer,
  type ListTarget,
  type StructTarget,
  type Target,
  wordOffset,
} from "./pointer.ts";

/** What the reader of a message expects behind one pointer of the root struct. */
export type PointerShape =
  | { readonly kind: "text" | "data"; readonly lengthMax: number }
  | { readonly kind: "textList"; readonly countMax: number; readonly lengthMax: number };

/** What was found behind an expected pointer; `data` as a view of the frame. */
export type PointerValue = string | Uint8Array | readonly string[];

/** A message that is well formed as far as its root leads. */
export interface ValidMessage {
  readonly message: Message;
  /** The root struct; `undefined` for a null root, which stands for all defaults. */
  readonly root: StructTarget | undefined;
  /** One value for each expected pointer: `""`, no bytes or no texts for a null one. */
  readonly pointers: readonly PointerValue[];
  /** Words visited by the walk: at most those of the message and {@linkcode TRAVERSAL_SLACK_WORDS}. */
  readonly visited: number;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

/**
 * Walks everything that can be reached from the root of a message, refuses what no honest writer
 * sends, and reads what lies behind the pointers that the caller expects.
 *
 * Work and memory are linear in the frame's length, whatever the frame claims. Pointers beyond the
 * shape belong to a newer schema: they are walked like the others, and otherwise ignored.
 *
 * @param shape What each pointer of the root must be, by its index; none: anything well formed.
 * @throws {WireError} what {@linkcode openMessage} and {@linkcode followPointer} throw;
 *   `limit_exceeded`: too deep, too many elements, or words visited twice. With a shape also
 *   `bad_pointer`: another kind than expected; `length_out_of_range`: longer than the shape allows;
 *   `not_utf8`; `value_out_of_range`: text without its NUL.
 */
export function validateMessage(
  frame: Uint8Array,
  shape: readonly PointerShape[] = [],
): ValidMessage {
  const message = openMessage(frame);
  const walk = new Walk(message);
  const root = walk.root();
  const pointers = walk.expected(root, shape);
  return { message, root, pointers, visited: walk.visited };
}

class Walk {
  readonly #message: Message;
  readonly #visitedMax: number;
  visited = 0;

  constructor(message: Message) {
    this.#message = message;
    this.#visitedMax = message.words + TRAVERSAL_SLACK_WORDS;
  }

  root(): StructTarget | undefined {
    const origin = wordOffset(this.#message, 0, 0);
    this.#charge(1, origin);
    const target = followPointer(this.#message, 0, 0);
    if (target === undefined) return undefined;
    if (target.kind !== "struct") throw new WireError("bad_pointer", origin);
    this.#charge(target.cost, origin);
    return target;
  }

  /** Reads the pointers that the shape names, and walks those behind them. */
  expected(root: StructTarget | undefined, shape: readonly PointerShape[]): PointerValue[] {
    const values = shape.map(defaultOf);
    if (root === undefined) return values;
    const first = root.at + root.dataWords;
    for (let index = 0; index < root.pointerCount; index++) {
      const kind = shape[index];
      if (kind === undefined) this.#pointer(root.segment, first + index, 2);
      else values[index] = this.#value(root.segment, first + index, kind);
    }
    return values;
  }

  #value(segment: number, word: number, shape: PointerShape): PointerValue {
    if (shape.kind === "textList") return this.#texts(segment, word, shape);
    if (shape.kind === "text") return this.#text(segment, word, shape.lengthMax);
    return this.#data(segment, word, shape.lengthMax);
  }

  #data(segment: number, word: number, lengthMax: number): Uint8Array {
    const list = this.#list(segment, word, ELEMENT_SIZE.byte);
    if (list === undefined) return NO_BYTES;
    const offset = wordOffset(this.#message, list.segment, list.at);
    if (list.count > lengthMax) throw new WireError("length_out_of_range", offset);
    return this.#message.frame.subarray(offset, offset + list.count);
  }

  #text(segment: number, word: number, lengthMax: number): string {
    const list = this.#list(segment, word, ELEMENT_SIZE.byte);
    if (list === undefined) return "";
    const offset = wordOffset(this.#message, list.segment, list.at);
    const length = list.count - 1;
    if (length < 0) throw new WireError("value_out_of_range", offset);
    if (length > lengthMax) throw new WireError("length_out_of_range", offset);
    return textAt(this.#message.frame, offset, length);
  }

  #texts(
    segment: number,
    word: number,
    { countMax, lengthMax }: { readonly countMax: number; readonly lengthMax: number },
  ): readonly string[] {
    const list = this.#list(segment, word, ELEMENT_SIZE.pointer);
    if (list === undefined) return [];
    const origin = wordOffset(this.#message, segment, word);
    if (list.count > countMax) throw new WireError("length_out_of_range", origin);
    const texts: string[] = [];
    for (let index = 0; index < list.count; index++) {
      texts.push(this.#text(list.segment, list.at + index, lengthMax));
    }
    return texts;
  }

  #list(segment: number, word: number, elementSize: number): ListTarget | undefined {
    const target = followPointer(this.#message, segment, word);
    if (target === undefined) return undefined;
    const origin = wordOffset(this.#message, segment, word);
    if (target.kind !== "list" || target.elementSize !== elementSize) {
      throw new WireError("bad_pointer", origin);
    }
    this.#enter(target, origin);
    return target;
  }

  #pointer(segment: number, word: number, depth: number): void {
    const target = followPointer(this.#message, segment, word);
    if (target === undefined) return;
    const origin = wordOffset(this.#message, segment, word);
    if (depth > NESTING_MAX) throw new WireError("limit_exceeded", origin);
    this.#enter(target, origin);
    if (target.kind === "struct") this.#pointers(target, target.at, depth + 1);
    else if (target.kind === "composite") this.#elements(target, depth + 1);
    else if (target.elementSize === ELEMENT_SIZE.pointer) {
      for (let index = 0; index < target.count; index++) {
        this.#pointer(target.segment, target.at + index, depth + 1);
      }
    }
  }

  #elements(list: CompositeTarget, depth: number): void {
    const stride = list.dataWords + list.pointerCount;
    if (list.pointerCount === 0) return;
    for (let index = 0; index < list.count; index++) {
      this.#pointers(list, list.at + index * stride, depth);
    }
  }

  #pointers(of: StructTarget | CompositeTarget, at: number, depth: number): void {
    for (let index = 0; index < of.pointerCount; index++) {
      this.#pointer(of.segment, at + of.dataWords + index, depth);
    }
  }

  #enter(target: Target, origin: number): void {
    const isBytes = target.kind === "list" && target.elementSize === ELEMENT_SIZE.byte;
    if (target.kind !== "struct" && !isBytes && target.count > LIST_COUNT_MAX) {
      throw new WireError("limit_exceeded", origin);
    }
    this.#charge(target.cost, origin);
  }

  #charge(words: number, origin: number): void {
    this.visited += words;
    if (this.visited > this.#visitedMax) throw new WireError("limit_exceeded", origin);
  }
}

function defaultOf({ kind }: PointerShape): PointerValue {
  if (kind === "text") return "";
  return kind === "data" ? NO_BYTES : [];
}

function textAt(frame: Uint8Array, offset: number, length: number): string {
  if (frame[offset + length] !== 0) throw new WireError("value_out_of_range", offset + length);
  try {
    // A copy: the decoder refuses views of shared memory, which frames may come in.
    return UTF8.decode(frame.slice(offset, offset + length));
  } catch {
    throw new WireError("not_utf8", offset);
  }
}
