import { Message as Arena, TextList, utils } from "capnp-es";
import { WireError } from "../core/error.ts";
import { fromHex } from "../core/hex.ts";
import { decodeStruct } from "./codec.ts";
import { CAPNP_SCHEMAS } from "./declarations.ts";
import { STRUCT_CLASSES } from "./gen/registry.ts";
import { TRAVERSAL_SLACK_WORDS } from "./limits.ts";
import { type CapnpSchema, isPointerField, orderedFields } from "./struct.ts";
import { validateMessage } from "./validate.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import VECTORS from "@tests/vectors/capnp/messages.json" with { type: "json" };

const SEED = 0x6e78_0003;
const ROUNDS = 20_000;
/** Two segments, the payload behind a far pointer; then a double-far one; then unknown pointers. */
const MORE_SHAPES = [
  "0100000003000000020000000000000000000000010001000700000000000000020000000100000001000000220000" +
  "0070696e6700000000",
  "02000000030000000200000001000000" + "00000000010001000700000000000000" + "0600000001000000" +
  "02000000020000000100000022000000" + "70696e6700000000",
  "00000000080000000000000001000300" + "0700000000000000" + "090000002200000005000000110000000100" +
  "000007000000" + "0000000000000000" + "70696e6700000000" + "0000000000000000",
];
/** Halves of pointers that have hurt readers before. */
const EVIL = [0, 1, 2, 3, 6, 7, 0xfffffffc, 0xfffffffd, 0xfffffffe, 0xffffffff, 0x7fffffff, 0x10];

/** xorshift32: the same cases on every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutated(bytes: Uint8Array, below: (limit: number) => number): Uint8Array {
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  for (let count = 1 + below(3); count > 0; count--) {
    const half = 4 * below(changed.length / 4);
    const choice = below(3);
    if (choice === 0) changed[below(changed.length)] = below(256);
    else if (choice === 1) view.setUint32(half, EVIL[below(EVIL.length)] ?? 0, true);
    else view.setUint32(half, view.getUint32(4 * below(changed.length / 4), true), true);
  }
  return changed;
}

/**
 * Reads every field with the generated class alone.
 *
 * @returns `undefined` where the root is smaller than the class: capnp-es moves such a root, over
 *   whatever lies there, and `codec.ts` never lets it.
 */
function readAll(schema: CapnpSchema, structName: string, bytes: Uint8Array) {
  const { dataWords, pointerCount } = validateMessage(bytes).root ?? NO_STRUCT;
  const struct = schema.structs.find(({ name }) => name === structName);
  const structClass = STRUCT_CLASSES.get(schema.fileId)?.[structName];
  if (struct === undefined || structClass === undefined) return undefined;
  const size = structClass._capnp.size;
  if (dataWords * 8 < size.dataByteLength || pointerCount < size.pointerLength) return undefined;
  const padded = new Uint8Array(bytes.length + 72);
  padded.set(bytes);
  const root = new Arena(padded.buffer, false).getRoot(structClass);
  let pointer = 0;
  const values: Record<string, unknown> = {};
  for (const [name, field] of orderedFields(struct)) {
    if (!isPointerField(field)) {
      const value: unknown = Reflect.get(root, name);
      values[name] = field.kind === "enum" && typeof value === "number"
        ? field.values[value]
        : value;
    } else if (field.kind === "text") values[name] = utils.getText(pointer++, root);
    else if (field.kind === "data") values[name] = utils.getData(pointer++, root).toUint8Array();
    else values[name] = textsOf(utils.getList(pointer++, TextList, root));
  }
  return values;
}

function textsOf(list: { readonly length: number; get(index: number): string }): string[] {
  return Array.from({ length: list.length }, (_, index) => list.get(index));
}

const NO_STRUCT = { dataWords: 0, pointerCount: 0 };

interface Outcome {
  accepted: number;
  refused: number;
  /** Accepted, and read by capnp-es to the same values. */
  compared: number;
}

function judge(schema: CapnpSchema, structName: string, bytes: Uint8Array, outcome: Outcome) {
  let values: unknown;
  try {
    const { visited } = validateMessage(bytes);
    ok(visited <= bytes.length / 8 + TRAVERSAL_SLACK_WORDS);
    values = decodeStruct(schema, structName, bytes);
  } catch (error) {
    ok(error instanceof WireError, `${error}`);
    ok(error.offset >= 0 && error.offset <= bytes.length);
    outcome.refused += 1;
    return;
  }
  outcome.accepted += 1;
  const twin = readAll(schema, structName, bytes);
  if (twin === undefined) return;
  deepEqual(values, twin);
  outcome.compared += 1;
}

test("decodeStruct reads what validateMessage accepts to the values that capnp-es reads", () => {
  const below = generator(SEED);
  const outcome = { accepted: 0, refused: 0, compared: 0 };
  const corpus = [...VECTORS.messages.map(({ hex }) => hex), ...MORE_SHAPES]
    .map((hex) => fromHex(hex.replaceAll(" ", "")));
  for (const bytes of corpus) validateMessage(bytes);
  for (let round = 0; round < ROUNDS; round++) {
    const schema = CAPNP_SCHEMAS[below(CAPNP_SCHEMAS.length)];
    const struct = schema?.structs[below(schema.structs.length)];
    const bytes = corpus[below(corpus.length)];
    if (schema === undefined || struct === undefined || bytes === undefined) continue;
    judge(schema, struct.name, mutated(bytes, below), outcome);
  }
  equal(outcome.accepted + outcome.refused, ROUNDS);
  ok(outcome.refused > ROUNDS / 10);
  ok(outcome.compared > ROUNDS / 10, JSON.stringify(outcome));
});

test("validateMessage refuses or accepts random bytes, and nothing else", () => {
  const below = generator(SEED + 1);
  const outcome = { accepted: 0, refused: 0, compared: 0 };
  const [schema] = CAPNP_SCHEMAS;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = Uint8Array.from({ length: 8 * (1 + below(12)) }, () => below(256));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0, true);
    view.setUint32(4, bytes.length / 8 - 1, true);
    if (bytes.length > 8) view.setUint32(8, 4 * below(4), true);
    if (bytes.length > 8) view.setUint32(12, below(3) | below(3) << 16, true);
    if (schema !== undefined) judge(schema, "Frame", bytes, outcome);
  }
  equal(outcome.accepted + outcome.refused, ROUNDS);
});
