import type { Clock, Turns } from "@runtime/core/ports.ts";

/** The outcome of `work`; `undefined` when it takes longer than that. */
export function within<T>(
  work: Promise<T>,
  { clock, turns, timeoutMs }: {
    readonly clock: Clock;
    readonly turns: Turns;
    readonly timeoutMs: number;
  },
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = turns.at(clock.nowNs() + timeoutMs * 1e6, () => resolve(undefined));
    work.then(resolve, reject).finally(cancel);
  });
}
