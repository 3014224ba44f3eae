import { Message as Arena, type Struct, TextList, utils } from "capnp-es";
import { assert } from "../core/assert.ts";
import { concatBytes } from "../core/bytes.ts";
import { WireError } from "../core/error.ts";
import { utf8Length } from "../core/utf8.ts";
import { decodeFlat, encodeFlat, type FlatPlan, flatPlanOf, type Placement } from "./flat.ts";
import { STRUCT_CLASSES, type StructClass } from "./gen/registry.ts";
import { WORD_SIZE } from "./limits.ts";
import { wordOffset } from "./pointer.ts";
import {
  type CapnpField,
  type CapnpSchema,
  type CapnpStructName,
  type CapnpStructNamed,
  type CapnpValues,
  isPointerField,
  orderedFields,
} from "./struct.ts";
import { type PointerShape, validateMessage } from "./validate.ts";

const INTEGER_MAX = { u8: 0xff, u16: 0xffff, u32: 0xffffffff } as const;
const EMPTY_STRUCT_POINTER = Uint8Array.of(0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/** Encodes and decodes one struct as the root of a message in stream encoding. */
export interface StructCodec<V> {
  /** One segment, in the layout of the C++ library; a value out of its bound is a bug. */
  encode(values: V): Uint8Array;
  /**
   * Values of the fields; `data` is a view of the message, valid as long as it is. Absent fields
   * have their defaults: zero, no bytes, no texts.
   *
   * @throws {WireError} what `validateMessage` throws for this struct's pointers, and
   *   `value_out_of_range` for an enum's number without a name.
   */
  decode(bytes: Uint8Array): V;
}

interface FieldPlan {
  readonly name: string;
  readonly field: CapnpField;
  /** Index among the struct's pointers; -1 for a field of the data section. */
  readonly pointer: number;
}

interface StructPlan {
  readonly fields: readonly FieldPlan[];
  readonly shape: readonly PointerShape[];
  readonly structClass: StructClass;
  /** How the struct is coded by hand; `undefined` when only the library codes it. */
  readonly flat: FlatPlan | undefined;
}

/** The codec of a struct, typed by its declaration. The struct's class must have been generated. */
export function createStructCodec<S extends CapnpSchema, N extends CapnpStructName<S>>(
  schema: S,
  structName: N,
): StructCodec<CapnpValues<CapnpStructNamed<S, N>>> {
  const plan = planOf(schema, structName);
  return {
    encode: (values) => encoded(plan, values),
    // The reader builds exactly the declared fields; their names are lost to the type system there.
    decode: (bytes) => decoded(plan, bytes) as CapnpValues<CapnpStructNamed<S, N>>,
  };
}

/** {@linkcode StructCodec.encode} of a struct known by name only, at a place of the caller's. */
export function encodeStruct(
  schema: CapnpSchema,
  structName: string,
  values: Readonly<Record<string, unknown>>,
  placement?: Placement,
): Uint8Array {
  return encoded(planOf(schema, structName), values, placement);
}

/** {@linkcode StructCodec.decode} of a struct known by name only. */
export function decodeStruct(
  schema: CapnpSchema,
  structName: string,
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> {
  return decoded(planOf(schema, structName), bytes);
}

/** {@linkcode encodeStruct} by the library alone: what the code by hand is measured against. */
export function encodeByLibrary(
  schema: CapnpSchema,
  structName: string,
  values: Readonly<Record<string, unknown>>,
): Uint8Array {
  return encodeValues(planOf(schema, structName), values);
}

/** {@linkcode decodeStruct} by validator and library alone. */
export function decodeByLibrary(
  schema: CapnpSchema,
  structName: string,
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> {
  return decodeValues(planOf(schema, structName), bytes);
}

function encoded(
  plan: StructPlan,
  values: Readonly<Record<string, unknown>>,
  placement?: Placement,
): Uint8Array {
  if (plan.flat !== undefined) return encodeFlat(plan.flat, values, placement);
  const message = encodeValues(plan, values);
  const front = placement?.front ?? 0;
  return front === 0 ? message : concatBytes(new Uint8Array(front), message);
}

function decoded(plan: StructPlan, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const values = plan.flat === undefined ? undefined : decodeFlat(plan.flat, bytes);
  return values ?? decodeValues(plan, bytes);
}

const PLANS = new WeakMap<CapnpSchema, Map<string, StructPlan>>();

function planOf(schema: CapnpSchema, structName: string): StructPlan {
  let plans = PLANS.get(schema);
  if (plans === undefined) PLANS.set(schema, plans = new Map());
  let plan = plans.get(structName);
  if (plan === undefined) plans.set(structName, plan = makePlan(schema, structName));
  return plan;
}

function makePlan(schema: CapnpSchema, structName: string): StructPlan {
  const struct = schema.structs.find(({ name }) => name === structName);
  assert(struct !== undefined, "a struct is declared in its schema");
  const structClass = STRUCT_CLASSES.get(schema.fileId)?.[structName];
  assert(structClass !== undefined, "a declared struct has a generated class");
  let pointerCount = 0;
  const fields = orderedFields(struct).map(([name, field]) => ({
    name,
    field,
    pointer: isPointerField(field) ? pointerCount++ : -1,
  }));
  const shape = fields.flatMap(({ field }) => isPointerField(field) ? [field] : []);
  return { fields, shape, structClass, flat: flatPlanOf(struct) };
}

function encodeValues(plan: StructPlan, values: Readonly<Record<string, unknown>>): Uint8Array {
  const arena = new Arena();
  const root = arena.initRoot(plan.structClass);
  for (const item of plan.fields) storeField(root, item, values[item.name]);
  const bytes = new Uint8Array(arena.toArrayBuffer());
  // Offset -1: without it the pointer to a struct of no size reads as null.
  if (plan.fields.length === 0) bytes.set(EMPTY_STRUCT_POINTER, bytes.length - WORD_SIZE);
  return bytes;
}

function storeField(root: Struct, { name, field, pointer }: FieldPlan, value: unknown): void {
  switch (field.kind) {
    case "text":
      requireText(value, field.lengthMax);
      break;
    case "data":
      return storeData(root, pointer, { value, lengthMax: field.lengthMax });
    case "textList":
      return storeTexts(root, pointer, { value, ...field });
    case "bool":
      assert(typeof value === "boolean", "a bool is true or false");
      break;
    case "u64":
      assert(typeof value === "bigint" && value >= 0n && value < 1n << 64n, "a u64 is 0..2^64-1");
      break;
    case "enum": {
      const number = field.values.findIndex((known) => known === value);
      assert(number >= 0, "an enum's value is declared");
      Reflect.set(root, name, number);
      return;
    }
    default: {
      const max = INTEGER_MAX[field.kind];
      assert(
        typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max,
        "an integer fits its width",
      );
    }
  }
  Reflect.set(root, name, value);
}

function storeData(
  root: Struct,
  pointer: number,
  { value, lengthMax }: { readonly value: unknown; readonly lengthMax: number },
): void {
  assert(value instanceof Uint8Array, "data is bytes");
  assert(value.length <= lengthMax, "data stays within its bound");
  utils.initData(pointer, value.length, root).copyBuffer(value);
}

function storeTexts(
  root: Struct,
  pointer: number,
  { value, countMax, lengthMax }: {
    readonly value: unknown;
    readonly countMax: number;
    readonly lengthMax: number;
  },
): void {
  assert(Array.isArray(value), "a list of texts is an array");
  assert(value.length <= countMax, "a list of texts stays within its bound");
  const list = utils.initList(pointer, TextList, value.length, root);
  for (let index = 0; index < value.length; index++) {
    const text: unknown = value[index];
    requireText(text, lengthMax);
    list.set(index, text);
  }
}

function requireText(value: unknown, lengthMax: number): asserts value is string {
  assert(typeof value === "string", "text is a string");
  assert(utf8Length(value) <= lengthMax, "text stays within its bound");
}

function decodeValues(plan: StructPlan, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const { message, root, pointers } = validateMessage(bytes, plan.shape);
  const offset = root === undefined ? 0 : wordOffset(message, root.segment, root.at);
  const dataLength = (root?.dataWords ?? 0) * WORD_SIZE;
  const scalars = scalarsOf(plan, bytes.subarray(offset, offset + dataLength));
  const values: Record<string, unknown> = {};
  for (const item of plan.fields) {
    values[item.name] = item.pointer >= 0
      ? pointers[item.pointer]
      : loadScalar(scalars, item, offset);
  }
  return values;
}

/**
 * The data section as the generated class reads it: alone, in a message of the class's very size.
 *
 * The reader would move a smaller root (an older writer's) to a new place and wipe the old one, and
 * with it whatever a hostile message has laid over it.
 */
function scalarsOf({ structClass }: StructPlan, data: Uint8Array): Struct {
  const { dataByteLength, pointerLength } = structClass._capnp.size;
  const segment = new Uint8Array(WORD_SIZE * (1 + pointerLength) + dataByteLength);
  new DataView(segment.buffer).setUint32(4, dataByteLength / WORD_SIZE | pointerLength << 16, true);
  segment.set(data.subarray(0, dataByteLength), WORD_SIZE);
  return new Arena(segment.buffer, false, true).getRoot(structClass);
}

function loadScalar(scalars: Struct, { name, field }: FieldPlan, offset: number): unknown {
  const value: unknown = Reflect.get(scalars, name);
  if (field.kind !== "enum") return value;
  const known = typeof value === "number" ? field.values[value] : undefined;
  if (known === undefined) throw new WireError("value_out_of_range", offset);
  return known;
}
