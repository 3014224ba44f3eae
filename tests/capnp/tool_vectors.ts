/**
 * Messages that the reference tool wrote, from `tests/vectors/capnp/<schema>.json`. The files are
 * made by `scripts/vectors/capnp_messages.ts`.
 *
 * @module
 */

import { fromHex } from "@runtime/core/hex.ts";
import type { CapnpField, CapnpSchema, CapnpStruct } from "@runtime/capnp/struct.ts";

/** One file: the messages of one schema. */
export interface ToolVectors {
  readonly source: {
    readonly tool: string;
    readonly version: string;
    /** The command that gave each member of a message, by the member's name. */
    readonly commands: Readonly<Record<string, string>>;
  };
  readonly license: string;
  readonly produced: string;
  readonly schema: string;
  readonly messages: readonly ToolMessage[];
}

/** One message in every form that the tool has for it. Bytes are hexadecimal, a space a word. */
export interface ToolMessage {
  readonly name: string;
  readonly struct: string;
  /** What the tool was given. */
  readonly text: string;
  /** What the tool reads out of `text`. Data is hexadecimal, a `u64` decimal; a null is left out. */
  readonly values: ToolValues;
  /** In one segment. */
  readonly hex: string;
  /** In several segments, for each preferred size that gives other bytes. */
  readonly segmented: readonly { readonly segmentWords: number; readonly hex: string }[];
  readonly packed: string;
}

/** Values of a message's fields in JSON. */
export type ToolValues = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** Where the messages of a schema are kept. */
export function toolVectorsUrl({ fileName }: CapnpSchema): URL {
  return new URL(`../vectors/capnp/${fileName}.json`, import.meta.url);
}

/** The committed messages of a schema. */
export function toolVectors(schema: CapnpSchema): ToolVectors {
  return JSON.parse(Deno.readTextFileSync(toolVectorsUrl(schema)));
}

/** A declared struct by its name. */
export function structNamed(schema: CapnpSchema, name: string): CapnpStruct {
  const struct = schema.structs.find((known) => known.name === name);
  if (struct === undefined) throw new Error(`${schema.fileName} declares no ${name}`);
  return struct;
}

/** Hexadecimal without the spaces between words. */
export function spaceless(hex: string): string {
  return hex.replaceAll(" ", "");
}

/** Bytes of a message. */
export function toolBytes(hex: string): Uint8Array {
  return fromHex(spaceless(hex));
}

/** The values as the codec takes and gives them; what the tool left out is empty. */
export function codecValues(
  { fields }: CapnpStruct,
  values: ToolValues,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries<CapnpField>(fields).map(([name, field]) => [
      name,
      codecValue(field, values[name]),
    ]),
  );
}

function codecValue({ kind }: CapnpField, value: ToolValues[string] | undefined): unknown {
  switch (kind) {
    case "data":
      return fromHex(String(value ?? ""));
    case "text":
      return value ?? "";
    case "textList":
      return value ?? [];
    case "u64":
      return BigInt(String(value));
    default:
      return value;
  }
}
