import { RIGHT_RECV, RIGHT_SEND, type Slot } from "../core/syscalls.ts";
import { holds } from "../kernel/capability.ts";
import type { Task } from "../kernel/task.ts";
import type { QueueStats, RightsStats, TaskStats } from "./isolate.ts";
import type { Load } from "./load.ts";

/** What a task's stats are taken from. */
export interface Measured {
  readonly task: Task;
  readonly load: Load;
  /** When the task was made. */
  readonly bornNs: number;
  /** Receive rights by endpoint name. */
  readonly receive: ReadonlyMap<string, Slot>;
}

/** How a task fares now. Nothing of it is counted before somebody asks, but for its load. */
export function statsOf({ task, load, bornNs, receive }: Measured): TaskStats {
  const nowNs = task.clock.nowNs();
  return {
    task: task.self.name,
    frames: load.frames,
    busyNs: load.busyNs(nowNs),
    ageNs: nowNs - bornNs,
    queues: [...receive].map(([endpoint, slot]) => queueOf(task, endpoint, slot)),
    rights: rightsOf(task),
  };
}

function queueOf(task: Task, endpoint: string, slot: Slot): QueueStats {
  const object = task.table.get(slot)?.object;
  if (object?.kind !== "endpoint") return { endpoint, waiting: 0, depth: 0 };
  return { endpoint, waiting: object.endpoint.waiting, depth: object.endpoint.depth };
}

function rightsOf(task: Task): RightsStats {
  const held = task.table.held();
  const count = (test: (capability: typeof held[number]) => boolean) => held.filter(test).length;
  const endpoint = (right: number) =>
    count((capability) => {
      const { kind } = capability.object;
      return (kind === "endpoint" || kind === "outlet") && holds(capability, right);
    });
  return {
    send: endpoint(RIGHT_SEND),
    receive: endpoint(RIGHT_RECV),
    vmo: count(({ object }) => object.kind === "vmo"),
    mmio: count(({ object }) => object.kind === "mmio"),
  };
}
