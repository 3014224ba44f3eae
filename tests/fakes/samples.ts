import type { CapnpField, CapnpSchema, CapnpStruct } from "@runtime/capnp/struct.ts";
import type { Field, Fields } from "@runtime/idl/field.ts";

/** Values of a body by field name. */
export type Values = Readonly<Record<string, unknown>>;

/** Bodies of a packed operation: each field's samples, the others at their first one. */
export function packedBodies(fields: Fields): readonly Values[] {
  return bodies(
    Object.entries(fields)
      .filter(([, field]) => field.silent !== true)
      .map(([name, field]) => [name, field.samples]),
  );
}

/** Bodies of a Cap'n Proto struct: each field's bounds, the others at their first sample. */
export function capnpBodies(struct: CapnpStruct | null): readonly Values[] {
  const fields = Object.entries(struct?.fields ?? {});
  return bodies(fields.map(([name, field]) => [name, capnpSamples(field)]));
}

function bodies(samples: readonly (readonly [string, readonly unknown[]])[]): readonly Values[] {
  const first = Object.fromEntries(samples.map(([name, values]) => [name, values[0]]));
  const others = samples.flatMap(([name, values]) =>
    values.slice(1).map((value) => ({ ...first, [name]: value }))
  );
  return [first, ...others];
}

function capnpSamples(field: CapnpField): readonly unknown[] {
  switch (field.kind) {
    case "text":
      return ["", "a".repeat(field.lengthMax)];
    case "data":
      return [new Uint8Array(0), new Uint8Array(field.lengthMax).fill(0x5a)];
    case "bool":
      return [false, true];
    case "u8":
      return [0, 0xff];
    case "u16":
      return [0, 0xffff];
    case "u32":
      return [0, 0xffff_ffff];
    case "u64":
      return [0n, (1n << 64n) - 1n];
    case "textList":
      return [[], ["a"], Array.from({ length: field.countMax }, () => "b")];
    case "enum":
      return field.values;
  }
}

/** A struct whose fields go one past a bound, with the name of the field; one body each. */
export function capnpBodiesBeyond(
  struct: CapnpStruct | null,
): readonly (readonly [string, Values])[] {
  const [first] = capnpBodies(struct);
  return Object.entries(struct?.fields ?? {}).flatMap(([name, field]) =>
    capnpBeyond(field).map((value) => [name, { ...first, [name]: value }] as const)
  );
}

function capnpBeyond(field: CapnpField): readonly unknown[] {
  if (field.kind === "text") return ["a".repeat(field.lengthMax + 1)];
  if (field.kind === "data") return [new Uint8Array(field.lengthMax + 1)];
  if (field.kind !== "textList") return [];
  return [
    Array.from({ length: field.countMax + 1 }, () => "b"),
    ["a".repeat(field.lengthMax + 1)],
  ];
}

/** The same schema with bounds twice as wide: what a peer that keeps to none would send. */
export function unbounded(schema: CapnpSchema): CapnpSchema {
  const widened = (field: CapnpField): CapnpField => {
    if (field.kind === "text" || field.kind === "data") {
      return { ...field, lengthMax: field.lengthMax * 2 };
    }
    if (field.kind !== "textList") return field;
    return { ...field, countMax: field.countMax * 2, lengthMax: field.lengthMax * 2 };
  };
  const structs = schema.structs.map((struct) => ({
    ...struct,
    fields: Object.fromEntries(
      Object.entries(struct.fields).map(([name, field]) => [name, widened(field)]),
    ),
  }));
  return { ...schema, structs };
}

/** Bytes of a packed body by hand: one field replaced by raw bytes, the others at a sample. */
export interface RawField {
  readonly name: string;
  readonly field: Field<unknown>;
  readonly bytes: Uint8Array;
}

/** Every field of a body one past its bound. */
export function packedBeyond(fields: Fields): readonly RawField[] {
  return Object.entries(fields).flatMap(([name, field]) =>
    field.beyond.map((bytes) => ({ name, field, bytes }))
  );
}

/** Bytes of a field's length prefix: `bytes16` and `text16` have two. */
export function prefixWidth(field: Field<unknown>): number {
  return Number(/^(?:bytes|text)(8|16|32) /.exec(field.label)?.[1] ?? 0) / 8;
}
