import { assert } from "../core/assert.ts";
import type { Timer } from "../core/syscalls.ts";
import type { Deadline } from "./timer.ts";

/** What a timer needs of its kernel. */
export interface TimerKernel {
  run(step: () => void): void;
  setDeadline(atNs: number, fire: () => void): Deadline | undefined;
  cancelDeadline(deadline: Deadline): void;
}

/** Makes an unset timer. */
export function createTimer(kernel: TimerKernel): Timer {
  let deadline: Deadline | undefined;
  let fired = false;
  let waiter: (() => void) | undefined;
  const wake = () => {
    const resolve = waiter;
    if (!fired || resolve === undefined) return;
    fired = false;
    waiter = undefined;
    kernel.run(resolve);
  };
  return {
    set(deadlineNs) {
      if (deadline?.atNs === deadlineNs && deadline !== undefined && deadline.index >= 0) return;
      if (deadline !== undefined) kernel.cancelDeadline(deadline);
      deadline = undefined;
      if (deadlineNs === undefined) return;
      deadline = kernel.setDeadline(deadlineNs, () => {
        fired = true;
        wake();
      });
      assert(deadline !== undefined, "the kernel has room for a deadline");
    },
    wait() {
      assert(waiter === undefined, "a timer has one waiter at a time");
      return new Promise((resolve) => {
        waiter = resolve;
        wake();
      });
    },
  };
}
