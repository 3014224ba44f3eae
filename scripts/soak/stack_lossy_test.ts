import { test } from "@tests/fakes/test.ts";
import { transfer } from "./stack_lossy.ts";

test("transfer holds for seeds that a run begins with, and for those that once failed", () => {
  for (const seed of [0, 1, 2, 0xbfd55a08, 0x6c89595c]) transfer(seed);
});
