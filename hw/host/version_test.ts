import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostVersion } from "./version.ts";

test("hostVersion tells by a boolean whether the program is compiled", () => {
  const { compiled, deno } = hostVersion();
  deepEqual([compiled, typeof deno], [false, "string"]);
});
