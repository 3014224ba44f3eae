/**
 * Structs of at most one scalar, with texts and bytes behind their pointers, coded without the
 * library: exactly its bytes to write, and the one layout to read that every writer in use sends.
 *
 * @module
 */

import type { Arena } from "../core/arena.ts";
import { isAscii, readAscii, writeAscii } from "../core/ascii.ts";
import { assert } from "../core/assert.ts";
import { MESSAGE_LENGTH_MAX, WORD_SIZE } from "./limits.ts";
import { type CapnpField, type CapnpStruct, orderedFields } from "./struct.ts";

type Values = Readonly<Record<string, unknown>>;
type Scalar =
  | { readonly kind: "bool" | "u8" | "u16" | "u32"; readonly ordinal: number }
  | Extract<CapnpField, { kind: "enum" }>;

interface Blob {
  readonly name: string;
  readonly kind: "text" | "data";
  readonly lengthMax: number;
}

/** A struct that is coded here. */
export interface FlatPlan {
  readonly scalar: { readonly name: string; readonly field: Scalar } | undefined;
  /** What lies behind the pointers, in their order. */
  readonly blobs: readonly Blob[];
}

/** Segment table of one segment, and root pointer. */
const FRONT_LENGTH = 16;
const LIST_OF_BYTES = 2;
const KIND_LIST = 1;
const SCALAR_MAX = { u8: 0xff, u16: 0xffff, u32: 0xffffffff } as const;

const UTF8 = new TextEncoder();

/** The plan of a struct; `undefined` for one that only the library codes. */
export function flatPlanOf(struct: CapnpStruct): FlatPlan | undefined {
  let scalar: FlatPlan["scalar"];
  const blobs: Blob[] = [];
  for (const [name, field] of orderedFields(struct)) {
    if (field.kind === "text" || field.kind === "data") {
      blobs.push({ name, kind: field.kind, lengthMax: field.lengthMax });
    } else if (scalar === undefined && isScalar(field)) scalar = { name, field };
    else return undefined;
  }
  return scalar === undefined && blobs.length === 0 ? undefined : { scalar, blobs };
}

function isScalar(field: CapnpField): field is Scalar {
  return field.kind !== "u64" && field.kind !== "textList";
}

/** Where a message is to lie. */
export interface Placement {
  /** Zero bytes that are left in front of it. */
  readonly front: number;
  /** Where it lies if it is short; an array of its own when left out. */
  readonly arena?: Arena | undefined;
}

const ALONE: Placement = { front: 0 };

/**
 * Writes a struct as the root of one segment, exactly the bytes of the reference library. A value
 * out of its bound is a bug.
 *
 * Source: Cap'n Proto, "Encoding Spec".
 */
export function encodeFlat(
  { scalar, blobs }: FlatPlan,
  values: Values,
  { front, arena }: Placement = ALONE,
): Uint8Array {
  const dataWords = scalar === undefined ? 0 : 1;
  const contents = blobs.map((blob) => contentOf(blob, values[blob.name]));
  const pointers = FRONT_LENGTH + dataWords * WORD_SIZE;
  let at = pointers + blobs.length * WORD_SIZE;
  const length = contents.reduce((sum, content) => sum + padded(lengthOf(content)), at);
  const whole = arena?.take(front + length) ?? new Uint8Array(front + length);
  const bytes = front === 0 ? whole : whole.subarray(front);
  storeU32(bytes, 4, length / WORD_SIZE - 1);
  storeU32(bytes, 12, dataWords | blobs.length << 16);
  if (scalar !== undefined) {
    storeU32(bytes, FRONT_LENGTH, numberOf(scalar.field, values[scalar.name]));
  }
  for (let index = 0; index < contents.length; index++) {
    const content = contents[index] ?? "";
    const pointer = pointers + index * WORD_SIZE;
    storeU32(bytes, pointer, pointerLow(pointer, at));
    storeU32(bytes, pointer + 4, lengthOf(content) * 8 + LIST_OF_BYTES);
    if (typeof content === "string") writeAscii(content, bytes, at);
    else bytes.set(content, at);
    at += padded(lengthOf(content));
  }
  return whole;
}

/**
 * Reads a message in the layout of {@linkcode encodeFlat}, `data` as views of it.
 *
 * @returns `undefined` for any other, well formed or not: validator and library judge it.
 */
