import type { Clock, Irq, MachineDevice, MachinePorts, Turns } from "../core/ports.ts";
import { RIGHT_MAP, RIGHT_RECV, RIGHT_SEND, type Slot } from "../core/syscalls.ts";
import type { Capability } from "./capability.ts";
import {
  type ByteBudget,
  Endpoint,
  QUEUED_BYTES_MAX,
  QUEUED_BYTES_PER_OWNER_MAX,
  type Sink,
} from "./endpoint.ts";
import { type CrossingPorts, Crossings } from "./crossing.ts";
import { InterruptRouter } from "./interrupt.ts";
import { type PrincipalRefusal, PrincipalRegistry } from "./principal.ts";
import { microtask, Scheduler } from "./scheduler.ts";
import { Task, type TaskKernel } from "./task.ts";
import { TimerQueue } from "./timer.ts";

/** Endpoints that one task may own. Source: Open Nexus OS kernel, "Endpoints". */
export const ENDPOINTS_PER_OWNER_MAX = 96;
/** Endpoints in the node. Closed ones make room again. */
export const ENDPOINTS_MAX = 384;

/** What a kernel stands on. */
export interface KernelPorts {
  readonly clock: Clock;
  readonly turns: Turns;
  readonly machine: Pick<MachinePorts, "interrupts">;
  /** Notes which task, by its place in the order of spawning, is resumed; without it nobody does. */
  readonly resumed?: ((index: number) => void) | undefined;
  /** What the boot does for rights that leave this isolate; without it none does. */
  readonly border?: Border | undefined;
}

/** The boot, as the kernel of one isolate sees it. */
export type Border = Pick<CrossingPorts, "moveRight" | "violated" | "ended">;

const CLOSED_BORDER: Border = {
  moveRight() {},
  violated() {},
  ended() {},
};

/** Thrown by {@linkcode Kernel.spawn}: a name that may not become a principal. */
export class SpawnError extends Error {
  override readonly name = "SpawnError";
  readonly code: PrincipalRefusal;

  constructor(code: PrincipalRefusal, principal: string) {
    super(`Cannot spawn ${principal}: ${code}`);
    this.code = code;
  }
}

/**
 * The kernel: tasks, capabilities, endpoints, deadlines and interrupts under one run queue. The boot
 * uses it to spawn tasks and to mint rights; a task sees only its own {@linkcode Task}.
 */
export class Kernel {
  readonly clock: Clock;
  /** Rights to and from other isolates. */
  readonly crossings: Crossings;
  readonly #scheduler: Scheduler;
  readonly #timers: TimerQueue;
  readonly #interrupts: InterruptRouter;
  readonly #principals: PrincipalRegistry;
  readonly #tasks = new Map<string, Task>();
  /** In the order in which they were spawned first. */
  readonly #names: string[] = [];
  readonly #resumed: KernelPorts["resumed"];
  #border: Border;
  readonly #nodeBudget: ByteBudget = { max: QUEUED_BYTES_MAX, used: 0 };
  #endpoints = 0;

