/**
 * The declaration of a Cap'n Proto schema in TypeScript: what `.capnp` text says, and the bounds that
 * it cannot say. The text, the generated classes and the codecs all follow from it.
 *
 * @module
 */

/** A field; `ordinal` is its number in the schema. Bounds count bytes (text: UTF-8, without NUL). */
export type CapnpField =
  | { readonly kind: "text" | "data"; readonly ordinal: number; readonly lengthMax: number }
  | { readonly kind: "bool" | "u8" | "u16" | "u32" | "u64"; readonly ordinal: number }
  | {
    readonly kind: "textList";
    readonly ordinal: number;
    readonly countMax: number;
    readonly lengthMax: number;
  }
  | {
    readonly kind: "enum";
    readonly ordinal: number;
    /** Names in order of their numbers, from 0. */
    readonly values: readonly string[];
    readonly typeName: string;
  };

/** A struct. Ordinals run from 0 without a gap. */
export interface CapnpStruct {
  readonly name: string;
  readonly fields: Readonly<Record<string, CapnpField>>;
  /** Ordinals that a later version is known to take: written into the schema as a comment. */
  readonly reserved?: { readonly from: number; readonly to: number };
}

/** One schema file. */
export interface CapnpSchema {
  /** The `@0x…` number that identifies the file; type ids derive from it and the names. */
  readonly fileId: bigint;
  /** Name of the file, without folder and `.capnp`. */
  readonly fileName: string;
  readonly structs: readonly CapnpStruct[];
}

/** The TypeScript value of a field. */
export type CapnpValue<F extends CapnpField> = F extends { kind: "text" } ? string
  : F extends { kind: "data" } ? Uint8Array
  : F extends { kind: "bool" } ? boolean
  : F extends { kind: "u8" | "u16" | "u32" } ? number
  : F extends { kind: "u64" } ? bigint
  : F extends { kind: "textList" } ? readonly string[]
  : F extends { kind: "enum"; values: readonly (infer V)[] } ? V
  : never;

/** The TypeScript value of a struct: an object with every field. */
export type CapnpValues<S extends CapnpStruct> = {
  readonly [K in keyof S["fields"]]: CapnpValue<S["fields"][K]>;
};

/** Names of a schema's structs. */
export type CapnpStructName<S extends CapnpSchema> = S["structs"][number]["name"];

/** A schema's struct by its name. */
export type CapnpStructNamed<S extends CapnpSchema, N extends string> = Extract<
  S["structs"][number],
  { readonly name: N }
>;

/** The fields of a struct in order of their ordinals. */
export function orderedFields(struct: CapnpStruct): readonly (readonly [string, CapnpField])[] {
  return Object.entries(struct.fields).toSorted(([, left], [, right]) =>
    left.ordinal - right.ordinal
  );
}

/** Whether a field lives behind a pointer; pointers are numbered in order of the ordinals. */
export function isPointerField(
  field: CapnpField,
): field is Extract<CapnpField, { kind: "text" | "data" | "textList" }> {
  return field.kind === "text" || field.kind === "data" || field.kind === "textList";
}
