import { CAPNP_SCHEMAS, dsoftbusSchema, samgrSchema } from "@runtime/capnp/declarations.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { Type_Which } from "capnp-es/capnp/schema";
import {
  classText,
  registryText,
  requestMatches,
  requestStructs,
  staleFiles,
} from "./gen_capnp.ts";

function request(fileName: string): Uint8Array {
  return Deno.readFileSync(new URL(`../runtime/capnp/gen/${fileName}.cgr`, import.meta.url));
}

test("staleFiles finds every committed file equal to what its declaration gives", async () => {
  deepEqual(await staleFiles(), []);
});

test("requestStructs gives the layout that upstream's wire has", () => {
  const frame = requestStructs(request("dsoftbus"), dsoftbusSchema.fileId).get("Frame");
  deepEqual(frame, [
    { name: "chan", ordinal: 0, type: Type_Which.UINT32, offset: 0 },
    { name: "bytes", ordinal: 1, type: Type_Which.DATA, offset: 0 },
  ]);
  const reply = requestStructs(request("samgr"), samgrSchema.fileId).get("ResolveResponse");
  deepEqual(reply, [
    { name: "endpoint", ordinal: 0, type: Type_Which.UINT32, offset: 0 },
    { name: "found", ordinal: 1, type: Type_Which.BOOL, offset: 32 },
  ]);
});

test("requestMatches refuses another name, type, number, struct or file", () => {
  const bytes = request("samgr");
  ok(requestMatches(bytes, samgrSchema));
  const heartbeat = (fields: typeof CAPNP_SCHEMAS[number]["structs"][number]["fields"]) => ({
    ...samgrSchema,
    structs: [...samgrSchema.structs.slice(0, -1), { name: "Heartbeat", fields }],
  });
  ok(requestMatches(bytes, heartbeat({ endpoint: { kind: "u32", ordinal: 0 } })));
  equal(requestMatches(bytes, heartbeat({ place: { kind: "u32", ordinal: 0 } })), false);
  equal(requestMatches(bytes, heartbeat({ endpoint: { kind: "u64", ordinal: 0 } })), false);
  equal(requestMatches(bytes, heartbeat({})), false);
  equal(requestMatches(bytes, { ...samgrSchema, structs: samgrSchema.structs.slice(1) }), false);
  equal(requestMatches(bytes, { ...samgrSchema, fileId: 1n }), false);
});

test("classText adds the override that the checks ask for, registryText names each class", async () => {
  const text = await classText(request("samgr"));
  ok(text.startsWith("// GENERATED"));
  equal(text.split("static override readonly _capnp").length, samgrSchema.structs.length + 1);
  equal(text.split("override toString()").length, samgrSchema.structs.length + 1);
  const registry = registryText(CAPNP_SCHEMAS);
  for (const { structs } of CAPNP_SCHEMAS) {
    for (const { name } of structs) ok(registry.includes(`    ${name}: `));
  }
});
