import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { DURATION_MAX_MS, parseDuration } from "./duration.ts";

test("parseDuration reads seconds, and units where they stand", () => {
  const cases = [
    ["90", 90_000],
    ["190s", 190_000],
    ["1ms", 1],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["0", 0],
    ["168h", DURATION_MAX_MS],
    ["7d", DURATION_MAX_MS],
  ] as const;
  for (const [text, ms] of cases) equal(parseDuration(text), ms, text);
});

test("parseDuration refuses everything else", () => {
  const bad = [
    "",
    "s",
    "-1",
    "+1",
    "1.5s",
    "1 s",
    "1S",
    "1D",
    "8d",
    "0x10",
    "1e3",
    "169h",
    "9".repeat(40),
  ];
  for (const text of bad) equal(parseDuration(text), undefined, text);
  equal(parseDuration("366d", 365 * 86_400_000), undefined);
  equal(parseDuration("365d", 365 * 86_400_000), 365 * 86_400_000);
});
