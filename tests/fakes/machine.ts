import type { MachinePorts } from "@runtime/core/ports.ts";

/** A machine without devices whose console is a list of lines. */
export function bareMachine(): MachinePorts & { readonly lines: string[] } {
  const lines: string[] = [];
  let partial = "";
  return {
    lines,
    devices: [],
    interrupts: { enable() {}, claim: () => 0, complete() {}, onPending() {} },
    uart: {
      write(bytes) {
        partial += new TextDecoder().decode(bytes);
        const parts = partial.split("\n");
        partial = parts.pop() ?? "";
        lines.push(...parts);
      },
    },
  };
}
