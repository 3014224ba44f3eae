import type { Clock } from "@runtime/core/ports.ts";

const NS_PER_MS = 1e6;

/** The host's time, with its beginning for the other isolates of the process. */
export interface HostClock extends Clock {
  /** When {@linkcode Clock.nowNs} reads 0, in milliseconds since the Unix epoch. */
  readonly originMs: number;
}

/**
 * The host's time: monotonic nanoseconds, and the wall clock. It goes on where the names that it reads
 * are taken away later.
 *
 * @param originMs Where another isolate's clock began; this call is the beginning unless said. All
 *   isolates of a process have one time line.
 */
export function hostClock(originMs?: number): HostClock {
  const host = performance;
  const unixMs = Date.now;
  const startMs = originMs === undefined ? host.now() : originMs - host.timeOrigin;
  return {
    originMs: host.timeOrigin + startMs,
    nowNs: () => Math.round((host.now() - startMs) * NS_PER_MS),
    unixMs: () => unixMs(),
  };
}
