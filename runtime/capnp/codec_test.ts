import { InvariantError } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { createStructCodec, decodeStruct, encodeStruct } from "./codec.ts";
import {
  CAPNP_SCHEMAS,
  dsoftbusSchema,
  identitySchema,
  keystoredSchema,
  logSchema,
  policydSchema,
  samgrSchema,
} from "./declarations.ts";
import type { CapnpField } from "./struct.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import VECTORS from "@tests/vectors/capnp/messages.json" with { type: "json" };

const UTF8 = new TextEncoder();
const ID = "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e";
/** What each vector says, in the words of this codec; the null one is read only. */
const VALUES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "ConnectResponse ok": { ok: true },
  "ConnectResponse refused": { ok: false },
  "Frame ping": { chan: 1, bytes: UTF8.encode("ping") },
  "Frame pong": { chan: 1, bytes: UTF8.encode("pong") },
  "Frame without bytes": { chan: 0, bytes: new Uint8Array(0) },
  "Frame null bytes": { chan: 7, bytes: new Uint8Array(0) },
  ConnectRequest: { deviceId: ID },
  Announce: { deviceId: "abc", services: ["x", ""], port: 5 },
  ResolveResponse: { endpoint: 5, found: true },
  RegisterRequest: { name: "samgrd", endpoint: 9 },
  IsKeyAllowedResponse: { allowed: true, reason: "allow" },
  SignResponse: { ok: true, signature: Uint8Array.of(0xaa, 0xbb) },
  CheckRequest: { subject: "a", requiredCaps: ["b"] },
};

function schemaNamed(fileName: string) {
  const schema = CAPNP_SCHEMAS.find((known) => known.fileName === fileName);
  if (schema === undefined) throw new Error(`no schema ${fileName}`);
  return schema;
}

function spaceless(hex: string): string {
  return hex.replaceAll(" ", "");
}

function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WireError && error.code === code;
}

test("encodeStruct gives the bytes of the reference tool", () => {
  let count = 0;
  for (const { name, schema, struct, hex } of VECTORS.messages) {
    if (name === "Frame null bytes") continue;
    equal(toHex(encodeStruct(schemaNamed(schema), struct, VALUES[name] ?? {})), spaceless(hex));
    count += 1;
  }
  equal(count, 12);
});

test("decodeStruct reads the bytes of the reference tool", () => {
  equal(VECTORS.messages.length, 13);
  for (const { name, schema, struct, hex } of VECTORS.messages) {
    deepEqual(decodeStruct(schemaNamed(schema), struct, fromHex(spaceless(hex))), VALUES[name]);
  }
});

test("createStructCodec round-trips every kind of field with its type", () => {
  const proof = createStructCodec(identitySchema, "VerifyProofRequest");
  const values = {
    role: "server",
    noiseStatic: new Uint8Array(32).fill(1),
    deviceId: ID,
    verifyingKey: new Uint8Array(32).fill(2),
    signature: new Uint8Array(64).fill(3),
  } as const;
  deepEqual(proof.decode(proof.encode(values)), values);
  const empty = createStructCodec(keystoredSchema, "DeviceIdRequest");
  equal(toHex(empty.encode({})), "0000000001000000fcffffff00000000");
  deepEqual(empty.decode(empty.encode({})), {});
});

test("createStructCodec refuses values that the type checker would not see", () => {
  const { encode } = createStructCodec(dsoftbusSchema, "Announce");
  const announce = { deviceId: ID, services: ["a"], port: 1 };
  encode(announce);
  for (
    const wrong of [
      { ...announce, port: 65_536 },
      { ...announce, port: -1 },
      { ...announce, port: 1.5 },
      { ...announce, deviceId: ID + "0" },
      { ...announce, deviceId: "\u00e4".repeat(33) },
      { ...announce, services: ["a".repeat(65)] },
      { ...announce, services: Array.from({ length: 65 }, () => "a") },
    ]
  ) throws(() => encode(wrong), InvariantError);
  for (const values of [{}, { chan: 1, bytes: new Uint8Array(65_481) }, { chan: 1, bytes: "a" }]) {
    throws(() => encodeStruct(dsoftbusSchema, "Frame", values), InvariantError);
  }
  throws(() => encodeStruct(dsoftbusSchema, "ConnectResponse", { ok: 1 }), InvariantError);
  throws(() => encodeStruct(dsoftbusSchema, "ConnectRequest", { deviceId: 1 }), InvariantError);
  throws(() => encodeStruct(dsoftbusSchema, "Missing", {}), InvariantError);
});

