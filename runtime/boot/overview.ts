import { assert } from "../core/assert.ts";
import { clipped } from "../core/clip.ts";
import type { Clock } from "../core/ports.ts";
import type { ReplyOf } from "../idl/service.ts";
import { type AnyComponent, defineComponent } from "./component.ts";
import type { Isolate, IsolateStats, TaskStats } from "./isolate.ts";
import {
  FAULT_LENGTH_MAX,
  INIT_NAME,
  initTasks,
  type Provocation,
  PROVOCATIONS,
  QUEUES_PER_TASK_MAX,
  TASK_STATES,
  TASKS_MAX,
} from "./protocol.ts";
import type { SupervisedDaemon } from "./supervisor.ts";

/** How long one look waits for an isolate that does not answer: what it said last will do. */
export const OVERVIEW_WAIT_MS = 500;

/** What is told of the node itself. */
export interface AboutNode {
  /** How the daemons are placed in isolates. */
  readonly placement: string;
  /** Who holds the inspector's port. */
  readonly inspector: string;
}

/** What an overview is made of. */
export interface OverviewPorts {
  readonly clock: Clock;
  readonly sleepUntil: (atNs: number) => Promise<void>;
  readonly isolates: () => readonly Isolate[];
  /** Every daemon, in boot order, with the isolate that it lives in. */
  readonly daemons: () => readonly { readonly name: string; readonly isolate: string }[];
  readonly of: (name: string) => SupervisedDaemon;
  readonly about: () => AboutNode | Promise<AboutNode>;
}

type Reply = Extract<ReplyOf<typeof initTasks, "tasks">, { readonly status: "ok" }>;

/** How the node's daemons fare, for whoever may ask. The boot itself answers: it outlives them all. */
export class Overview {
  readonly #ports: OverviewPorts;
  readonly #heard = new Map<string, IsolateStats>();
  readonly #awaited = new Map<string, (() => void)[]>();

  constructor(ports: OverviewPorts) {
    this.#ports = ports;
  }

  /** An isolate has answered a ping. */
  heard(isolate: string, stats: IsolateStats): void {
    this.#heard.set(isolate, stats);
    for (const resolve of this.#awaited.get(isolate) ?? []) resolve();
    this.#awaited.delete(isolate);
  }

  async look(): Promise<Reply> {
    const { clock, sleepUntil, isolates, daemons, about, of } = this.#ports;
    const answers = Promise.all(isolates().map((isolate) => this.#ask(isolate)));
    await Promise.race([answers, sleepUntil(clock.nowNs() + OVERVIEW_WAIT_MS * 1e6)]);
    const all = daemons();
    assert(all.length <= TASKS_MAX, "a node has no more daemons than its overview tells of");
    const stats = all.map(({ name, isolate }) => this.#statsOf(name, isolate));
    return {
      status: "ok",
      ...await about(),
      degraded: all.flatMap(({ name: task }) => {
        const what = of(task).degraded;
        return what === undefined ? [] : [{ what, task }];
      }),
      tasks: all.map(({ name, isolate }, index) => this.#record(name, isolate, stats[index])),
      queues: stats.flatMap((known, task) => {
        const queues = known?.queues.slice(0, QUEUES_PER_TASK_MAX) ?? [];
        return queues.map((queue) => ({ task, ...queue }));
      }),
    };
  }

  #ask(isolate: Isolate): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited.set(isolate.name, [...this.#awaited.get(isolate.name) ?? [], resolve]);
      isolate.ping();
    });
  }

  /** What was last heard of a daemon; nothing of one that is down. */
  #statsOf(name: string, isolate: string): TaskStats | undefined {
    const { state } = this.#ports.of(name);
    if (state === "backing_off" || state === "stopped") return undefined;
    return this.#heard.get(isolate)?.tasks.find(({ task }) => task === name);
  }

  #record(name: string, isolate: string, stats: TaskStats | undefined): Reply["tasks"][number] {
    const { state, restarts, fault } = this.#ports.of(name);
    const { send = 0, receive = 0, vmo = 0, mmio = 0 } = stats?.rights ?? {};
    return {
      ...{ name, isolate, restarts, send, receive, vmo, mmio },
      state: TASK_STATES.indexOf(state),
      fault: clipped(fault ?? "", FAULT_LENGTH_MAX),
      memoryBytes: BigInt(this.#heard.get(isolate)?.memoryBytes ?? 0),
      frames: BigInt(stats?.frames ?? 0),
      busyNs: BigInt(Math.round(stats?.busyNs ?? 0)),
      ageNs: BigInt(Math.round(stats?.ageNs ?? 0)),
    };
  }
}

/** The boot as a server. It is no daemon: nothing starts it again. */
export function initComponent(
  look: Overview["look"],
  provoke: (daemon: string, how: Provocation) => "ok" | "not_found" | "refused",
): AnyComponent {
  return defineComponent({
    name: INIT_NAME,
    serves: { tasks: initTasks },
    calls: {},
    uses: {},
    asks: ["policy.delegate"],
    create: () => ({
      tasks: {
        tasks: () => look(),
        provoke({ daemon, how }) {
          const known = PROVOCATIONS[how];
          return { status: known === undefined ? "refused" : provoke(daemon, known) };
        },
      },
    }),
  });
}
