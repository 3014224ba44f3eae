import { InvariantError } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import { decodeByLibrary, decodeStruct, encodeByLibrary, encodeStruct } from "./codec.ts";
import { CAPNP_SCHEMAS, dsoftbusSchema, identitySchema, keystoredSchema } from "./declarations.ts";
import { decodeFlat, encodeFlat, type FlatPlan, flatPlanOf } from "./flat.ts";
import type { CapnpField, CapnpSchema, CapnpStruct } from "./struct.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

interface Case {
  readonly schema: CapnpSchema;
  readonly name: string;
  readonly flat: FlatPlan;
  readonly struct: CapnpStruct;
}

const CASES: readonly Case[] = CAPNP_SCHEMAS.flatMap((schema) =>
  schema.structs.flatMap((struct: CapnpStruct) => {
    const flat = flatPlanOf(struct);
    return flat === undefined ? [] : [{ schema, name: struct.name, flat, struct }];
  })
);

/** A value of a field for a size that texts and bytes are given, as far as their bounds go. */
function valueFor(field: CapnpField, size: number): unknown {
  switch (field.kind) {
    case "text":
      return "abcdefghijklm".repeat(700).slice(0, Math.min(size, field.lengthMax));
    case "data":
      return Uint8Array.from(
        { length: Math.min(size, field.lengthMax) },
        (_, index) => (index * 31 + 7) & 0xff,
      );
    case "bool":
      return size % 2 === 1;
    case "enum":
      return field.values[size % field.values.length];
    default:
      return size % 2 === 1 ? 0 : { u8: 0xa5, u16: 0xa5a6, u32: 0xa5a6a7a8 }[field.kind as "u8"];
  }
}

function valuesFor({ struct }: Case, size: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(struct.fields).map(([name, field]) => [name, valueFor(field, size)]),
  );
}

function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return { code: error.code, offset: error.offset };
    throw error;
  }
}

test("flatPlanOf takes what a dial exchanges, and nothing with lists, u64 or two scalars", () => {
  const names = CASES.map(({ name }) => name);
  for (const name of ["ConnectRequest", "ConnectResponse", "VerifyProofRequest"]) {
    ok(names.includes(name), name);
  }
  for (const name of ["Announce", "AppendResponse", "ResolveResponse", "DeviceIdRequest"]) {
    ok(!names.includes(name), name);
  }
});

test("encodeFlat and decodeFlat equal the library for every struct that they take", () => {
  for (const one of CASES) {
    for (const size of [0, 1, 2, 7, 8, 9, 15, 16, 31, 32, 63, 64, 8_000]) {
      const values = valuesFor(one, size);
      const bytes = encodeFlat(one.flat, values);
      deepEqual(bytes, encodeByLibrary(one.schema, one.name, values), `${one.name} ${size}`);
      deepEqual(decodeByLibrary(one.schema, one.name, bytes), values);
      const isLong = one.flat.blobs.some(({ name, kind }) =>
        kind === "text" && String(values[name]).length > 64
      );
      deepEqual(decodeFlat(one.flat, bytes), isLong ? undefined : values);
      deepEqual(decodeStruct(one.schema, one.name, bytes), values);
    }
  }
});

test("decodeStruct agrees with the library on every single-bit change, cut and addition", () => {
  let accepted = 0;
  for (const one of CASES) {
    const message = encodeFlat(one.flat, valuesFor(one, 9));
    const compare = (bytes: Uint8Array) => {
      const found = outcome(() => decodeStruct(one.schema, one.name, bytes));
      deepEqual(found, outcome(() => decodeByLibrary(one.schema, one.name, bytes)));
      if (decodeFlat(one.flat, bytes) !== undefined) accepted += 1;
    };
    for (let bit = 0; bit < message.length * 8; bit++) {
      const changed = message.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      compare(changed);
    }
    for (let length = 0; length < message.length; length++) compare(message.subarray(0, length));
    compare(Uint8Array.of(...message, 0));
    compare(Uint8Array.of(...message, ...new Uint8Array(8)));
  }
  ok(accepted > 1_000);
});

test("encodeStruct writes texts that are not ASCII as the library does, within their bound", () => {
  const texts = ["\u00e4", "a\u{1f600}", "\ud800", "\u00e4".repeat(32), "a\0b"];
  for (const deviceId of texts) {
    const bytes = encodeStruct(dsoftbusSchema, "ConnectRequest", { deviceId });
    deepEqual(bytes, encodeByLibrary(dsoftbusSchema, "ConnectRequest", { deviceId }));
    deepEqual(
      decodeStruct(dsoftbusSchema, "ConnectRequest", bytes),
      decodeByLibrary(dsoftbusSchema, "ConnectRequest", bytes),
    );
  }
  for (const deviceId of ["\u00e4".repeat(33), "a".repeat(65), 1]) {
    throws(() => encodeStruct(dsoftbusSchema, "ConnectRequest", { deviceId }), InvariantError);
  }
});

test("encodeStruct refuses bytes past their bound and scalars of another kind", () => {
  const proof = {
    role: "client",
    noiseStatic: new Uint8Array(32),
    deviceId: "",
    verifyingKey: new Uint8Array(32),
    signature: new Uint8Array(64),
  };
  const encode = (values: object) =>
    encodeStruct(identitySchema, "VerifyProofRequest", { ...proof, ...values });
  encode({});
  for (
    const wrong of [{ noiseStatic: new Uint8Array(33) }, { signature: "a" }, { role: "observer" }]
  ) throws(() => encode(wrong), InvariantError);
  for (const ok of [1, undefined, "true"]) {
    throws(() => encodeStruct(keystoredSchema, "VerifyResponse", { ok }), InvariantError);
  }
});

test("decodeFlat leaves bytes and texts past their bound to the validator", () => {
  const wide = flatPlanOf({
    name: "Wide",
    fields: {
      deviceId: { kind: "text", ordinal: 0, lengthMax: 1_000 },
    },
  });
  const narrow = flatPlanOf(dsoftbusSchema.structs[1]);
  ok(wide !== undefined && narrow !== undefined);
  const fits = encodeFlat(wide, { deviceId: "a".repeat(64) });
  deepEqual(decodeFlat(narrow, fits), { deviceId: "a".repeat(64) });
  const long = encodeFlat(wide, { deviceId: "a".repeat(65) });
  equal(decodeFlat(narrow, long), undefined);
  const bytes = (lengthMax: number) =>
    flatPlanOf({ name: "Bytes", fields: { it: { kind: "data", ordinal: 0, lengthMax } } });
  const [four, five] = [bytes(4), bytes(5)];
  ok(four !== undefined && five !== undefined);
  const five_ = encodeFlat(five, { it: Uint8Array.of(1, 2, 3, 4, 5) });
  equal(decodeFlat(four, five_), undefined);
  deepEqual(decodeFlat(five, five_), { it: Uint8Array.of(1, 2, 3, 4, 5) });
});
