import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { comparison, ratiosOf } from "./bench.ts";

const BEFORE = { deno: "2.9.6", figures: { dial: { nexus: 200, libp2p: 100 }, lost: { tcp: 1 } } };
const NOW = {
  deno: "2.9.6",
  figures: { dial: { nexus: 150, libp2p: 100 }, echo: { nexus: 10, libp2p: 40 } },
};

test("ratiosOf leaves out what one of the two did not run", () => {
  deepEqual([...ratiosOf(BEFORE)], [["dial", 2]]);
  deepEqual([...ratiosOf({ deno: "", figures: { dial: { nexus: 1, libp2p: 0 } } })], []);
});

test("comparison sets each job beside the baseline and says which are new", () => {
  deepEqual(comparison(BEFORE, NOW), [
    "dial           2.00x   1.50x -25 %",
    "echo               -   0.25x new",
  ]);
});
