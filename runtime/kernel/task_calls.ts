import type { Clock } from "../core/ports.ts";
import type { Syscalls } from "../core/syscalls.ts";
import type { Task } from "./task.ts";

/**
 * The system calls of a task and nothing else of it: what the daemon's code is given. Behind the task
 * itself lie its table, its endpoints and its budgets, which are the kernel's.
 */
export function callsOf(task: Task): Syscalls {
  return Object.freeze<Syscalls>({
    self: task.self,
    clock: readOnly(task.clock),
    trySend: (slot, frame) => task.trySend(slot, frame),
    send: (slot, frame, options) => task.send(slot, frame, options),
    receive: (slot, deadlineNs) => task.receive(slot, deadlineNs),
    endpointCreate: (depth) => task.endpointCreate(depth),
    capClone: (slot) => task.capClone(slot),
    capClose: (slot) => task.capClose(slot),
    vmoCreate: (length) => task.vmoCreate(length),
    vmoFrom: (bytes) => task.vmoFrom(bytes),
    vmoMap: (slot) => task.vmoMap(slot),
    mmioMap: (slot, offset, length) => task.mmioMap(slot, offset, length),
    capQuery: (slot) => task.capQuery(slot),
    dmaMap: (slot) => task.dmaMap(slot),
    irqBind: (slot) => task.irqBind(slot),
    sleepUntil: (deadlineNs) => task.sleepUntil(deadlineNs),
    timerCreate: () => task.timerCreate(),
  });
}

/** The kernel's deadlines follow the clock: nobody else may set it. */
function readOnly(clock: Clock): Clock {
  return Object.freeze({ nowNs: () => clock.nowNs(), unixMs: () => clock.unixMs() });
}
