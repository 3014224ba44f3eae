import type { Syscalls } from "@runtime/core/syscalls.ts";

/**
 * What `work` resolves to, or `timed_out` once the time is over. The work itself goes on.
 *
 * @param timeoutMs 0 waits for ever.
 */
export async function within<T>(
  syscalls: Syscalls,
  work: Promise<T>,
  timeoutMs: number,
): Promise<T | "timed_out"> {
  if (timeoutMs === 0) return await work;
  const timer = syscalls.timerCreate();
  timer.set(syscalls.clock.nowNs() + timeoutMs * 1e6);
  const over = timer.wait().then(() => "timed_out" as const);
  const outcome = await Promise.race([work, over]);
  timer.set(undefined);
  return outcome;
}
