import { InvalidArgumentError } from "commander";
import { utf8Length } from "@runtime/core/utf8.ts";
import { KEY_USES, type KeyUse } from "../../keystored/client/algorithm.ts";
import { LABEL_LENGTH_MAX, TIME_MAX_MS } from "../../keystored/client/key_limits.ts";
import { parseDuration } from "../duration.ts";
import { type Moment, parseTime } from "../moment.ts";

const WHOLE = /^\d{1,19}$/;
const DAY_MS = 86_400_000;
/** Longest time from now that an end may lie, in milliseconds. */
const AHEAD_MAX_MS = 36_500 * DAY_MS;
const COUNT_MAX = (1n << 63n) - 1n;

/** Reads a time to come: a duration from now, or by the calendar. */
export function endOption(text: string): Moment {
  const aheadMs = parseDuration(text, AHEAD_MAX_MS);
  if (aheadMs !== undefined && aheadMs > 0) return { agoMs: -aheadMs };
  const unixMs = parseTime(text);
  if (unixMs !== undefined && unixMs > 0 && unixMs <= TIME_MAX_MS) return { unixMs };
  throw new InvalidArgumentError(
    "It is neither a duration from now such as 30d nor a time such as 2030-01-31T10:00Z.",
  );
}

/** What stands for no end and no limit. The parser of arguments has no `null`. */
export const NONE = "none";

/** The same, or {@linkcode NONE}. */
export function endOrNoneOption(text: string): Moment | typeof NONE {
  return text === NONE ? NONE : endOption(text);
}

/** When a moment is. @param nowMs Milliseconds since the Unix epoch. */
export function unixMsOf(moment: Moment, nowMs: number): number {
  return "unixMs" in moment ? moment.unixMs : nowMs - moment.agoMs;
}

/** Reads a count of uses. */
export function countOption(text: string): bigint {
  const count = WHOLE.test(text) ? BigInt(text) : 0n;
  if (count >= 1n && count <= COUNT_MAX) return count;
  throw new InvalidArgumentError("It is not a whole number from 1.");
}

/** The same, or {@linkcode NONE}. */
export function countOrNoneOption(text: string): bigint | typeof NONE {
  return text === NONE ? NONE : countOption(text);
}

/** Reads a label, of a key or of what is sealed. */
export function labelOption(text: string): string {
  if (utf8Length(text) <= LABEL_LENGTH_MAX) return text;
  throw new InvalidArgumentError(`A label has at most ${LABEL_LENGTH_MAX} bytes.`);
}

/** Reads uses between commas. */
export function usesOption(text: string): readonly KeyUse[] {
  return text.split(",").map((name) => {
    const use = KEY_USES.find((each) => each === name);
    if (use === undefined) {
      throw new InvalidArgumentError(`Uses are ${KEY_USES.join(", ")}, with commas between them.`);
    }
    return use;
  });
}
