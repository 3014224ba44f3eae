import type { Clock } from "@runtime/core/ports.ts";
import type { Timer } from "@runtime/core/syscalls.ts";
import type { Keyring } from "./keyring.ts";

/** Between two looks at keys that wait for their end and counters that wait to be written. */
export const TEND_INTERVAL_MS = 10_000;

/** Looks after the keys as long as the task runs. */
export async function tendFor(
  ring: Pick<Keyring, "tend">,
  { clock, timer }: { readonly clock: Clock; readonly timer: Timer },
): Promise<void> {
  for (;;) {
    await ring.tend();
    timer.set(clock.nowNs() + TEND_INTERVAL_MS * 1e6);
    await timer.wait();
  }
}