/** The largest value that a field takes. */
function largest(field: CapnpField): unknown {
  switch (field.kind) {
    case "text":
      return "z".repeat(field.lengthMax);
    case "data":
      return new Uint8Array(field.lengthMax).fill(0xff);
    case "textList":
      return Array.from({ length: field.countMax }, () => "z".repeat(field.lengthMax));
    case "enum":
      return field.values.at(-1);
    case "bool":
      return true;
    case "u64":
      return (1n << 64n) - 1n;
    default:
      return { u8: 0xff, u16: 0xffff, u32: 0xffffffff }[field.kind];
  }
}

test("encodeStruct and decodeStruct round-trip every declared struct at its bounds", () => {
  let count = 0;
  for (const schema of CAPNP_SCHEMAS) {
    for (const struct of schema.structs) {
      const values = Object.fromEntries(
        Object.entries(struct.fields).map(([name, field]) => [name, largest(field)]),
      );
      const bytes = encodeStruct(schema, struct.name, values);
      deepEqual(decodeStruct(schema, struct.name, bytes), values);
      count += 1;
    }
  }
  equal(count, 32);
});

test("createStructCodec holds a u64 to its width", () => {
  const { encode, decode } = createStructCodec(logSchema, "QueryRequest");
  const last = { sinceNsec: (1n << 64n) - 1n, maxCount: 0xffff };
  deepEqual(decode(encode(last)), last);
  for (const sinceNsec of [-1n, 1n << 64n]) {
    throws(() => encode({ sinceNsec, maxCount: 0 }), InvariantError);
  }
  throws(
    () => encodeStruct(logSchema, "QueryRequest", { sinceNsec: 1, maxCount: 0 }),
    InvariantError,
  );
});

test("encodeStruct refuses an enum's value that is not declared", () => {
  const values = {
    role: "observer",
    noiseStatic: new Uint8Array(32),
    deviceId: ID,
    verifyingKey: new Uint8Array(32),
    signature: new Uint8Array(64),
  };
  throws(() => encodeStruct(identitySchema, "VerifyProofRequest", values), InvariantError);
  const bytes = encodeStruct(identitySchema, "VerifyProofRequest", { ...values, role: "client" });
  bytes[16] = 2;
  throws(
    () => decodeStruct(identitySchema, "VerifyProofRequest", bytes),
    refused("value_out_of_range"),
  );
});

test("decodeStruct refuses text past its bound, without its NUL, or not UTF-8", () => {
  const bytes = encodeStruct(dsoftbusSchema, "ConnectRequest", { deviceId: ID });
  const decode = (message: Uint8Array) => decodeStruct(dsoftbusSchema, "ConnectRequest", message);
  const notUtf8 = bytes.slice();
  notUtf8[24] = 0xff;
  throws(() => decode(notUtf8), refused("not_utf8"));
  const noNul = bytes.slice();
  noNul[24 + 64] = 0x30;
  throws(() => decode(noNul), refused("value_out_of_range"));
  const long = bytes.slice();
  new DataView(long.buffer).setUint32(20, 66 * 8 + 2, true);
  throws(() => decode(long), refused("length_out_of_range"));
  const noLength = bytes.slice();
  new DataView(noLength.buffer).setUint32(20, 2, true);
  throws(() => decode(noLength), refused("value_out_of_range"));
});

