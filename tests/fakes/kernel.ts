import type { MachineDevice, MachinePorts, MmioWindow } from "@runtime/core/ports.ts";
import type { Principal, Slot } from "@runtime/core/syscalls.ts";
import { type Border, Kernel } from "@runtime/kernel/kernel.ts";
import type { PrincipalRegistry } from "@runtime/kernel/principal.ts";
import type { Task } from "@runtime/kernel/task.ts";
import { type ManualClock, manualClock } from "./clock.ts";
import { bareMachine } from "./machine.ts";

/** A kernel whose time and host turns are in a test's hands. */
export interface ManualKernel {
  readonly kernel: Kernel;
  readonly clock: ManualClock;
  /** Runs everything that is ready, host turns among it. */
  quiet(): Promise<void>;
  /** Runs microtasks only: what the kernel does before it yields to the host. */
  micro(): Promise<void>;
  /** What a promise has come to by now; `undefined` while it is pending. */
  outcome<T>(promise: Promise<T>): () => Promise<T | undefined>;
}

/** Microtasks that settle what one host turn makes ready, with a wide margin. */
const MICROTASKS = 200;
/** Host turns that settle what a test starts. */
const TURNS = 4;

export function manualKernel(
  options: { machine?: MachinePorts; principals?: PrincipalRegistry; border?: Border } = {},
): ManualKernel {
  const clock = manualClock();
  const machine = options.machine ?? bareMachine();
  const { border } = options;
  const kernel = new Kernel({ clock, turns: clock, machine, border }, options.principals);
  const micro = async () => {
    for (let count = 0; count < MICROTASKS; count++) await undefined;
  };
  const quiet = async () => {
    for (let turn = 0; turn < TURNS; turn++) {
      await micro();
      clock.runLater();
    }
    await micro();
  };
  return {
    kernel,
    clock,
    quiet,
    micro,
    outcome<T>(promise: Promise<T>) {
      let known: T | undefined;
      promise.then((value) => known = value);
      return async () => {
        await quiet();
        return known;
      };
    },
  };
}

/** An endpoint of `owner` to which `client` may send. */
export function endpointBetween(
  kernel: Kernel,
  { owner, client, depth = 8, badge = 0 }: {
    owner: Task;
    client: Task;
    depth?: number;
    badge?: number;
  },
): { readonly receive: Slot; readonly ownSend: Slot; readonly send: Slot } {
  const pair = owner.endpointCreate(depth);
  if (pair.status !== "ok") throw new Error(`no endpoint: ${pair.status}`);
  const send = kernel.mintSend(owner, pair.receive, client, badge);
  if (send === undefined) throw new Error("no slot for the send right");
  return { receive: pair.receive, ownSend: pair.send, send };
}

/** Slot of a fresh memory object. */
export function vmoOf(task: Task, length: number): Slot {
  const made = task.vmoCreate(length);
  if (made.status !== "ok") throw new Error(`no memory object: ${made.status}`);
  return made.slot;
}

/** A device of plain memory, `length` bytes of registers. */
export function memoryDevice(length: number, irq = 1): MachineDevice & { registers: Uint8Array } {
  const registers = new Uint8Array(length);
  const view = new DataView(registers.buffer);
  const window: MmioWindow = {
    length,
    read8: (offset) => view.getUint8(offset),
    read16: (offset) => view.getUint16(offset, true),
    read32: (offset) => view.getUint32(offset, true),
    write8: (offset, value) => view.setUint8(offset, value),
    write16: (offset, value) => view.setUint16(offset, value, true),
    write32: (offset, value) => view.setUint32(offset, value, true),
  };
  const dma = { base: 0x8000_0000, bytes: new Uint8Array(16) };
  return { name: "memory", base: 0x1000_1000, length, irq, window, dma, registers };
}

/** A principal for tests that need no registry. */
export const NOBODY: Principal = { sid: 1n, name: "nobody" };
