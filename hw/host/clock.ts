import type { Clock } from "@runtime/core/ports.ts";

const NS_PER_MS = 1e6;

/** The host's time: monotonic nanoseconds since this call, and the wall clock. */
export function hostClock(): Clock & { readonly originMs: number } {
  const startMs = performance.now();
  return {
    /** When it read 0, in milliseconds since the Unix epoch: for the other isolates of the process. */
    originMs: performance.timeOrigin + startMs,
    nowNs: () => Math.round((performance.now() - startMs) * NS_PER_MS),
    unixMs: () => Date.now(),
  };
}