test("decodeStruct refuses data and lists past their bounds", () => {
  const open = {
    ...policydSchema,
    structs: [{
      name: "CheckRequest",
      fields: {
        subject: { kind: "text", ordinal: 0, lengthMax: 1_000 },
        requiredCaps: { kind: "textList", ordinal: 1, countMax: 1_000, lengthMax: 1_000 },
      },
    }],
  } as const;
  const decode = (requiredCaps: readonly string[]) =>
    decodeStruct(
      policydSchema,
      "CheckRequest",
      encodeStruct(open, "CheckRequest", { subject: "a", requiredCaps }),
    );
  deepEqual(decode(Array.from({ length: 64 }, () => "b"))["subject"], "a");
  throws(() => decode(Array.from({ length: 65 }, () => "b")), refused("length_out_of_range"));
  throws(() => decode(["b".repeat(65)]), refused("length_out_of_range"));
  const signature = encodeStruct(identitySchema, "SignResponse", {
    ok: true,
    signature: new Uint8Array(64),
  });
  new DataView(signature.buffer).setUint32(28, 65 * 8 + 2, true);
  signature[4] = 12;
  const longer = new Uint8Array(signature.length + 8);
  longer.set(signature);
  throws(
    () => decodeStruct(identitySchema, "SignResponse", longer),
    refused("length_out_of_range"),
  );
});

test("decodeStruct refuses a pointer of another kind", () => {
  const frame = encodeStruct(dsoftbusSchema, "Frame", { chan: 1, bytes: new Uint8Array(8) });
  for (const high of [0, 8 * 8 + 1, 8 + 3, 8 + 4, 8 + 5, 8 + 6, 7]) {
    const wrong = frame.slice();
    new DataView(wrong.buffer).setUint32(28, high, true);
    throws(() => decodeStruct(dsoftbusSchema, "Frame", wrong), refused("bad_pointer"), `${high}`);
  }
  const struct = frame.slice();
  new DataView(struct.buffer).setUint32(24, 0, true);
  new DataView(struct.buffer).setUint32(28, 1, true);
  throws(() => decodeStruct(dsoftbusSchema, "Frame", struct), refused("bad_pointer"));
});

test("decodeStruct gives defaults for an older writer, and ignores a newer one's fields", () => {
  const decode = (hex: string) => decodeStruct(samgrSchema, "RegisterRequest", fromHex(hex));
  const defaults = { name: "", endpoint: 0 };
  deepEqual(decode("00000000010000000000000000000000"), defaults);
  deepEqual(decode("0000000001000000fcffffff00000000"), defaults);
  deepEqual(decode("000000000200000000000000010000000900000000000000"), { name: "", endpoint: 9 });
  const newer = "00000000060000000000000002000200" + "0900000001000000" + "ffffffffffffffff" +
    "0000000000000000" + "0100000012000000" + "6100000000000000";
  deepEqual(decode(newer), { name: "", endpoint: 9 });
});

test("decodeStruct reads a message in eight segments, seven of them empty", () => {
  const table = "07000000" + "01000000" + "00000000".repeat(7) + "00000000";
  deepEqual(decodeStruct(samgrSchema, "ResolveRequest", fromHex(table + "0000000000000000")), {
    name: "",
  });
});

test("decodeStruct gives data as a view of the message, also of shared memory", () => {
  const bytes = encodeStruct(dsoftbusSchema, "Frame", { chan: 1, bytes: UTF8.encode("ping") });
  const values = createStructCodec(dsoftbusSchema, "Frame").decode(bytes);
  equal(values.bytes.buffer, bytes.buffer);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  deepEqual(UTF8.encode("ping"), decodeStruct(dsoftbusSchema, "Frame", shared)["bytes"]);
  const request = encodeStruct(dsoftbusSchema, "ConnectRequest", { deviceId: ID });
  const sharedRequest = new Uint8Array(new SharedArrayBuffer(request.length));
  sharedRequest.set(request);
  deepEqual(decodeStruct(dsoftbusSchema, "ConnectRequest", sharedRequest), { deviceId: ID });
});
