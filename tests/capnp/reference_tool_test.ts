import { WireError } from "@runtime/core/error.ts";
import { toHex } from "@runtime/core/hex.ts";
import {
  decodeByLibrary,
  decodeStruct,
  encodeByLibrary,
  encodeStruct,
} from "@runtime/capnp/codec.ts";
import { CAPNP_SCHEMAS, dsoftbusSchema } from "@runtime/capnp/declarations.ts";
import { decodeFrame, encodeFrame, frameLength } from "@runtime/capnp/frame.ts";
import { SEGMENT_COUNT_MAX } from "@runtime/capnp/limits.ts";
import { type CapnpSchema, type CapnpStruct, isPointerField } from "@runtime/capnp/struct.ts";
import { deepEqual, equal, notDeepEqual, ok, throws } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import {
  codecValues,
  spaceless,
  structNamed,
  toolBytes,
  type ToolMessage,
  toolVectors,
} from "./tool_vectors.ts";

const MESSAGE_COUNT = 104;
/** Messages in several segments that are read, and those whose segments are too many. */
const SEGMENTED_COUNT = 126;
const OVERSEGMENTED_COUNT = 6;

/** A message of the tool beside its declaration. */
interface Case extends ToolMessage {
  readonly schema: CapnpSchema;
  readonly declared: CapnpStruct;
}

const CASES: readonly Case[] = CAPNP_SCHEMAS.flatMap((schema) =>
  toolVectors(schema).messages.map((message) => ({
    ...message,
    schema,
    declared: structNamed(schema, message.struct),
  }))
);

/** Whether the tool was told every text, data and list: it writes a null for one that it was not. */
function complete({ declared, values }: Case): boolean {
  return Object.entries(declared.fields).every(([name, field]) =>
    !isPointerField(field) || name in values
  );
}

/** By hand where the struct is coded so, and by the library. */
const ENCODERS = { encodeStruct, encodeByLibrary };
const DECODERS = { decodeStruct, decodeByLibrary };

function decodesTo({ name, schema, struct, declared, values }: Case, bytes: Uint8Array): void {
  const wanted = { name, values: codecValues(declared, values) };
  for (const decode of Object.values(DECODERS)) {
    deepEqual({ name, values: decode(schema, struct, bytes) }, wanted);
  }
}

test("the reference tool's messages show every struct, as default and with each field set", () => {
  equal(CASES.length, MESSAGE_COUNT);
  for (const schema of CAPNP_SCHEMAS) {
    for (const { name, fields } of schema.structs) {
      const shown = CASES.filter((each) => each.schema === schema && each.struct === name);
      ok(shown.some(({ text }) => text === "()"), `${name} as default`);
      for (const field of Object.keys(fields)) {
        const values = new Set(shown.map((each) => JSON.stringify(each.values[field])));
        ok(values.size > 1, `${name}.${field} differs from its default`);
      }
    }
  }
});

test("encodeStruct gives the reference tool's bytes", () => {
  for (const each of CASES.filter(complete)) {
    const values = codecValues(each.declared, each.values);
    for (const encode of Object.values(ENCODERS)) {
      const hex = toHex(encode(each.schema, each.struct, values));
      equal(hex, spaceless(each.hex), each.name);
    }
  }
});

// The tool writes a null pointer for what it was not told. Our codec has no null: it writes what the
// tool writes when it is told an empty text, data or list.
test("encodeStruct gives the reference tool's bytes of an empty value for one left out", () => {
  for (const each of CASES.filter((message) => !complete(message))) {
    const values = codecValues(each.declared, each.values);
    const hex = toHex(encodeStruct(each.schema, each.struct, values));
    const twins = CASES.filter((twin) =>
      twin.declared === each.declared && complete(twin) && spaceless(twin.hex) === hex
    );
    deepEqual({ name: each.name, twins: twins.length }, { name: each.name, twins: 1 });
    notDeepEqual(each.hex, twins[0]?.hex, each.name);
  }
});

test("decodeStruct reads the reference tool's messages in one segment", () => {
  for (const each of CASES) decodesTo(each, toolBytes(each.hex));
});

test("decodeStruct reads the reference tool's messages in several segments, up to its bound", () => {
  let read = 0;
  let refused = 0;
  for (const each of CASES) {
    for (const { hex, segmentWords } of each.segmented) {
      const bytes = toolBytes(hex);
      const count = new DataView(bytes.buffer).getUint32(0, true) + 1;
      ok(count > 1, `${each.name}, ${segmentWords} words a segment`);
      if (count <= SEGMENT_COUNT_MAX) {
        decodesTo(each, bytes);
        read += 1;
      } else {
        refuses(each, bytes, "limit_exceeded");
        refused += 1;
      }
    }
  }
  deepEqual({ read, refused }, { read: SEGMENTED_COUNT, refused: OVERSEGMENTED_COUNT });
});

test("decodeStruct refuses the reference tool's packed messages", () => {
  for (const each of CASES) {
    const packed = toolBytes(each.packed);
    equal(toHex(unpacked(packed)), spaceless(each.hex), each.name);
    refuses(each, packed);
  }
});

/**
 * The words of a packed message.
 *
 * Source: Cap'n Proto, "Encoding Spec", "Packing".
 */
function unpacked(packed: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < packed.length;) {
    const tag = packed[at++] ?? 0;
    for (let bit = 0; bit < 8; bit++) bytes.push(tag >> bit & 1 ? packed[at++] ?? 0 : 0);
    if (tag !== 0 && tag !== 0xff) continue;
    const length = (packed[at++] ?? 0) * 8;
    const raw = tag === 0 ? new Uint8Array(length) : packed.subarray(at, at += length);
    bytes.push(...raw);
  }
  return Uint8Array.from(bytes);
}

/** Both codecs throw a `WireError`, of this code if one is told. */
function refuses({ name, schema, struct }: Case, bytes: Uint8Array, code?: string): void {
  for (const decode of Object.values(DECODERS)) {
    throws(
      () => decode(schema, struct, bytes),
      (error) => error instanceof WireError && (code ?? error.code) === error.code,
      name,
    );
  }
}

test("encodeFrame and decodeFrame agree with the reference tool", () => {
  const frames = CASES.filter(({ schema, struct }) =>
    schema === dsoftbusSchema && struct === "Frame"
  );
  equal(frames.length, 11);
  for (const each of frames) {
    const { chan, bytes } = codecValues(each.declared, each.values);
    ok(typeof chan === "number" && bytes instanceof Uint8Array);
    for (const { hex } of [each, ...each.segmented]) {
      deepEqual(decodeFrame(toolBytes(hex)), { chan, bytes });
    }
    throws(() => decodeFrame(toolBytes(each.packed)), WireError, each.name);
    if (!complete(each)) continue;
    const into = new Uint8Array(frameLength(bytes.length));
    encodeFrame(chan, bytes, into, 0);
    equal(toHex(into), spaceless(each.hex), each.name);
  }
});
