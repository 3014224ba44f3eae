import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { report, type SoakRow } from "./soak.ts";

const GOOD: SoakRow = {
  name: "fuzz reader",
  oneCase: "a seed",
  cases: 12,
  seconds: 3.4,
  failures: [],
};

test("report has a row for each check and says when none failed", () => {
  const text = report([GOOD], "Deno 2.9.6, 2 processors.");
  ok(text.includes("\nDeno 2.9.6, 2 processors.\n"));
  ok(text.includes("| fuzz reader | a seed | 12 | 3 | 0 |"));
  ok(text.endsWith("\nNo check failed.\n"));
});

test("report lists every failure and how to repeat it", () => {
  const bad = { ...GOOD, failures: ["--target reader --seed 0x7: seven"] };
  const text = report([GOOD, bad], "Deno 2.9.6");
  ok(text.includes("| fuzz reader | a seed | 12 | 3 | 1 |"));
  ok(text.endsWith("\n- `--target reader --seed 0x7: seven`\n"));
  deepEqual(text.includes("No check failed"), false);
});
