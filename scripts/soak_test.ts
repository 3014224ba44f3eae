import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { budgetOf, report, type SoakRow } from "./soak.ts";
import type { SoakCheck } from "./soak/check.ts";

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

function checkOf(share: number, fullCases: number): SoakCheck {
  const run = () => Promise.resolve({ cases: 0, failures: [] });
  return { name: "some", oneCase: "a case", share, fullCases, run };
}

test("budgetOf shares out the time that is left, and gives a full run its count", () => {
  const checks = [checkOf(1, 7), checkOf(3, 9)];
  deepEqual(budgetOf(checks, 60).seconds, 15);
  deepEqual(budgetOf(checks.slice(1), 40).seconds, 40);
  deepEqual(budgetOf(checks, -2).seconds, 0);
  deepEqual(budgetOf(checks, undefined).casesMax, 7);
});
