import type { Clock, Turns } from "@runtime/core/ports.ts";

/** The host's own clock and event loop, for tests that cross tasks. */
export function hostTurns(): Clock & Turns & { stop(): void } {
  const start = performance.now();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const arm = (work: () => void, delayMs: number) => {
    const id = setTimeout(() => {
      timers.delete(id);
      work();
    }, delayMs);
    timers.add(id);
    return () => {
      clearTimeout(id);
      timers.delete(id);
    };
  };
  const nowNs = () => Math.round((performance.now() - start) * 1e6);
  return {
    nowNs,
    unixMs: () => Date.now(),
    at: (atNs, work) => arm(work, Math.max(0, Math.ceil((atNs - nowNs()) / 1e6))),
    later: (work) => void arm(work, 0),
    stop: () => timers.forEach((id) => clearTimeout(id)),
  };
}
