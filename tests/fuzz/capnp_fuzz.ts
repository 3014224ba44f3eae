import { decodeStruct, encodeStruct } from "@runtime/capnp/codec.ts";
import { CAPNP_SCHEMAS, dsoftbusSchema } from "@runtime/capnp/declarations.ts";
import { decodeFrame } from "@runtime/capnp/frame.ts";
import { TRAVERSAL_SLACK_WORDS, WORD_SIZE } from "@runtime/capnp/limits.ts";
import { type CapnpField, type CapnpSchema, orderedFields } from "@runtime/capnp/struct.ts";
import { validateMessage } from "@runtime/capnp/validate.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";
import { parsedOrRefused } from "./refusal.ts";

/** What was encoded is decoded; of damaged messages, work stays linear and both readers agree. */
export const name = "capnp";

const STRUCTS = CAPNP_SCHEMAS.flatMap((schema) =>
  schema.structs.map((struct) => ({ schema, struct }))
);
const PAYLOAD_MAX = 40;
const COUNT_MAX = 4;
/** Halves of pointers and of segment tables that claim much. */
const CLAIMS = [
  0,
  1,
  2,
  6,
  0x7fff_ffff,
  0xffff_fffc,
  0xffff_fffd,
  0xffff_fffe,
  0xffff_ffff,
] as const;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const chosen = STRUCTS[choices.below(STRUCTS.length)];
  ok(chosen !== undefined);
  const { schema, struct } = chosen;
  const values: Record<string, unknown> = {};
  for (const [field, kind] of orderedFields(struct)) values[field] = chosenValue(choices, kind);
  const message = encodeStruct(schema, struct.name, values);
  deepEqual({ ...decodeStruct(schema, struct.name, message) }, values);
  check(damaged(choices, message), schema, struct.name);
}

export function replay(bytes: Uint8Array): void {
  for (const { schema, struct } of STRUCTS) check(bytes, schema, struct.name);
}

function check(bytes: Uint8Array, schema: CapnpSchema, struct: string): void {
  const valid = parsedOrRefused(bytes, (message) => validateMessage(message));
  const visitedMax = bytes.length / WORD_SIZE + TRAVERSAL_SLACK_WORDS;
  if (valid !== undefined) ok(valid.visited <= visitedMax, `${valid.visited} words visited`);
  const decoded = parsedOrRefused(bytes, (message) => decodeStruct(schema, struct, message));
  if (decoded !== undefined) ok(valid !== undefined, "decoded although it is not valid");
  const general = parsedOrRefused(bytes, (message) => ({
    ...decodeStruct(dsoftbusSchema, "Frame", message),
  }));
  deepEqual(parsedOrRefused(bytes, decodeFrame), general);
}

function damaged(choices: Choices, message: Uint8Array): Uint8Array {
  const bytes = choices.damaged(message);
  const view = new DataView(bytes.buffer);
  for (let left = choices.below(3); left > 0 && bytes.length >= 4; left--) {
    const half = 4 * choices.below(Math.floor(bytes.length / 4));
    view.setUint32(half, choices.pick<number>(CLAIMS), true);
  }
  return bytes;
}

function chosenValue(choices: Choices, field: CapnpField): unknown {
  switch (field.kind) {
    case "bool":
      return choices.oneIn(2);
    case "u8":
      return choices.below(0x100);
    case "u16":
      return choices.below(0x10000);
    case "u32":
      return choices.u32();
    case "u64":
      return BigInt(choices.u32()) << 32n | BigInt(choices.u32());
    case "enum":
      return field.values[choices.below(field.values.length)];
    case "data":
      return choices.bytes(choices.below(Math.min(PAYLOAD_MAX, field.lengthMax) + 1));
    case "text":
      return chosenText(choices, field.lengthMax);
    case "textList": {
      const length = choices.below(Math.min(COUNT_MAX, field.countMax) + 1);
      return Array.from({ length }, () => chosenText(choices, field.lengthMax));
    }
  }
}

function chosenText(choices: Choices, lengthMax: number): string {
  const length = choices.below(Math.min(PAYLOAD_MAX, lengthMax) + 1);
  return Array.from({ length }, () => String.fromCharCode(choices.between(1, 0x7f))).join("");
}
