import { WireError } from "@runtime/core/error.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const ARRAY_OPEN = 0x5b;
const ARRAY_CLOSE = 0x5d;
const OBJECT_OPEN = 0x7b;
const OBJECT_CLOSE = 0x7d;
const ZERO = 0x30;

/** A number, as JSON writes it. Source: RFC 8259, "Numbers". */
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const LITERALS: ReadonlySet<string> = new Set(["true", "false", "null"]);

/** One member of an object: where its value stands, and how to read it. */
export class JsonMember {
  readonly #bytes: Uint8Array;
  /** Offset of the value's first byte. */
  readonly offset: number;
  /** Offset behind its last byte. */
  readonly end: number;

  constructor(bytes: Uint8Array, offset: number, end: number) {
    this.#bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  /** The value as JSON text. */
  text(): string {
    return decode(this.#bytes, this.offset, this.end);
  }

  /** @throws {WireError} `value_out_of_range` when it is no string. */
  string(): string {
    if (this.#bytes[this.offset] !== QUOTE) throw new WireError("value_out_of_range", this.offset);
    return stringValue(this.#bytes, this.offset, this.end);
  }

  /**
   * An array of integers 0..255.
   *
   * @param lengthMax Most elements; one more is `length_out_of_range`.
   * @throws {WireError} `value_out_of_range` when it is something else.
   */
  byteArray(lengthMax: number): Uint8Array {
    const cursor = new Cursor(this.#bytes, this.offset);
    if (!cursor.accept(ARRAY_OPEN)) throw new WireError("value_out_of_range", this.offset);
    const values = new Uint8Array(lengthMax);
    if (cursor.accept(ARRAY_CLOSE)) return values.subarray(0, 0);
    let count = 0;
    do {
      if (count === lengthMax) throw new WireError("length_out_of_range", cursor.offset);
      values[count++] = cursor.byteValue();
    } while (cursor.accept(COMMA));
    return values.subarray(0, count);
  }
}

/**
 * Members of the one JSON object that `bytes` are, by name.
 *
 * Unlike `JSON.parse` it sees a name that stands twice. Work and memory are linear in the length,
 * which the caller bounds; values may nest as deep as fits, as upstream skips them at any depth.
 *
 * @throws {WireError} `not_json`, at the byte where it stops being one.
 *
 * Source: RFC 8259, "JSON Grammar".
 */
export function parseJsonObject(bytes: Uint8Array): ReadonlyMap<string, JsonMember> {
  const cursor = new Cursor(bytes, 0);
  const members = new Map<string, JsonMember>();
  cursor.expect(OBJECT_OPEN);
  if (!cursor.accept(OBJECT_CLOSE)) {
    do {
      const nameAt = cursor.skipSpace();
      const name = cursor.name();
      if (members.has(name)) throw new WireError("not_json", nameAt);
      cursor.expect(COLON);
      const offset = cursor.skipSpace();
      cursor.skipValue();
      members.set(name, new JsonMember(bytes, offset, cursor.offset));
    } while (cursor.accept(COMMA));
    cursor.expect(OBJECT_CLOSE);
  }
  if (cursor.skipSpace() !== bytes.length) throw new WireError("not_json", cursor.offset);
  return members;
}

/** A place in the text. Every method skips white space first. */
class Cursor {
  readonly #bytes: Uint8Array;
  offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.offset = offset;
  }

  /** Moves behind white space and returns the offset. */
  skipSpace(): number {
    while (isSpace(this.#bytes[this.offset])) this.offset++;
    return this.offset;
  }

  /** Moves behind `byte` when it is next. */
  accept(byte: number): boolean {
    if (this.#bytes[this.skipSpace()] !== byte) return false;
    this.offset++;
    return true;
  }

  expect(byte: number): void {
    if (!this.accept(byte)) throw this.#bad();
  }

  /** The next string, decoded. */
  name(): string {
    const start = this.skipSpace();
    this.#skipString();
    return stringValue(this.#bytes, start, this.offset);
  }

  /** The next integer 0..255. */
  byteValue(): number {
    const start = this.skipSpace();
    let value = 0;
    for (let digit = this.#digit(); digit >= 0 && value <= 255; digit = this.#digit()) {
      value = value * 10 + digit;
      this.offset++;
    }
    const length = this.offset - start;
    const padded = length > 1 && this.#bytes[start] === ZERO;
    const next = this.#bytes[this.skipSpace()];
    if (length === 0 || padded || value > 255 || (next !== COMMA && next !== ARRAY_CLOSE)) {
      throw new WireError("value_out_of_range", start);
    }
    return value;
  }

  /**
   * Moves behind one value of any kind, checking its grammar. A loop, so that nesting takes no call
   * stack: only the length of the text bounds it.
   */
  skipValue(): void {
    /** What closes each array and object that is open here, the innermost last. */
    const closers: number[] = [];
    let more = true;
    while (more) more = this.#begin(closers) || this.#toNext(closers);
  }

  /** Moves behind a plain value or an opening bracket. @returns whether a value inside it is next. */
  #begin(closers: number[]): boolean {
    const first = this.#bytes[this.skipSpace()];
    if (first === ARRAY_OPEN) return this.#open(ARRAY_CLOSE, closers);
    if (first === OBJECT_OPEN) return this.#open(OBJECT_CLOSE, closers);
    if (first === QUOTE) this.#skipString();
    else this.#skipWord();
    return false;
  }

  #open(closer: number, closers: number[]): boolean {
    this.offset++;
    if (this.accept(closer)) return false;
    closers.push(closer);
    this.#toValue(closer);
    return true;
  }

  /** Closes what ends behind a value. @returns whether another value is next. */
  #toNext(closers: number[]): boolean {
    for (let closer = closers.at(-1); closer !== undefined; closer = closers.at(-1)) {
      if (this.accept(COMMA)) {
        this.#toValue(closer);
        return true;
      }
      this.expect(closer);
      closers.pop();
    }
    return false;
  }

  /** Moves behind a member's name, inside an object. */
  #toValue(closer: number): void {
    if (closer !== OBJECT_CLOSE) return;
    this.skipSpace();
    this.#skipString();
    this.expect(COLON);
  }

  /** Finds the closing quote; what stands between is judged by `JSON.parse`. */
  #skipString(): void {
    const start = this.offset;
    if (this.#bytes[start] !== QUOTE) throw this.#bad();
    for (let at = start + 1; at < this.#bytes.length; at++) {
      if (this.#bytes[at] === BACKSLASH) at++;
      else if (this.#bytes[at] === QUOTE) {
        this.offset = at + 1;
        checkString(this.#bytes, start, this.offset);
        return;
      }
    }
    throw this.#bad();
  }

  /** A number or a literal. */
  #skipWord(): void {
    const start = this.offset;
    while (isWord(this.#bytes[this.offset])) this.offset++;
    // Nearly all of a proof is short plain integers: these need no text made of them.
    if (this.#isPlain(start, this.offset)) return;
    const word = decode(this.#bytes, start, this.offset);
    if (NUMBER.test(word) || LITERALS.has(word)) return;
    throw new WireError("not_json", start);
  }

  /** Whether the bytes are digits that do not start with a zero. */
  #isPlain(start: number, end: number): boolean {
    if (start === end || this.#bytes[start] === ZERO) return false;
    for (let at = start; at < end; at++) {
      const digit = (this.#bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) return false;
    }
    return true;
  }

  #digit(): number {
    const digit = (this.#bytes[this.offset] ?? 0) - ZERO;
    return digit <= 9 ? digit : -1;
  }

  #bad(): WireError {
    return new WireError("not_json", this.offset);
  }
}

function checkString(bytes: Uint8Array, start: number, end: number): void {
  if (isPlainText(bytes, start + 1, end - 1)) return;
  try {
    JSON.parse(decode(bytes, start, end));
  } catch {
    throw new WireError("not_json", start);
  }
}

/** Printable ASCII without a backslash: a string whose text is its value. */
function isPlainText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return false;
  }
  return true;
}

function stringValue(bytes: Uint8Array, start: number, end: number): string {
  if (!isPlainText(bytes, start + 1, end - 1)) return JSON.parse(decode(bytes, start, end));
  let text = "";
  for (let at = start + 1; at < end - 1; at++) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}

function decode(bytes: Uint8Array, start: number, end: number): string {
  try {
    return UTF8.decode(bytes.subarray(start, end));
  } catch {
    throw new WireError("not_json", start);
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Bytes that numbers and literals are made of: digits, letters, `+`, `-`, `.`. */
function isWord(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= ZERO && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x45 ||
    byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
