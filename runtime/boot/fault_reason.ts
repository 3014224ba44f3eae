import { clipped } from "../core/clip.ts";

/** Longest reason of a fault that is kept, in bytes. */
export const REASON_LENGTH_MAX = 200;

// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/**
 * Why a daemon ended, fit to be told: a daemon names what it throws as it likes, and a line of its own
 * would read as another field of a record, or another line of a console.
 */
export function tellableReason(reason: string): string {
  return clipped(reason.replace(CONTROL, "?").toWellFormed(), REASON_LENGTH_MAX);
}
