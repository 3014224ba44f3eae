import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { type ManualKernel, manualKernel } from "@tests/fakes/kernel.ts";
import { choices } from "@tests/fakes/random.ts";
import { test } from "@tests/fakes/test.ts";
import { CAPABILITY_SLOTS, RIGHT_RECV, RIGHT_SEND } from "../core/syscalls.ts";
import type { Task } from "./task.ts";

/** What a slot of the model holds: a memory object by number, or a right to an endpoint. */
type Held =
  | { readonly kind: "vmo"; readonly id: number }
  | { readonly kind: "recv"; readonly end: ModelEndpoint }
  | { readonly kind: "send"; readonly end: ModelEndpoint; readonly bound: boolean };

interface ModelEndpoint {
  readonly depth: number;
  readonly queue: {
    readonly byte: number;
    readonly from: string;
    readonly moved: Held | undefined;
  }[];
  closed: boolean;
}

/** The kernel as it is told, in as few lines as possible: lists, and nothing that waits. */
class ModelTask {
  readonly slots: (Held | undefined)[] = new Array(CAPABILITY_SLOTS).fill(undefined);
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  put(held: Held): number {
    const slot = this.slots.indexOf(undefined);
    if (slot >= 0) this.slots[slot] = held;
    return slot;
  }

  close(slot: number): string {
    const held = this.slots[slot];
    if (held === undefined) return "invalid_slot";
    this.slots[slot] = undefined;
    if (held.kind === "recv") end(held.end);
    return "ok";
  }

  send(slot: number, byte: number, move: number | undefined): string {
    const right = this.slots[slot];
    if (right === undefined) return "invalid_slot";
    if (right.kind !== "send") return "permission_denied";
    const moved = move === undefined ? undefined : this.slots[move];
    if (move !== undefined && moved === undefined) return "invalid_slot";
    if (moved?.kind === "recv" || (moved?.kind === "send" && moved.bound)) {
      return "permission_denied";
    }
    if (right.end.closed) return "no_such_endpoint";
    if (right.end.queue.length === right.end.depth) return "timed_out";
    if (move !== undefined) this.slots[move] = undefined;
    right.end.queue.push({ byte, from: this.name, moved });
    return "ok";
  }

  receive(slot: number): string {
    const right = this.slots[slot];
    if (right === undefined) return "invalid_slot";
    if (right.kind !== "recv") return "permission_denied";
    const message = right.end.queue[0];
    if (message === undefined) return "timed_out or peer_closed";
    const moved = message.moved && this.put(given(message.moved));
    if (moved === -1) return "no_space";
    right.end.queue.shift();
    return `ok ${message.byte} from ${message.from} with ${moved ?? "nothing"}`;
  }
}

/** What came with a message goes no further, unless it is memory. */
function given(held: Held): Held {
  return held.kind === "send" ? { ...held, bound: true } : held;
}

/** A closed endpoint takes its messages with it. */
function end(endpoint: ModelEndpoint): void {
  endpoint.closed = true;
  endpoint.queue.length = 0;
}

function shapeOf(held: Held | undefined): string {
  return held?.kind ?? "empty";
}

function realShape(task: Task, slot: number): string {
  const capability = task.table.get(slot);
  if (capability === undefined) return "empty";
  if (capability.object.kind === "vmo") return "vmo";
  return (capability.rights & RIGHT_RECV) !== 0 ? "recv" : "send";
}

/** A task of the kernel and its twin. */
interface Twin {
  readonly real: Task;
  readonly model: ModelTask;
}

class Program {
  readonly #pick: (below: number) => number;
  readonly #manual: ManualKernel;
  readonly #twins: readonly Twin[];
  #vmos = 0;

