/**
 * The entry of every isolate that daemons live in: kernel code, which alone holds ports, clocks and
 * waits. It hears one message of the worker, takes the ambient world away, and only then loads a
 * daemon.
 *
 * @module
 */

import { runIsolate } from "@runtime/boot/isolate_entry.ts";
import { atomicAdd } from "@runtime/core/atomic.ts";
import { assert } from "@runtime/core/assert.ts";
import { TASKS } from "@services/tasks.gen.ts";
import { hostClock } from "./clock.ts";
import type { WorkerGreeting } from "./isolates.ts";
import { hostAccess, lockdown } from "./lockdown.ts";
import { hostTurns } from "./turns.ts";
import { hostWires, openWire } from "./wire.ts";

const { atomics, memoryUsage } = hostAccess();

function begin({ name, control, order, activity, originMs }: WorkerGreeting): void {
  const clock = hostClock(originMs);
  const turns = hostTurns(clock);
  const numbered = new Int32Array(order);
  const active = new Int32Array(activity);
  lockdown();
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
    load(task) {
      const load = TASKS[task];
      assert(load !== undefined, "the boot names daemons of this program");
      return load();
    },
  });
}

addEventListener("message", (event) => {
  if (event instanceof MessageEvent) begin(event.data);
}, { once: true });
