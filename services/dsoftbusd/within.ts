import type { Syscalls } from "@runtime/core/syscalls.ts";

/**
 * What `work` resolves to, or `timed_out` once the time is over. The work itself goes on.
 *
 * @param timeoutMs 0 waits for ever.
 */
export async function within<T>(
  syscalls: Pick<Syscalls, "clock" | "timerCreate">,
  work: Promise<T>,
  timeoutMs: number,
): Promise<T | "timed_out"> {
  if (timeoutMs === 0) return await work;
  const timer = syscalls.timerCreate();
  timer.set(syscalls.clock.nowNs() + timeoutMs * 1e6);
  try {
    return await Promise.race([work, timer.wait().then(() => "timed_out" as const)]);
  } finally {
    timer.set(undefined);
  }
}
