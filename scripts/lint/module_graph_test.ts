import { deepEqual, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { importCycles, moduleGraph, reachedFrom } from "./module_graph.ts";

/** A graph from lines such as `a: b c ~d`; a tilde marks what is not loaded with it. */
function graphOf(...lines: string[]) {
  return new Map(lines.map((line) => {
    const [path = "", targets = ""] = line.split(":");
    const imports = targets.split(" ").filter((each) => each !== "").map((each) => ({
      target: each.replace("~", ""),
      loads: !each.startsWith("~"),
    }));
    return [path, imports] as const;
  }));
}

test("importCycles names a cycle from a file back to itself", () => {
  deepEqual(importCycles(graphOf("a: b", "b: c", "c: b")), [["b", "c", "b"]]);
  deepEqual(importCycles(graphOf("a: a")), [["a", "a"]]);
});

test("importCycles finds a cycle behind a file that was already left", () => {
  deepEqual(importCycles(graphOf("a: b c", "b:", "c: b d", "d: c")), [["c", "d", "c"]]);
});

test("importCycles takes neither a diamond nor a type nor import() for a cycle", () => {
  deepEqual(importCycles(graphOf("a: b c", "b: d", "c: d", "d:")), []);
  deepEqual(importCycles(graphOf("a: b", "b: ~a")), []);
});

test("reachedFrom follows every import, also through a cycle", () => {
  const graph = graphOf("a: b", "b: a ~c", "c:", "dead: c");
  deepEqual([...reachedFrom(graph, ["a"])].sort(), ["a", "b", "c"]);
});

test("moduleGraph keeps code and type imports of the repository alone", () => {
  const at = (path: string) => ({ specifier: `file:///repo/${path}` });
  const dependencies = [
    { code: at("b.ts") },
    { type: at("c.ts") },
    { code: at("d.ts"), isDynamic: true },
    { code: { specifier: "node:crypto" } },
    {},
  ];
  const info = { modules: [{ ...at("a.ts"), dependencies }, { specifier: "node:crypto" }] };
  deepEqual(moduleGraph("/repo", info), graphOf("a.ts: b.ts ~c.ts ~d.ts"));
});

test("moduleGraph refuses a module that Deno could not load", () => {
  const broken = { specifier: "file:///repo/a.ts", error: "not found" };
  throws(() => moduleGraph("/repo", { modules: [broken] }), /a.ts: not found/);
});
