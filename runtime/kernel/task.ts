import { isPlainBytes } from "../core/plain_bytes.ts";
import type { Clock, DmaRegion, Irq } from "../core/ports.ts";
import {
  type Allotted,
  type CallStatus,
  type EndpointPair,
  FRAME_LENGTH_MAX,
  type Mapped,
  type Principal,
  type Queried,
  type Received,
  RIGHT_MAP,
  RIGHT_RECV,
  RIGHT_SEND,
  type SendOptions,
  type Slot,
  type Syscalls,
  type Timer,
} from "../core/syscalls.ts";
import { type Capability, holds, movable } from "./capability.ts";
import { CapTable } from "./cap_table.ts";
import {
  type ByteBudget,
  type Endpoint,
  ENDPOINT_DEPTH_MAX,
  type Envelope,
  type SendWaiter,
  type Sink,
} from "./endpoint.ts";
import { type Lease, windowWithin } from "./mmio.ts";
import { Receiving, type ReceivingTask } from "./receiving.ts";
import { createTimer } from "./task_timer.ts";
import { Vmo, VMO_BYTES_PER_TASK_MAX, vmoLengthValid } from "./vmo.ts";
import type { Deadline } from "./timer.ts";

/** What a task needs of its kernel. */
export interface TaskKernel {
  readonly clock: Clock;
  /** Runs a step in the run queue. */
  run(step: () => void): void;
  setDeadline(atNs: number, fire: () => void): Deadline | undefined;
  cancelDeadline(deadline: Deadline): void;
  makeEndpoint(owner: Task, depth: number): Endpoint | undefined;
  /** A capability was copied or dropped: keeps the endpoint's count of send rights. */
  held(capability: Capability): void;
  dropped(capability: Capability): void;
  irq(source: number): Irq;
  /** Whoever held a source's device has ended. */
  irqFreed(source: number): void;
}

/** One task: its principal, its capability table, and the system calls over both. */
export class Task implements Syscalls {
  readonly self: Principal;
  readonly table = new CapTable();
  /** Endpoints that this task owns: they close with it. */
  readonly endpoints = new Set<Endpoint>();
  readonly budget: ByteBudget;
  readonly #kernel: TaskKernel;
  readonly #receivingTask: ReceivingTask;
  readonly #lease: Lease = { ended: false };
  #vmoBytes = 0;