export function decodeFlat({ scalar, blobs }: FlatPlan, bytes: Uint8Array): Values | undefined {
  const dataWords = scalar === undefined ? 0 : 1;
  const pointers = FRONT_LENGTH + dataWords * WORD_SIZE;
  let at = pointers + blobs.length * WORD_SIZE;
  if (bytes.length < at || bytes.length > MESSAGE_LENGTH_MAX) return undefined;
  if (loadU32(bytes, 0) !== 0 || (loadU32(bytes, 4) + 1) * WORD_SIZE !== bytes.length) {
    return undefined;
  }
  if (loadU32(bytes, 8) !== 0 || loadU32(bytes, 12) !== (dataWords | blobs.length << 16)) {
    return undefined;
  }
  const values: Record<string, unknown> = {};
  if (scalar !== undefined) {
    const value = scalarOf(scalar.field, loadU32(bytes, FRONT_LENGTH));
    if (value === undefined) return undefined;
    values[scalar.name] = value;
  }
  for (let index = 0; index < blobs.length; index++) {
    const blob = blobs[index];
    assert(blob !== undefined, "the index is one of the list's");
    const pointer = pointers + index * WORD_SIZE;
    const high = loadU32(bytes, pointer + 4);
    if (loadU32(bytes, pointer) !== pointerLow(pointer, at)) return undefined;
    if ((high & 7) !== LIST_OF_BYTES) return undefined;
    const length = high >>> 3;
    if (at + padded(length) > bytes.length) return undefined;
    const value = valueOf(blob, bytes, { start: at, length });
    if (value === undefined) return undefined;
    values[blob.name] = value;
    at += padded(length);
  }
  return at === bytes.length ? values : undefined;
}

/** The low half of a list pointer: words between the pointer's end and the list. */
function pointerLow(pointer: number, at: number): number {
  return ((at - pointer) / WORD_SIZE - 1) << 2 | KIND_LIST;
}

/** What lies behind a pointer: bytes, or a text that is written letter by letter. */
type Content = Uint8Array | string;

function contentOf({ kind, lengthMax }: Blob, value: unknown): Content {
  if (kind === "data") {
    assert(value instanceof Uint8Array, "data is bytes");
    assert(value.length <= lengthMax, "data stays within its bound");
    return value;
  }
  assert(typeof value === "string", "text is a string");
  const content = isAscii(value) ? value : UTF8.encode(`${value}\0`);
  assert(lengthOf(content) <= lengthMax + 1, "text stays within its bound");
  return content;
}

/** In bytes; a text has its NUL. */
function lengthOf(content: Content): number {
  return typeof content === "string" ? content.length + 1 : content.length;
}

/** `undefined` for what is out of its bound, and for a text that is not short ASCII. */
function valueOf(
  { kind, lengthMax }: Blob,
  bytes: Uint8Array,
  { start, length }: { readonly start: number; readonly length: number },
): string | Uint8Array | undefined {
  if (kind === "data") {
    return length <= lengthMax ? bytes.subarray(start, start + length) : undefined;
  }
  if (length < 1 || length - 1 > lengthMax || bytes[start + length - 1] !== 0) return undefined;
  return readAscii(bytes, start, length - 1);
}

function numberOf(field: Scalar, value: unknown): number {
  if (field.kind === "bool") {
    assert(typeof value === "boolean", "a bool is true or false");
    return value ? 1 : 0;
  }
  if (field.kind === "enum") {
    const number = field.values.findIndex((known) => known === value);
    assert(number >= 0, "an enum's value is declared");
    return number;
  }
  assert(
    typeof value === "number" && Number.isInteger(value) && value >= 0 &&
      value <= SCALAR_MAX[field.kind],
    "an integer fits its width",
  );
  return value;
}

/** The scalar in the first bits of the data section; `undefined` for an enum's unknown number. */
function scalarOf(field: Scalar, word: number): boolean | number | string | undefined {
  if (field.kind === "bool") return (word & 1) === 1;
  if (field.kind === "enum") return field.values[word & 0xffff];
  return (word & SCALAR_MAX[field.kind]) >>> 0;
}

function padded(length: number): number {
  return Math.ceil(length / WORD_SIZE) * WORD_SIZE;
}

function storeU32(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value;
  into[offset + 1] = value >>> 8;
  into[offset + 2] = value >>> 16;
  into[offset + 3] = value >>> 24;
}

function loadU32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8) |
    ((bytes[offset + 2] ?? 0) << 16) | ((bytes[offset + 3] ?? 0) << 24)) >>> 0;
}
