import { CAPNP_SCHEMAS } from "./declarations.ts";
import { schemaText } from "./schema_text.ts";
import { type CapnpField, type CapnpSchema, orderedFields } from "./struct.ts";
import { InvariantError } from "../core/assert.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import UPSTREAM from "@tests/vectors/capnp/upstream_schemas.json" with { type: "json" };

const TYPES: Readonly<Record<Exclude<CapnpField["kind"], "enum">, string>> = {
  bool: "Bool",
  u8: "UInt8",
  u16: "UInt16",
  u32: "UInt32",
  u64: "UInt64",
  text: "Text",
  data: "Data",
  textList: "List(Text)",
};
/** Structs that upstream does not have. */
const OURS = ["VerifyProofRequest", "VerifyProofResponse"];
/** Upstream's structs that hold other structs, which a declaration cannot say. */
const NOT_DECLARED = ["QueryResponse", "LogRecord", "CrashReport"];

function described(schema: CapnpSchema) {
  const structs = schema.structs.filter(({ name }) => !OURS.includes(name));
  const enums = structs.flatMap(({ fields }) => Object.values(fields)).flatMap((field) =>
    field.kind === "enum" ? [{ name: field.typeName, values: [...field.values] }] : []
  );
  return {
    file: `${schema.fileName}.capnp`,
    fileId: schema.fileId.toString(16),
    enums,
    structs: structs.map((struct) => ({
      name: struct.name,
      fields: orderedFields(struct).map(([name, field]) => ({
        name,
        ordinal: field.ordinal,
        type: field.kind === "enum" ? field.typeName : TYPES[field.kind],
      })),
    })),
  };
}

/** Upstream lists a struct's fields in any order; numbers are what counts. */
function ordered(schema: typeof UPSTREAM.schemas[number]) {
  return {
    ...schema,
    structs: schema.structs.filter(({ name }) => !NOT_DECLARED.includes(name)).map((
      { name, fields },
    ) => ({
      name,
      fields: fields.toSorted((left, right) => left.ordinal - right.ordinal),
    })),
  };
}

test("CAPNP_SCHEMAS equal upstream's in file ids, names, field numbers and types", () => {
  equal(UPSTREAM.schemas.length, 6);
  deepEqual(CAPNP_SCHEMAS.map(described), UPSTREAM.schemas.map(ordered));
});

test("schemaText writes id, enums, structs by ordinal, bounds and reserved numbers", () => {
  const text = schemaText({
    fileId: 0x8000000000000001n,
    fileName: "sample",
    structs: [{
      name: "Sample",
      fields: {
        names: { kind: "textList", ordinal: 1, countMax: 2, lengthMax: 3 },
        level: { kind: "enum", ordinal: 0, typeName: "Level", values: ["low", "high"] },
        payload: { kind: "data", ordinal: 2, lengthMax: 4 },
        at: { kind: "u64", ordinal: 3 },
      },
      reserved: { from: 4, to: 6 },
    }, { name: "Empty", fields: {} }],
  });
  equal(
    text.slice(text.indexOf("@")),
    `@0x8000000000000001;

enum Level {
  low @0;
  high @1;
}

struct Sample {
  level @0 :Level;
  names @1 :List(Text);  # at most 2 texts of 3 bytes
  payload @2 :Data;  # at most 4 bytes
  at @3 :UInt64;
  # @4..@6 are reserved.
}

struct Empty {
}
`,
  );
});

test("schemaText refuses ordinals with a gap and an enum declared in two ways", () => {
  const schema = (fields: Readonly<Record<string, CapnpField>>): CapnpSchema => ({
    fileId: 1n,
    fileName: "sample",
    structs: [{ name: "Sample", fields }],
  });
  throws(() => schemaText(schema({ at: { kind: "u8", ordinal: 1 } })), InvariantError);
  throws(() =>
    schemaText(schema({
      one: { kind: "enum", ordinal: 0, typeName: "Level", values: ["low"] },
      two: { kind: "enum", ordinal: 1, typeName: "Level", values: ["high"] },
    })), InvariantError);
});
