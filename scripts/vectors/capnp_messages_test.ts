import { CAPNP_SCHEMAS } from "@runtime/capnp/declarations.ts";
import { toolVectors } from "@tests/capnp/tool_vectors.ts";
import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { CAPNP_CASES } from "./capnp_cases.ts";
import { askedOf } from "./capnp_messages.ts";

test("the committed messages are those that are asked of the tool, in the same words", () => {
  for (const schema of CAPNP_SCHEMAS) {
    const asked = askedOf(schema).map(({ name, struct, text }) => ({ name, struct, text }));
    const { messages } = toolVectors(schema);
    deepEqual(messages.map(({ name, struct, text }) => ({ name, struct, text })), asked);
  }
  deepEqual(Object.keys(CAPNP_CASES), CAPNP_SCHEMAS.map(({ fileName }) => fileName));
});

test("the committed messages say which tool wrote them and how", () => {
  for (const schema of CAPNP_SCHEMAS) {
    const { source, license, produced } = toolVectors(schema);
    ok(source.version !== "" && license !== "" && produced !== "", schema.fileName);
    deepEqual(Object.keys(source.commands), ["values", "hex", "segmented", "packed"]);
    for (const command of Object.values(source.commands)) {
      ok(command.startsWith(`${source.tool} convert `), command);
      ok(command.endsWith(` runtime/capnp/schema/${schema.fileName}.capnp STRUCT`), command);
    }
  }
});
