const DURATION = /^(\d{1,12})(ms|s|m|h|d)?$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Longest duration, in milliseconds, unless a command says so: a week. */
export const DURATION_MAX_MS = 7 * UNIT_MS.d;

/**
 * Milliseconds of a duration: `90` (seconds), `190s`, `1ms`, `2m`, `1h`, `3d`; 0 is "no limit" where
 * a command says so. `undefined` for anything else, and beyond `maxMs`.
 */
export function parseDuration(text: string, maxMs: number = DURATION_MAX_MS): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const unit = match[2] as keyof typeof UNIT_MS | undefined; // one of the names in the pattern
  const ms = Number(match[1]) * UNIT_MS[unit ?? "s"];
  return ms <= maxMs ? ms : undefined;
}
