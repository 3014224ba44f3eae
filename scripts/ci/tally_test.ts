import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { lineOf, ofLine, ofTests, strict, sum } from "./tally.ts";

const OUTPUT = `running 3 tests from ./a_test.ts
reader takes one byte ... ok (1ms)
noise passes every vector ... ignored (0ms)
xk refuses a replay ... FAILED (0ms)

FAILED | 12 passed (3 steps) | 1 failed | 1 ignored (2s)
`;

test("ofTests reads the summary and the names of ignored tests", () => {
  const ignored = ["noise passes every vector"];
  deepEqual(ofTests(OUTPUT, 1), { passed: 12, failed: 1, ignored });
});

test("ofTests reads through colours", () => {
  const output =
    "a ... \x1b[33mignored\x1b[0m (0ms)\n\x1b[32mok\x1b[0m | 2 passed | 0 failed (1ms)\n";
  deepEqual(ofTests(output, 0), { passed: 2, failed: 0, ignored: ["a"] });
});

test("ofTests takes a run without a summary for a failure", () => {
  deepEqual(ofTests("error: Module not found", 1), { passed: 0, failed: 1, ignored: [] });
  deepEqual(ofTests("", 0), { passed: 0, failed: 1, ignored: [] });
});

test("ofTests takes a bad exit for a failure although no test failed", () => {
  const output = "ok | 2 passed | 0 failed (1ms)\n";
  deepEqual(ofTests(output, 1), { passed: 2, failed: 1, ignored: [] });
});

test("ofLine reads what lineOf wrote, the last of several", () => {
  const output = `1 passed, 0 failed\n${lineOf({ passed: 7, failed: 2, ignored: [] })}\n`;
  deepEqual(ofLine(output, 1), { passed: 7, failed: 2, ignored: [] });
});

test("ofLine takes no line, or a bad exit without a failure, for a failure", () => {
  deepEqual(ofLine("17 passed, 0 failed tests", 0), { passed: 0, failed: 1, ignored: [] });
  deepEqual(ofLine("7 passed, 0 failed\n", 124), { passed: 7, failed: 1, ignored: [] });
});

test("strict turns every ignored test into a failure", () => {
  const tally = { passed: 2, failed: 1, ignored: ["a", "b"] };
  deepEqual(strict(tally), { passed: 2, failed: 3, ignored: [] });
});

test("sum adds counts and joins names", () => {
  const left = { passed: 1, failed: 2, ignored: ["a"] };
  const right = { passed: 3, failed: 4, ignored: ["b"] };
  deepEqual(sum(left, right), { passed: 4, failed: 6, ignored: ["a", "b"] });
});
