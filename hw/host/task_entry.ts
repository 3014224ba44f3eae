/**
 * What the entry of every isolate that daemons live in does: kernel code, which alone holds ports,
 * clocks and waits. It hears one message of the worker, takes the ambient world away, and only then
 * loads a daemon.
 *
 * @module
 */

import type { AnyComponent } from "@runtime/boot/component.ts";
import { runIsolate } from "@runtime/boot/isolate_entry.ts";
import { KERNEL_PARTS } from "@runtime/boot/kernel_parts.ts";
import { atomicAdd } from "@runtime/core/atomic.ts";
import { hostClock } from "./clock.ts";
import type { WorkerGreeting } from "./isolates.ts";
import { type HostAccess, hostAccess, lockdown } from "./lockdown.ts";
import { hostTurns } from "./turns.ts";
import { hostWires, openWire } from "./wire.ts";

/** Loads a daemon by its task name, once nothing ambient is left. */
export type LoadTask = (task: string) => Promise<AnyComponent>;

/** Waits for the greeting of this worker's maker. The one call of an entry. */
export function enterIsolate(load: LoadTask): void {
  const access = hostAccess();
  addEventListener("message", (event) => {
    if (event instanceof MessageEvent) begin(event.data, { load, access });
  }, { once: true });
}

function begin(
  { name, control, order, activity, originMs }: WorkerGreeting,
  { load, access }: { readonly load: LoadTask; readonly access: HostAccess },
): void {
  const { atomics, memoryUsage } = access;
  const clock = hostClock(originMs);
  const turns = hostTurns(clock);
  const numbered = new Int32Array(order);
  const active = new Int32Array(activity);
  lockdown(KERNEL_PARTS);
  runIsolate({
    name,
    control: openWire(control),
    wires: hostWires(),
    clock,
    turns,
    wait: (cells, index, value, ms) => atomics.wait(cells, index, value, ms) !== "timed-out",
    nextOrder: () => atomicAdd(numbered, 0, 1) + 1,
    resumed: (index) => void (active[0] = index + 1),
    memoryBytes: () => {
      const { heapTotal, external } = memoryUsage();
      return heapTotal + external;
    },
    load,
  });
}
