import type { Clock, Turns } from "@runtime/core/ports.ts";

/** A clock that a test moves by hand, with the timers that hang on it. */
export interface ManualClock extends Clock, Turns {
  /** Moves time on and runs every timer that falls due, in order of its deadline. */
  advanceNs(ns: number): void;
  advanceMs(ms: number): void;
  /** Runs work put off with `later`, including what that work puts off. */
  runLater(): void;
  /** Deadline of the next timer, if one is set. */
  nextNs(): number | undefined;
}

/** @param startUnixMs Wall-clock time at boot, in milliseconds. */
export function manualClock(startUnixMs = 1_000): ManualClock {
  let now = 0;
  let nextId = 0;
  const timers: { id: number; atNs: number; work: () => void }[] = [];
  const postponed: (() => void)[] = [];
  const due = (untilNs: number) => {
    const first = timers[0];
    return first !== undefined && first.atNs <= untilNs ? timers.shift() : undefined;
  };
  const clock: ManualClock = {
    nowNs: () => now,
    unixMs: () => startUnixMs + Math.floor(now / 1e6),
    at(atNs, work) {
      const timer = { id: nextId++, atNs, work };
      timers.push(timer);
      timers.sort((left, right) => left.atNs - right.atNs || left.id - right.id);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    later: (work) => void postponed.push(work),
    advanceNs(ns) {
      const until = now + ns;
      for (let timer = due(until); timer !== undefined; timer = due(until)) {
        now = Math.max(now, timer.atNs);
        timer.work();
      }
      now = until;
    },
    advanceMs: (ms) => clock.advanceNs(ms * 1e6),
    runLater() {
      for (let work = postponed.shift(); work !== undefined; work = postponed.shift()) work();
    },
    nextNs: () => timers[0]?.atNs,
  };
  return clock;
}
