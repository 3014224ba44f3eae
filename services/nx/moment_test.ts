import { InvalidArgumentError } from "commander";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { momentOption, parseTime, secondText, timeText } from "./moment.ts";

test("parseTime counts the days of a calendar that is turned leaf by leaf", () => {
  let unixMs = 0;
  for (let year = 1970; year < 2410; year++) {
    const two = (value: number) => String(value).padStart(2, "0");
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    for (
      const [month, days] of [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].entries()
    ) {
      for (let day = 1; day <= days; day++, unixMs += 86_400_000) {
        const text = `${year}-${two(month + 1)}-${two(day)}`;
        equal(parseTime(text), unixMs, text);
      }
      equal(parseTime(`${year}-${two(month + 1)}-${days + 1}`), undefined);
    }
  }
});

test("parseTime reads parts of a time, and offsets", () => {
  const noon = 1_709_208_000_000;
  const cases = [
    ["2024-02-29T12:00", noon],
    ["1600-02-29", -11_670_998_400_000],
    ["2024-02-29T12:00Z", noon],
    ["2024-02-29T12:00:01", noon + 1_000],
    ["2024-02-29T12:00:01.5Z", noon + 1_500],
    ["2024-02-29T12:00:01.025Z", noon + 1_025],
    ["2024-02-29T14:30+02:30", noon],
    ["2024-02-29T09:30:00-02:30", noon],
  ] as const;
  for (const [text, ms] of cases) equal(parseTime(text), ms, text);
});

test("parseTime refuses what is no time", () => {
  const bad = [
    "",
    "yesterday",
    "2023-02-29",
    "1900-02-29",
    "2024-00-01",
    "2024-13-01",
    "2024-04-31",
    "2024-01-00",
    "2024-01-01T24:00",
    "2024-01-01T00:60",
    "2024-01-01T00:00:60",
    "2024-01-01T00:00+24:00",
    "2024-01-01T00:00+00:60",
    "2024-01-01 00:00",
    "2024-01-01Z",
    "2024-01-01T00:00:00.1234Z",
    "12024-01-01",
  ];
  for (const text of bad) equal(parseTime(text), undefined, text);
});

test("momentOption takes a duration or a time, and nothing else", () => {
  deepEqual(momentOption("90"), { agoMs: 90_000 });
  deepEqual(momentOption("5m"), { agoMs: 300_000 });
  deepEqual(momentOption("1970-01-02"), { unixMs: 86_400_000 });
  throws(() => momentOption("soon"), InvalidArgumentError);
});

test("timeText says what parseTime reads, at every turn of the calendar", () => {
  const times = [
    "1970-01-01T00:00:00.000Z",
    "1999-12-31T23:59:59.999Z",
    "2000-02-29T12:34:56.789Z",
    "2000-03-01T00:00:00.001Z",
    "2023-11-14T22:13:20.000Z",
    "2100-02-28T23:59:59.000Z",
    "2100-03-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
  ];
  for (const text of times) equal(timeText(parseTime(text) ?? NaN), text);
  equal(timeText(1_700_000_000_000), "2023-11-14T22:13:20.000Z");
  for (let day = 0; day < 400 * 365; day += 13) {
    equal(parseTime(timeText(day * 86_400_000)), day * 86_400_000);
  }
  equal(timeText(2 ** 64), "9999-12-31T23:59:59.999Z");
});

test("secondText cuts parts of a second", () => {
  equal(secondText(1_700_000_000_999), "2023-11-14T22:13:20Z");
});