  constructor(ports: KernelPorts, principals: PrincipalRegistry = new PrincipalRegistry()) {
    this.clock = ports.clock;
    this.#principals = principals;
    this.#resumed = ports.resumed;
    this.#border = ports.border ?? CLOSED_BORDER;
    this.#scheduler = new Scheduler(ports.turns);
    this.#timers = new TimerQueue(ports.clock, ports.turns);
    this.crossings = new Crossings({
      moveRight: (move) => this.#border.moveRight(move),
      violated: (right) => this.#border.violated(right),
      ended: (right) => this.#border.ended(right),
      soon: microtask,
      drop: (capability) => this.#dropped(capability),
    });
    this.#interrupts = new InterruptRouter(
      ports.machine.interrupts,
      (step) => this.#scheduler.run(step),
    );
  }

  /**
   * Registers a principal and makes its task. A name whose task has exited gets a successor: the same
   * principal, with nothing of what the task before it held.
   *
   * @throws {SpawnError} when the name is taken, malformed, or hashes to a sid in use.
   */
  spawn(name: string): Task {
    const before = this.#tasks.get(name);
    const principal = before === undefined
      ? this.#principals.register(name)
      : this.#principals.succeed(name, before);
    if (typeof principal === "string") throw new SpawnError(principal, name);
    const budget: ByteBudget = { max: QUEUED_BYTES_PER_OWNER_MAX, used: 0 };
    if (!this.#names.includes(name)) this.#names.push(name);
    const task = new Task(principal, this.#taskKernel(name), budget);
    this.#tasks.set(name, task);
    return task;
  }

  /** Names who hears of rights that cross: the boot is made after its own kernel. */
  openBorder(border: Border): void {
    this.#border = border;
  }

  /** Runs a step of a task's in its turn. */
  run(task: Task, step: () => void): void {
    this.#runner(task.self.name)(step);
  }

  task(name: string): Task | undefined {
    return this.#tasks.get(name);
  }

  get tasks(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  /**
   * Gives `holder` a send right to what `owner` receives at `receive`.
   *
   * @param badge Stamped on every message that is sent with it.
   */
  mintSend(owner: Task, receive: Slot, holder: Task, badge: number): Slot | undefined {
    const endpoint = this.endpointAt(owner, receive);
    if (endpoint === undefined) return undefined;
    const object = { kind: "endpoint", endpoint, badge } as const;
    return holder.allot({ object, rights: RIGHT_SEND, bound: true });
  }

  /** The endpoint behind a receive right. */
  endpointAt(owner: Task, receive: Slot): Endpoint | undefined {
    const capability = owner.table.get(receive);
    if (capability?.object.kind !== "endpoint") return undefined;
    return (capability.rights & RIGHT_RECV) === 0 ? undefined : capability.object.endpoint;
  }

  /** Gives a task the registers, the RAM region and the interrupt of one device. MAP only. */
  grantDevice(task: Task, device: MachineDevice): Slot | undefined {
    return task.allot({ object: { kind: "mmio", device }, rights: RIGHT_MAP });
  }

  /** The line of an interrupt whose handler lives elsewhere. */
  irq(source: number): Irq {
    return this.#interrupts.line(source);
  }

  /** Its handler is gone: the next one to ask for the line finds it silent and ready. */
  freeIrq(source: number): void {
    this.#interrupts.free(source);
  }

  /** Ends every task and every timer. */
  stop(): void {
    for (const task of this.#tasks.values()) task.exit();
    this.#timers.clear();
  }

  /** Steps go through the run queue; where somebody notes them, each says first whose it is. */
  #runner(name: string): (step: () => void) => void {
    const resumed = this.#resumed;
    if (resumed === undefined) return (step) => this.#scheduler.run(step);
    const index = this.#names.indexOf(name);
    return (step) =>
      this.#scheduler.run(() => {
        resumed(index);
        step();
      });
  }

  #taskKernel(name: string): TaskKernel {
    return {
      clock: this.clock,
      run: this.#runner(name),
      setDeadline: (atNs, fire) => this.#timers.set(atNs, fire),
      cancelDeadline: (deadline) => this.#timers.cancel(deadline),
      makeEndpoint: (owner, depth) => this.#makeEndpoint(owner, depth),
      held: (capability) => counted(capability, (endpoint) => endpoint.sendHeld()),
      dropped: (capability) => this.#dropped(capability),
      irq: (source) => this.#interrupts.line(source),
      irqFreed: (source) => this.#interrupts.free(source),
    };
  }

  #makeEndpoint(owner: Task, depth: number): Endpoint | undefined {
    if (owner.endpoints.size >= ENDPOINTS_PER_OWNER_MAX) return undefined;
    if (this.#endpoints >= ENDPOINTS_MAX) return undefined;
    const endpoint = new Endpoint(depth, [owner.budget, this.#nodeBudget], () => {
      owner.endpoints.delete(endpoint);
      this.#endpoints -= 1;
    });
    owner.endpoints.add(endpoint);
    this.#endpoints += 1;
    return endpoint;
  }

  /** The last receive right closes the endpoint: nobody could ever take a message from it. */
  #dropped(capability: Capability): void {
    if (capability.object.kind === "endpoint" && (capability.rights & RIGHT_RECV) !== 0) {
      capability.object.endpoint.close();
    }
    counted(capability, (endpoint) => endpoint.sendDropped());
  }
}

function counted({ object, rights }: Capability, count: (sink: Sink) => void): void {
  if ((rights & RIGHT_SEND) === 0) return;
  if (object.kind === "endpoint" || object.kind === "outlet") count(object.endpoint);
}
