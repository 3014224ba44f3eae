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

/** Where the bytes behind a `text` or `data` pointer lie in the frame; text without its NUL. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** A message that is safe to hand to any reader. */
export interface ValidMessage {
  readonly message: Message;
  /** One entry for each expected pointer; `undefined` for a null pointer and for a list of texts. */
  readonly spans: readonly (Span | undefined)[];
  /** Words visited by the walk: at most those of the message and {@linkcode TRAVERSAL_SLACK_WORDS}. */
  readonly visited: number;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TEXT_LIST_SHAPE = "textList";

/**
 * Walks everything that can be reached from the root of a message, and refuses what no honest writer
 * sends, so that a reader with weaker checks never meets it.
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
  const spans = walk.root(shape);
  return { message, spans, visited: walk.visited };
}

class Walk {
  readonly #message: Message;
  readonly #visitedMax: number;
  visited = 0;

  constructor(message: Message) {
    this.#message = message;
    this.#visitedMax = message.words + TRAVERSAL_SLACK_WORDS;
  }

  root(shape: readonly PointerShape[]): (Span | undefined)[] {
    const origin = wordOffset(this.#message, 0, 0);
    this.#charge(1, origin);
    const target = followPointer(this.#message, 0, 0);
    const spans: (Span | undefined)[] = shape.map(() => undefined);
    if (target === undefined) return spans;
    if (target.kind !== "struct") throw new WireError("bad_pointer", origin);
    this.#charge(target.cost, origin);
    const first = target.at + target.dataWords;
    for (let index = 0; index < target.pointerCount; index++) {
      const expected = shape[index];
      if (expected === undefined) this.#pointer(target.segment, first + index, 2);
      else spans[index] = this.#expected(target.segment, first + index, expected);
    }
    return spans;
  }

  #expected(segment: number, word: number, shape: PointerShape): Span | undefined {
    if (shape.kind !== TEXT_LIST_SHAPE) return this.#blob(segment, word, shape);
    const list = this.#list(segment, word, ELEMENT_SIZE.pointer);
    if (list === undefined) return undefined;
    const origin = wordOffset(this.#message, segment, word);
    if (list.count > shape.countMax) throw new WireError("length_out_of_range", origin);
    const text = { kind: "text", lengthMax: shape.lengthMax } as const;
    for (let index = 0; index < list.count; index++) {
      this.#blob(list.segment, list.at + index, text);
    }
    return undefined;
  }

  #blob(
    segment: number,
    word: number,
    shape: { readonly kind: "text" | "data"; readonly lengthMax: number },
  ): Span | undefined {
    const list = this.#list(segment, word, ELEMENT_SIZE.byte);
    if (list === undefined) return undefined;
    const offset = wordOffset(this.#message, list.segment, list.at);
    const length = shape.kind === "text" ? list.count - 1 : list.count;
    if (length < 0) throw new WireError("value_out_of_range", offset);
    if (length > shape.lengthMax) throw new WireError("length_out_of_range", offset);
    if (shape.kind === "text") requireText(this.#message.frame, offset, length);
    return { offset, length };
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

function requireText(frame: Uint8Array, offset: number, length: number): void {
  if (frame[offset + length] !== 0) throw new WireError("value_out_of_range", offset + length);
  try {
    // A copy: the decoder refuses views of shared memory, which frames may come in.
    UTF8.decode(frame.slice(offset, offset + length));
  } catch {
    throw new WireError("not_utf8", offset);
  }
}
