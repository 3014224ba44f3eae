/**
 * Numbers on the wire against a list of upstream's that was written by hand: what both have is the
 * same, and what is ours does not take one of theirs.
 *
 * @module
 */

import { CAPNP_SCHEMAS } from "@runtime/capnp/declarations.ts";
import type { CapnpField, CapnpStruct } from "@runtime/capnp/struct.ts";
import {
  type CapnpService,
  DENIED_STATUS,
  OWN_OPCODE_MIN,
  type PackedService,
} from "@runtime/idl/service.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import upstreamText from "../vectors/ipc/upstream.json" with { type: "text" };

/** Upstream's name, its number, and our name for it. */
type Numbered = readonly [string, number, string | null];

interface PackedVector {
  readonly daemon: string;
  readonly magic: string;
  readonly versions: readonly number[];
  /** Versions of the same magic that only this project has. */
  readonly ownVersions?: readonly number[];
  readonly ops: readonly Numbered[];
  readonly status: readonly Numbered[];
  /** Statuses of ours among the numbers that upstream leaves free. */
  readonly own?: readonly string[];
}

interface CapnpVector {
  readonly daemon: string;
  readonly fileId: string;
  readonly ops: readonly (readonly [string, number, string | null, string?, string?])[];
  readonly structs: Readonly<Record<string, Readonly<Record<string, readonly [number, string]>>>>;
}

interface Vectors {
  readonly source: string;
  readonly packed: readonly PackedVector[];
  readonly capnp: readonly CapnpVector[];
}

const UPSTREAM: Vectors = JSON.parse(upstreamText);
/** Daemons of upstream's names whose packed protocol is this project's own. */
const OWN_PROTOCOLS = ["controld", "dsoftbusd", "selftest-client"];

const TYPE_NAMES: Readonly<Record<Exclude<CapnpField["kind"], "enum">, string>> = {
  text: "Text",
  data: "Data",
  bool: "Bool",
  u8: "UInt8",
  u16: "UInt16",
  u32: "UInt32",
  u64: "UInt64",
  textList: "List(Text)",
};

function packedOf(daemon: string): readonly PackedService[] {
  const component = COMPONENTS.find(({ name }) => name === daemon);
  // What a daemon serves under another name is this project's own.
  return Object.values(component?.serves ?? {}).filter((service) => service.plane === "packed")
    .filter(({ name }) => name === daemon);
}

function capnpOf(daemon: string): readonly CapnpService[] {
  const component = COMPONENTS.find(({ name }) => name === daemon);
  return Object.values(component?.serves ?? {}).filter((service) => service.plane === "capnp");
}

test("upstream's list names its commit, and every daemon of upstream's stands in it", () => {
  ok(
    /open-nexus-OS\/open-nexus-OS at f5405da0f79c0d03da813555da5b6b61908439e5/.test(
      UPSTREAM.source,
    ),
  );
  const listed = new Set([...UPSTREAM.packed, ...UPSTREAM.capnp].map(({ daemon }) => daemon));
  for (const { name, serves } of COMPONENTS) {
    if (OWN_PROTOCOLS.includes(name)) continue;
    ok(listed.has(name), name);
    ok(Object.keys(serves).length > 0, name);
  }
});

test("packed magics and versions are upstream's", () => {
  for (const { daemon, magic, versions, ownVersions = [] } of UPSTREAM.packed) {
    const served = packedOf(daemon);
    for (const service of served) equal(service.magic, magic, daemon);
    const spoken = [...new Set(served.map(({ version }) => version))].toSorted();
    deepEqual(spoken, [...versions, ...ownVersions].toSorted(), daemon);
  }
  const taken = UPSTREAM.packed.map(({ magic }) => magic);
  for (const daemon of OWN_PROTOCOLS) {
    for (const { magic } of packedOf(daemon)) ok(!taken.includes(magic), daemon);
  }
});

test("packed opcodes are upstream's below 0x20, each under one name and none for anything else", () => {
  for (const { daemon, ops } of UPSTREAM.packed) {
    const byName = new Map(ops.flatMap(([, code, own]) => own === null ? [] : [[own, code]]));
    const seen = new Set<string>();
    for (const service of packedOf(daemon)) {
      for (const [name, { code }] of Object.entries(service.ops)) {
        if (code >= OWN_OPCODE_MIN && !byName.has(name)) {
          ok(!ops.some(([, theirs]) => theirs === code), `${daemon}.${name}`);
          continue;
        }
        equal(code, byName.get(name), `${daemon}.${name}`);
        seen.add(name);
      }
    }
    deepEqual([...seen].toSorted(), [...byName.keys()].toSorted(), daemon);
  }
});

test("packed statuses are upstream's, and ours stand where upstream has none", () => {
  for (const { daemon, status, own = [] } of UPSTREAM.packed) {
    const theirs = new Map(status.map(([, code, name]) => [name, code]));
    for (const service of packedOf(daemon)) {
      for (const [name, code] of Object.entries(service.status)) {
        const tell = `${daemon} ${name}`;
        const known = theirs.get(name);
        if (known !== undefined) equal(code, known, tell);
        else if (name === "denied") equal(code, DENIED_STATUS, tell);
        else ok(code >= OWN_OPCODE_MIN || own.includes(name), tell);
        ok(known !== undefined || !status.some(([, taken]) => taken === code), tell);
      }
      for (const [, , name] of status) {
        ok(name !== null && name in service.status, `${daemon} ${name}`);
      }
    }
  }
});

test("protocols of our own have no opcode below 0x20", () => {
  for (const daemon of OWN_PROTOCOLS) {
    for (const { ops } of packedOf(daemon)) {
      for (const { code } of Object.values(ops)) ok(code >= OWN_OPCODE_MIN, daemon);
    }
  }
});

function typeName(field: CapnpField): string {
  return field.kind === "enum" ? field.typeName : TYPE_NAMES[field.kind];
}

test("Cap'n Proto file ids, structs, field numbers and types are upstream's", () => {
  equal(UPSTREAM.capnp.length, CAPNP_SCHEMAS.length);
  for (const { daemon, fileId, structs } of UPSTREAM.capnp) {
    const schema = CAPNP_SCHEMAS.find((own) => own.fileId.toString(16) === fileId);
    equal(schema === undefined, false, daemon);
    for (const [name, fields] of Object.entries(structs)) {
      const own: CapnpStruct | undefined = schema?.structs.find((one) => one.name === name);
      const numbered: [string, unknown][] = Object.entries(own?.fields ?? {})
        .map(([field, declared]) => [field, [declared.ordinal, typeName(declared)]]);
      equal(own === undefined, false, `${daemon} ${name}`);
      deepEqual(Object.fromEntries(numbered), fields, `${daemon} ${name}`);
    }
  }
});

test("Cap'n Proto opcodes and their structs are upstream's", () => {
  for (const { daemon, fileId, ops } of UPSTREAM.capnp) {
    const served = ops.filter(([, , own]) => own !== null);
    const services = capnpOf(daemon);
    equal(services.length, served.length > 0 ? 1 : 0, daemon);
    for (const service of services) {
      equal(service.schema.fileId.toString(16), fileId, daemon);
      const theirs = Object.entries(service.ops).filter(([, { code }]) => code < OWN_OPCODE_MIN);
      const shape = theirs.map(([name, { code, request, reply }]) =>
        [name, code, request?.name ?? null, reply?.name ?? null] as const
      );
      const expected = served.map(([, code, own, request, reply]) => [own, code, request, reply]);
      deepEqual(shape, expected, daemon);
    }
  }
});
