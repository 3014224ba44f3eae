import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { relativeSpecifier } from "./specifier.ts";

const ALIASES = { "@runtime/": "runtime/", "@services/": "services/" };

test("relativeSpecifier makes a path of an alias, and leaves packages and builtins as they are", () => {
  const from = "services/keystored/client/mod.ts";
  const cases = [
    ["./key_id.ts", { text: "./key_id.js" }],
    ["../keys/seal.ts", { text: "../keys/seal.js" }],
    ["@runtime/core/hex.ts", { text: "../../../runtime/core/hex.js" }],
    ["@services/keystored/client/a.ts", { text: "./a.js" }],
    ["@services/keystored/protocol.ts", { text: "../protocol.js" }],
    ["node:net", { text: "node:net" }],
    ["@noble/hashes/sha2.js", { text: "@noble/hashes/sha2.js", packageName: "@noble/hashes" }],
    ["capnp-es", { text: "capnp-es", packageName: "capnp-es" }],
  ] as const;
  for (const [specifier, wanted] of cases) {
    deepEqual(relativeSpecifier(from, specifier, ALIASES), wanted, specifier);
  }
  deepEqual(relativeSpecifier("main.ts", "@runtime/core/hex.ts", ALIASES), {
    text: "./runtime/core/hex.js",
  });
});