  constructor(self: Principal, kernel: TaskKernel, budget: ByteBudget) {
    this.self = self;
    this.#kernel = kernel;
    this.budget = budget;
    this.#receivingTask = {
      run: (step) => kernel.run(step),
      cancelDeadline: (deadline) => kernel.cancelDeadline(deadline),
      accept: (capability) => this.#accept(capability),
    };
  }

  get clock(): Clock {
    return this.#kernel.clock;
  }

  get exited(): boolean {
    return this.#lease.ended;
  }

  trySend(slot: Slot, frame: Uint8Array): CallStatus {
    const target = this.#target(slot);
    if (typeof target === "string") return target;
    if (!isFrame(frame)) return "invalid_argument";
    return target.endpoint.offer(this.#envelope(frame, target));
  }

  send(slot: Slot, frame: Uint8Array, options: SendOptions = {}): Promise<CallStatus> {
    const target = this.#target(slot);
    if (typeof target === "string") return Promise.resolve(target);
    if (!isFrame(frame)) return Promise.resolve("invalid_argument");
    const { endpoint } = target;
    const envelope = this.#envelopeMoving(frame, target, options.move);
    if (typeof envelope === "string") return Promise.resolve(envelope);
    const sending = { endpoint, envelope, slot: options.move };
    const status = endpoint.offer(envelope);
    if (status === "ok" || status === "no_such_endpoint") {
      this.#settleMoved(sending, status);
      return Promise.resolve(status);
    }
    return this.#sendLater(sending, options.deadlineNs);
  }

  receive(slot: Slot, deadlineNs?: number): Promise<Received> {
    const held = this.#source(slot);
    if (typeof held === "string") return Promise.resolve({ status: held });
    const source = held;
    return new Promise((resolve) => {
      const receiving = new Receiving(this.#receivingTask, resolve);
      source.receive(receiving);
      if (deadlineNs === undefined || receiving.settled) return;
      const withdraw = (status: "timed_out" | "no_space") => {
        if (source.withdrawReceiver(receiving)) receiving.fail(status);
      };
      receiving.deadline = this.#kernel.setDeadline(deadlineNs, () => withdraw("timed_out"));
      if (receiving.deadline === undefined) withdraw("no_space");
    });
  }

  endpointCreate(depth: number): EndpointPair {
    if (!(Number.isInteger(depth) && depth >= 1 && depth <= ENDPOINT_DEPTH_MAX)) {
      return { status: "invalid_argument" };
    }
    const endpoint = this.exited ? undefined : this.#kernel.makeEndpoint(this, depth);
    if (endpoint === undefined) return { status: "no_space" };
    const object = { kind: "endpoint", endpoint, badge: 0 } as const;
    const receive = this.allot({ object, rights: RIGHT_RECV });
    const send = receive === undefined ? undefined : this.allot({ object, rights: RIGHT_SEND });
    if (receive === undefined || send === undefined) {
      if (receive !== undefined) this.capClose(receive);
      endpoint.close();
      return { status: "no_space" };
    }
    return { status: "ok", receive, send };
  }

  capClone(slot: Slot): Allotted {
    const capability = this.table.get(slot);
    if (capability === undefined) return { status: "invalid_slot" };
    if (capability.object.kind === "vmo" || holds(capability, RIGHT_RECV)) {
      return { status: "permission_denied" };
    }
    const copy = this.allot(capability);
    return copy === undefined ? { status: "no_space" } : { status: "ok", slot: copy };
  }

  capClose(slot: Slot): CallStatus {
    const capability = this.table.take(slot);
    if (capability === undefined) return "invalid_slot";
    this.#drop(capability);
    return "ok";
  }

  capQuery(slot: Slot): Queried {
    const capability = this.table.get(slot);
    if (capability === undefined) return { status: "invalid_slot" };
    const { object } = capability;
    if (!holds(capability, RIGHT_MAP)) return { status: "permission_denied" };
    switch (object.kind) {
      case "vmo":
        return { status: "ok", kind: "vmo", base: 0, length: object.vmo.length };
      case "mmio":
        return {
          status: "ok",
          kind: "mmio",
          base: object.device.base,
          length: object.device.length,
        };
      default:
        return { status: "permission_denied" };
    }
  }

  vmoCreate(length: number): Allotted {
    const room = this.#vmoRoom(length);
    return room === "ok" ? this.#allotVmo(Vmo.zeroed(length)) : { status: room };
  }

  vmoFrom(bytes: Uint8Array<ArrayBuffer>): Allotted {
    if (!isPlainBytes(bytes) || !(bytes.buffer instanceof ArrayBuffer)) {
      return { status: "invalid_argument" };
    }
    const room = this.#vmoRoom(bytes.length);
    return room === "ok" ? this.#allotVmo(Vmo.taking(bytes)) : { status: room };
  }

  vmoMap(slot: Slot): Uint8Array<ArrayBuffer> | undefined {
    const capability = this.table.get(slot);
    if (capability?.object.kind !== "vmo" || !holds(capability, RIGHT_MAP)) return undefined;
    return capability.object.vmo.bytes;
  }

  mmioMap(slot: Slot, offset: number, length: number): Mapped {
    const capability = this.table.get(slot);
    if (capability?.object.kind !== "mmio" || !holds(capability, RIGHT_MAP)) {
      return { status: "permission_denied" };
    }
    return windowWithin(capability.object.device.window, { offset, length }, this.#lease);
  }

  dmaMap(slot: Slot): DmaRegion | undefined {
    const capability = this.table.get(slot);
    if (capability?.object.kind !== "mmio" || !holds(capability, RIGHT_MAP)) return undefined;
    return capability.object.device.dma;
  }

  irqBind(slot: Slot): Irq | undefined {
    const capability = this.table.get(slot);
    if (capability?.object.kind !== "mmio" || !holds(capability, RIGHT_MAP)) return undefined;
    return this.#kernel.irq(capability.object.device.irq);
  }

  sleepUntil(deadlineNs: number): Promise<void> {
    const timer = this.timerCreate();
    timer.set(deadlineNs);
    return timer.wait();
  }

  timerCreate(): Timer {
    return createTimer({
      run: (step) => this.#kernel.run(step),
      setDeadline: (atNs, fire) =>
        this.#kernel.setDeadline(atNs, () => {
          if (!this.exited) fire();
        }),
      cancelDeadline: (deadline) => this.#kernel.cancelDeadline(deadline),
    });
  }

  /** Puts a capability into the table on the kernel's behalf; `undefined` when the table is full. */
  allot(capability: Capability): Slot | undefined {
    const slot = this.exited ? undefined : this.table.allocate(capability);
    if (slot === undefined) return undefined;
    if (capability.object.kind === "vmo") this.#vmoBytes += capability.object.vmo.length;
    this.#kernel.held(capability);
    return slot;
  }

  /**
   * Ends the task: its capabilities are dropped and its endpoints close for everybody. What still runs
   * of its code reaches no device, and no timer and no interrupt wakes it: both may be its successor's.
   */
  exit(): void {
    if (this.#lease.ended) return;
    this.#lease.ended = true;
    for (const endpoint of this.endpoints) endpoint.close();
    this.endpoints.clear();
    for (const capability of this.table.drain()) {
      this.#kernel.dropped(capability);
      if (capability.object.kind === "mmio") this.#kernel.irqFreed(capability.object.device.irq);
    }
  }

  /** Where a send right leads. */
  #target(slot: Slot): Target | "invalid_slot" | "permission_denied" {
    const capability = this.table.get(slot);
    if (capability === undefined) return "invalid_slot";
    const { object } = capability;
    const sends = (object.kind === "endpoint" || object.kind === "outlet") &&
      holds(capability, RIGHT_SEND);
    return sends ? object : "permission_denied";
  }

  /** What a receive right receives from. */
  #source(slot: Slot): Endpoint | "invalid_slot" | "permission_denied" {
    const capability = this.table.get(slot);
    if (capability === undefined) return "invalid_slot";
    const { object } = capability;
    if (object.kind !== "endpoint" || !holds(capability, RIGHT_RECV)) return "permission_denied";
    return object.endpoint;
  }

  #envelope(frame: Uint8Array, { endpoint, badge }: Target): Envelope {
    return {
      frame: endpoint.frames.copy(frame),
      sender: this.self,
      badge,
      moved: undefined,
      delivered: nothing,
      discarded: nothing,
    };
  }

  #envelopeMoving(
    frame: Uint8Array,
    target: Target,
    slot: Slot | undefined,
  ): Envelope | "invalid_slot" | "permission_denied" | "no_space" {
    if (slot === undefined) return this.#envelope(frame, target);
    const moved = this.table.get(slot);
    if (moved === undefined) return "invalid_slot";
    if (!movable(moved)) return "permission_denied";
    if (moved.object.kind !== "vmo" && !target.endpoint.takesRights) return "no_space";
    this.table.lend(slot);
    const { object } = moved;
    if (object.kind === "vmo") object.vmo.detachViews();
    return {
      frame: target.endpoint.frames.copy(frame),
      sender: this.self,
      badge: target.badge,
      moved,
      delivered: () => this.#uncharge(moved),
      discarded: () => this.#drop(moved),
    };
  }

  /** Ends a send: the slot that the capability left is free, or has it back. */
  #settleMoved({ envelope: { moved }, slot }: Sending, status: CallStatus): void {
    if (moved === undefined || slot === undefined) return;
    if (status === "ok") this.table.release(slot);
    else if (!this.table.giveBack(slot, moved)) this.#drop(moved);
  }

  #drop(capability: Capability): void {
    this.#uncharge(capability);
    this.#kernel.dropped(capability);
  }

  /** A memory object counts for its holder, and on the way for its sender. */
  #uncharge({ object }: Capability): void {
    if (object.kind === "vmo") this.#vmoBytes -= object.vmo.length;
  }

  #sendLater(sending: Sending, deadlineNs: number | undefined): Promise<CallStatus> {
    const { endpoint, envelope } = sending;
    return new Promise((resolve) => {
      let deadline: Deadline | undefined = undefined;
      const settle = (status: CallStatus) => {
        if (deadline !== undefined) this.#kernel.cancelDeadline(deadline);
        this.#settleMoved(sending, status);
        this.#kernel.run(() => resolve(status));
      };
      const waiter: SendWaiter = { envelope, done: settle };
      endpoint.awaitRoom(waiter);
      if (deadlineNs === undefined) return;
      const withdraw = (status: "timed_out" | "no_space") => {
        if (endpoint.withdrawSender(waiter)) settle(status);
      };
      deadline = this.#kernel.setDeadline(deadlineNs, () => withdraw("timed_out"));
      if (deadline === undefined) withdraw("no_space");
    });
  }

  /** Takes over a capability that came with a message; it was counted when it was made. */
  #accept(capability: Capability): Slot | undefined {
    const bytes = capability.object.kind === "vmo" ? capability.object.vmo.length : 0;
    if (this.exited || !this.#vmoFits(bytes)) return undefined;
    const slot = this.table.allocate(bound(capability));
    if (slot !== undefined) this.#vmoBytes += bytes;
    return slot;
  }

  #vmoRoom(length: number): "ok" | "invalid_argument" | "no_space" {
    if (!vmoLengthValid(length)) return "invalid_argument";
    const room = this.#vmoFits(length) && !this.table.full;
    return room && !this.exited ? "ok" : "no_space";
  }

  /** Memory that went to another isolate counts here until it was taken there: looked at when it matters. */
  #vmoFits(length: number): boolean {
    if (this.#vmoBytes + length <= VMO_BYTES_PER_TASK_MAX) return true;
    for (const { object } of this.table.held()) {
      if (object.kind === "outlet") object.endpoint.settleCharges();
    }
    return this.#vmoBytes + length <= VMO_BYTES_PER_TASK_MAX;
  }

  #allotVmo(vmo: Vmo): Allotted {
    const slot = this.allot({ object: { kind: "vmo", vmo }, rights: RIGHT_MAP | RIGHT_SEND });
    return slot === undefined ? { status: "no_space" } : { status: "ok", slot };
  }
}

/** A send under way, with the slot that its capability left. */
interface Sending {
  readonly endpoint: Sink;
  readonly envelope: Envelope;
  readonly slot: Slot | undefined;
}

/** An endpoint as a right to it names it. */
interface Target {
  readonly endpoint: Sink;
  readonly badge: number;
}

function isFrame(frame: Uint8Array): boolean {
  return isPlainBytes(frame) && frame.length <= FRAME_LENGTH_MAX;
}

/** A send right that came with a message belongs to who got it. Memory may go on. */
function bound(capability: Capability): Capability {
  return capability.object.kind === "vmo" ? capability : { ...capability, bound: true };
}

function nothing(): void {}
