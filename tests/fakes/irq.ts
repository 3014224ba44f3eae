import type { InterruptController, Irq } from "@runtime/core/ports.ts";

/** A trap handler small enough for a test: it claims, and wakes whoever waits for the source. */
export interface TrapHandler {
  /** One source's line, enabled. */
  irq(source: number): Irq;
  /** Interrupts taken so far, all sources. */
  readonly taken: number;
}

/** @param interrupts The context that it handles. */
export function trapHandler(interrupts: InterruptController): TrapHandler {
  const lines = new Map<number, { pending: boolean; wake: (() => void) | undefined }>();
  let taken = 0;
  interrupts.onPending(() => {
    for (let source = interrupts.claim(); source !== 0; source = interrupts.claim()) {
      taken++;
      const line = lines.get(source);
      if (line === undefined) continue;
      line.pending = true;
      line.wake?.();
    }
  });
  return {
    get taken() {
      return taken;
    },
    irq(source) {
      const line: { pending: boolean; wake: (() => void) | undefined } = {
        pending: false,
        wake: undefined,
      };
      lines.set(source, line);
      interrupts.enable(source);
      return {
        wait: () =>
          new Promise((resolve) => {
            const wake = () => {
              line.pending = false;
              line.wake = undefined;
              resolve();
            };
            if (line.pending) wake();
            else line.wake = wake;
          }),
        complete: () => interrupts.complete(source),
      };
    },
  };
}