  constructor(seed: number) {
    this.#pick = choices(seed);
    this.#manual = manualKernel();
    this.#twins = ["a", "b", "c"].map((name) => ({
      real: this.#manual.kernel.spawn(name),
      model: new ModelTask(name),
    }));
  }

  async run(steps: number, tell: string): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const [real, model] = await this.#step();
      equal(real, model, `${tell} step ${step}`);
      this.#compare(`${tell} step ${step}`);
    }
    this.#finish();
  }

  async #step(): Promise<[string, string]> {
    const twin = this.#twin();
    const action = this.#pick(10);
    if (action === 0) return this.#create(twin);
    if (action === 1) return this.#remember(twin);
    if (action === 2) return this.#mint(twin);
    if (action === 3) {
      const slot = this.#slot(twin);
      return [twin.real.capClose(slot), twin.model.close(slot)];
    }
    return action < 7 ? await this.#send(twin) : await this.#receive(twin);
  }

  #twin(): Twin {
    const twin = this.#twins[this.#pick(this.#twins.length)];
    if (twin === undefined) throw new Error("no task");
    return twin;
  }

  /** Mostly a slot in use; every table here is small. */
  #slot({ model }: Twin): number {
    const used = model.slots.flatMap((held, slot) => held === undefined ? [] : [slot]);
    return this.#pick(5) === 0 ? this.#pick(20) : used[this.#pick(used.length)] ?? 0;
  }

  #create({ real, model }: Twin): [string, string] {
    const depth = 1 + this.#pick(3);
    const made = real.endpointCreate(depth);
    if (made.status !== "ok") return [made.status, made.status];
    const endpoint: ModelEndpoint = { depth, queue: [], closed: false };
    const slots = [
      model.put({ kind: "recv", end: endpoint }),
      model.put({ kind: "send", end: endpoint, bound: false }),
    ];
    return [`${made.receive} ${made.send}`, slots.join(" ")];
  }

  #remember({ real, model }: Twin): [string, string] {
    const made = real.vmoCreate(1 + this.#pick(64));
    const slot = made.status === "ok" ? made.slot : -1;
    return [`${slot}`, `${model.put({ kind: "vmo", id: ++this.#vmos })}`];
  }

  /** As the boot does: a send right for another task. */
  #mint(owner: Twin): [string, string] {
    const holder = this.#twin();
    const slot = this.#slot(owner);
    const held = owner.model.slots[slot];
    const minted = this.#manual.kernel.mintSend(owner.real, slot, holder.real, 0);
    if (held?.kind !== "recv") return [`${minted}`, "undefined"];
    return [`${minted}`, `${holder.model.put({ kind: "send", end: held.end, bound: true })}`];
  }

  async #send(twin: Twin): Promise<[string, string]> {
    const slot = this.#slot(twin);
    const move = this.#pick(2) === 0 ? undefined : this.#slot(twin);
    const byte = this.#pick(256);
    const { clock, outcome } = this.#manual;
    const options = { move, deadlineNs: clock.nowNs() + 1 };
    const sent = outcome(twin.real.send(slot, Uint8Array.of(byte), options));
    clock.advanceNs(1);
    return [await sent() ?? "pending", twin.model.send(slot, byte, move)];
  }

  async #receive(twin: Twin): Promise<[string, string]> {
    const slot = this.#slot(twin);
    const { clock, outcome } = this.#manual;
    const received = outcome(twin.real.receive(slot, clock.nowNs() + 1));
    clock.advanceNs(1);
    const got = await received();
    if (got?.status === "timed_out" || got?.status === "peer_closed") {
      return ["timed_out or peer_closed", twin.model.receive(slot)];
    }
    const real = got?.status === "ok"
      ? `ok ${got.frame[0]} from ${got.sender.name} with ${got.moved ?? "nothing"}`
      : `${got?.status}`;
    return [real, twin.model.receive(slot)];
  }

  /** No capability is lost or doubled: the tables hold the same, slot by slot. */
  #compare(tell: string): void {
    for (const { real, model } of this.#twins) {
      const used = model.slots.filter((held) => held !== undefined).length;
      equal(real.table.used, used, tell);
      for (let slot = 0; slot < 40; slot++) {
        equal(realShape(real, slot), shapeOf(model.slots[slot]), `${tell} slot ${slot}`);
      }
    }
  }

  /** Everything is given back: budgets return to zero, and no endpoint is left. */
  #finish(): void {
    for (const { real } of this.#twins) real.exit();
    deepEqual(this.#twins.map(({ real }) => [real.budget.used, real.endpoints.size]), [
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  }
}

test("Kernel does what an obvious model does, for any program of system calls", async () => {
  for (let seed = 1; seed <= 40; seed++) await new Program(seed).run(120, `seed ${seed}`);
});

test("capability rights of a fresh endpoint are one receive right and one send right", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("a");
  const made = task.endpointCreate(1);
  if (made.status !== "ok") throw new Error(made.status);
  deepEqual(
    [task.table.get(made.receive)?.rights, task.table.get(made.send)?.rights],
    [RIGHT_RECV, RIGHT_SEND],
  );
});
