import { InvalidArgumentError } from "commander";
import { parseDuration } from "./duration.ts";

/** A moment as somebody typed it: so long ago, or by the calendar. */
export type Moment = { readonly agoMs: number } | { readonly unixMs: number };

/** `2026-01-31`, `2026-01-31T10:00`, with seconds and parts of them, and `Z` or an offset. */
const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d)?)?$/;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;
/** Days of 400 years, after which the calendar repeats. */
const ERA_DAYS = 146_097;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Reads `--since`. @throws {InvalidArgumentError} for what is neither a duration nor a time. */
export function momentOption(text: string): Moment {
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return { agoMs };
  const unixMs = parseTime(text);
  if (unixMs !== undefined) return { unixMs };
  throw new InvalidArgumentError(
    "It is neither a duration such as 5m nor a time such as 2026-01-31T10:00Z.",
  );
}

/** Milliseconds since the Unix epoch of an ISO 8601 time, which is UTC unless it says otherwise. */
export function parseTime(text: string): number | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0));
  const offsetMs = offsetOf(match[8] ?? "Z");
  const valid = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month) &&
    hour < 24 && minute < 60 && second < 60;
  if (!valid || offsetMs === undefined) return undefined;
  const ms = Number((match[7] ?? "").padEnd(3, "0"));
  return daysSinceEpoch(year, month, day) * DAY_MS + hour * 60 * MINUTE_MS + minute * MINUTE_MS +
    second * 1_000 + ms - offsetMs;
}

/** The last millisecond that ISO 8601 has a year of four digits for. */
const TIME_MAX_MS = 253_402_300_799_999;

/** A time as ISO 8601, UTC. @param unixMs Not below 0; what has no year of four digits is cut. */
export function timeText(unixMs: number): string {
  const ms = Math.min(unixMs, TIME_MAX_MS);
  const days = Math.floor(ms / DAY_MS);
  const part = (unitMs: number, count: number) => Math.floor(ms / unitMs) % count;
  const clock = [part(60 * MINUTE_MS, 24), part(MINUTE_MS, 60), part(1_000, 60)].map(twoDigits);
  return `${dateText(days)}T${clock.join(":")}.${String(ms % 1_000).padStart(3, "0")}Z`;
}

/** The same to the second. */
export function secondText(unixMs: number): string {
  return timeText(unixMs).replace(/\.\d{3}Z$/, "Z");
}

function dateText(daysSince: number): string {
  const days = daysSince + EPOCH_DAYS;
  const era = Math.floor(days / ERA_DAYS);
  const ofEra = days % ERA_DAYS;
  // Leap days that are over: one in 4 years, none in 100, one in 400.
  const leapDays = Math.floor(ofEra / 1_460) - Math.floor(ofEra / 36_524) +
    Math.floor(ofEra / 146_096);
  const yearOfEra = Math.floor((ofEra - leapDays) / 365);
  const ofYear = ofEra - 365 * yearOfEra - Math.floor(yearOfEra / 4) + Math.floor(yearOfEra / 100);
  const marchMonth = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = 400 * era + yearOfEra + (month <= 2 ? 1 : 0);
  return [String(year).padStart(4, "0"), twoDigits(month), twoDigits(day)].join("-");
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** A moment by the calendar. @param nowMs Milliseconds since the Unix epoch. */
export function unixMsOf(moment: Moment, nowMs: number): number {
  return "agoMs" in moment ? nowMs - moment.agoMs : moment.unixMs;
}

function offsetOf(zone: string): number | undefined {
  if (zone === "Z") return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4))];
  if (hours >= 24 || minutes >= 60) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : MONTH_DAYS[month - 1] ?? 0;
}

/** In years that begin with March, so that a leap day is the last of its year. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = (month + 9) % 12;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) +
    Math.floor(marchYear / 400);
  const monthDays = Math.floor((153 * marchMonth + 2) / 5);
  return 365 * marchYear + leapDays + monthDays + day - 1 - EPOCH_DAYS;
}
