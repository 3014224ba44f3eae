/**
 * The entry of every isolate that daemons live in: kernel code, which alone holds ports, clocks and
 * waits. It hears one message of the worker, takes the ambient world away, and only then loads a
 * daemon.
 *
 * @module
 */

import { runIsolate } from "@runtime/boot/isolate_entry.ts";
import { atomicAdd } from "@runtime/core/atomic.ts";
import { TASKS } from "@services/tasks.gen.ts";
import type { WorkerGreeting } from "./isolates.ts";
import { hostTurns } from "./turns.ts";
import { hostWires, openWire } from "./wire.ts";

const NS_PER_MS = 1e6;
const { wait } = Atomics;

/** The node's clock, in this isolate: workers of a process have one time line. */
function nodeClock(originMs: number) {
  const { performance, Date: { now: unixMs } } = globalThis;
  const aheadMs = performance.timeOrigin - originMs;
  return {
    nowNs: () => Math.round((aheadMs + performance.now()) * NS_PER_MS),
    unixMs,
  };
}

function begin({ name, control, order, originMs }: WorkerGreeting): void {
  const clock = nodeClock(originMs);
  const numbered = new Int32Array(order);
  runIsolate({
    name,
    control: openWire(control),
    wires: hostWires(),
    clock,
    turns: hostTurns(clock),
    wait: (cells, index, value, timeoutMs) => wait(cells, index, value, timeoutMs) !== "timed-out",
    nextOrder: () => atomicAdd(numbered, 0, 1) + 1,
    load(task) {
      const load = TASKS[task];
      if (load === undefined) return Promise.reject(new TypeError("no such daemon"));
      return load();
    },
  });
}

addEventListener("message", (event) => {
  if (event instanceof MessageEvent) begin(event.data);
}, { once: true });
