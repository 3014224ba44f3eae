import type { Clock } from "@runtime/core/ports.ts";

const NS_PER_MS = 1e6;

/** The host's time: monotonic nanoseconds since this call, and the wall clock. */
export function hostClock(): Clock {
  const startMs = performance.now();
  return {
    nowNs: () => Math.round((performance.now() - startMs) * NS_PER_MS),
    unixMs: () => Date.now(),
  };
}
