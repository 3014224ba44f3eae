import type { Clock } from "@runtime/core/ports.ts";
import type { Timer } from "@runtime/core/syscalls.ts";
import type { LogDrain } from "./log_drain.ts";

/** Between two looks at logd, in milliseconds: how much of the log a cut may cost. */
export const DRAIN_INTERVAL_MS = 1_000;
/** The same while there is more than one look takes. */
export const DRAIN_HURRY_MS = 10;

/** Drains logd as long as the task runs. */
export async function drainFor(
  drain: Pick<LogDrain, "drain">,
  { clock, timer }: { readonly clock: Clock; readonly timer: Timer },
): Promise<void> {
  for (;;) {
    const status = await drain.drain();
    const pauseMs = status === "more" ? DRAIN_HURRY_MS : DRAIN_INTERVAL_MS;
    timer.set(clock.nowNs() + pauseMs * 1e6);
    await timer.wait();
  }
}
