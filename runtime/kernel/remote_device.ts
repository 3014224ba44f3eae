import { assert } from "../core/assert.ts";
import { atomicExchange, atomicLoad, atomicStore } from "../core/atomic.ts";
import type {
  InterruptController,
  InterruptRegisters,
  Irq,
  MmioWindow,
  Wire,
} from "../core/ports.ts";

/** Cell of a device's wire: 0 while a read is under way. */
const ANSWERED = 0;
/** Cell: what was read, as a signed word. */
const VALUE = 1;
/** Cell: 1 once the driver has handled the last interrupt. */
const HANDLED = 2;
/** Cell: 1 while the machine wants to be told of that. */
const TELL = 3;

/**
 * Driver to machine, who asked to be told: the last interrupt was handled. Any other number is a read,
 * an array a write. In the other direction a number is an interrupt: the reasons for it.
 */
const COMPLETE = -1;

/** How long a driver waits for the machine, in milliseconds: far more than any turn of its loop. */
export const MMIO_TIMEOUT_MS = 10_000;

/** Offsets of a device's registers, at most. */
const WINDOW_LENGTH_MAX = 1 << 20;
/** An access is one number: the offset, and below it the width and whether nobody waits. */
const CODES = 16;
const POSTED = 8;
const WIDTHS = [1, 2, 4] as const;
type Width = typeof WIDTHS[number];

/** Blocks until the cell differs from `value`. @returns false when time was up. */
export type WaitForCell = (
  cells: Int32Array,
  index: number,
  value: number,
  timeoutMs: number,
) => boolean;
/** Wakes who waits for a cell. */
export type WakeCell = (cells: Int32Array, index: number) => void;

/** A device's registers as its driver's isolate is given them. */
export interface RemoteRegisters {
  /** Bytes. */
  readonly length: number;
  /** Where a write is a doorbell: it changes nothing that the driver could read back. */
  readonly doorbell?: number | undefined;
  readonly interrupt?: InterruptRegisters | undefined;
  /** What the device's interrupts brought along. */
  readonly latch: InterruptLatch;
}

/**
 * Why a driver was interrupted. The machine's side reads the reasons and acknowledges them when it
 * passes the interrupt on, so that the driver finds them here, and need not trap for either.
 */
export class InterruptLatch {
  #reasons = 0;

  get reasons(): number {
    return this.#reasons >>> 0;
  }

  raise(reasons: number): void {
    this.#reasons |= reasons;
  }

  /** Takes reasons back. @returns those that were not here. */
  acknowledge(reasons: number): number {
    const others = (reasons & ~this.#reasons) >>> 0;
    this.#reasons &= ~reasons;
    return others;
  }
}

/**
 * The registers of a device that another thread emulates. An access traps, as out of a virtual
 * machine: it rings at the machine and waits until that has carried it out. Only a doorbell is not
 * waited for, and what an interrupt brought along is here. Any other acknowledgement must be waited
 * for: an interrupt that comes before it is carried out would be lost with it.
 */
export function remoteWindow(
  wire: Wire,
  { length, doorbell, interrupt, latch }: RemoteRegisters,
  wait: WaitForCell,
): MmioWindow {
  const { cells } = wire;
  const trap = (access: unknown): void => {
    atomicStore(cells, ANSWERED, 0);
    wire.post(access);
    assert(wait(cells, ANSWERED, 0, MMIO_TIMEOUT_MS), "the machine carries out an access");
  };
  const read = (offset: number, width: Width): number => {
    refuseOutside(offset, width, length);
    trap(code(offset, width));
    return atomicLoad(cells, VALUE) >>> 0;
  };
  const write = (offset: number, width: Width, value: number): void => {
    refuseOutside(offset, width, length);
    if (offset === doorbell) wire.post([code(offset, width) + POSTED, value]);
    else trap([code(offset, width), value]);
  };
  const read32 = (offset: number): number =>
    offset === interrupt?.status && latch.reasons !== 0 ? latch.reasons : read(offset, 4);
  const write32 = (offset: number, value: number): void => {
    const rest = offset === interrupt?.acknowledge ? latch.acknowledge(value) : value;
    if (rest !== 0 || rest === value) write(offset, 4, rest);
  };
  return {
    length,
    read8: (offset) => read(offset, 1),
    read16: (offset) => read(offset, 2),
    read32,
    write8: (offset, value) => write(offset, 1, value),
    write16: (offset, value) => write(offset, 2, value),
    write32,
  };
}

function refuseOutside(offset: number, width: Width, length: number): void {
  const inside = Number.isInteger(offset) && offset >= 0 && offset + width <= length;
  assert(inside, "an access stays inside its register window");
}

function code(offset: number, width: Width): number {
  return offset * CODES + width;
}

/** The interrupt controller of an isolate: what its devices raise over their wires. */
export class RemoteInterrupts implements InterruptController {
  readonly #wires = new Map<number, Wire>();
  readonly #pending: number[] = [];
  #trap: () => void = () => {};

  /** A device of this isolate, by its interrupt source. */
  add(source: number, wire: Wire, latch: InterruptLatch): void {
    this.#wires.set(source, wire);
    wire.listen((message) => {
      if (typeof message !== "number") return;
      latch.raise(message);
      this.#pending.push(source);
      this.#trap();
    });
  }

  /** The machine's side enables a line when it hands the device over. */
  enable(): void {}

  claim(): number {
    return this.#pending.shift() ?? 0;
  }

  complete(source: number): void {
    const wire = this.#wires.get(source);
    if (wire === undefined) return;
    atomicStore(wire.cells, HANDLED, 1);
    if (atomicExchange(wire.cells, TELL, 0) === 1) wire.post(COMPLETE);
  }

  onPending(trap: () => void): void {
    this.#trap = trap;
  }
}

/** The machine's side of a device whose driver lives in another isolate. */
export interface DeviceBridge {
  readonly wire: Wire;
  readonly window: MmioWindow;
  readonly interrupt?: InterruptRegisters | undefined;
  readonly irq: Irq;
  readonly wake: WakeCell;
  /** The driver broke the rules: it is answered no more. */
  readonly violated: () => void;
}

/** Answers a driver's accesses and passes interrupts on. An access outside the window reaches nothing. */
export function bridgeDevice(
  { wire, window, interrupt, irq, wake, violated }: DeviceBridge,
): () => void {
  const { cells } = wire;
  let open = true;
  let told = () => {};
  const stop = () => {
    open = false;
    wire.close();
  };
  wire.listen((message) => {
    if (!open) return;
    if (message === COMPLETE) return told();
    const access = accessOf(message, window.length);
    if (access === undefined) {
      stop();
      return violated();
    }
    if (access.value === undefined) atomicStore(cells, VALUE, load(window, access) | 0);
    else store(window, access, access.value);
    if (access.posted) return;
    atomicStore(cells, ANSWERED, 1);
    wake(cells, ANSWERED);
  });
  const handled = (): Promise<void> | undefined => {
    if (atomicLoad(cells, HANDLED) === 1) return;
    const asked = new Promise<void>((resolve) => told = resolve);
    atomicStore(cells, TELL, 1);
    // The driver may have handled it before it could see that it is to tell.
    if (atomicLoad(cells, HANDLED) === 1) told();
    return asked;
  };
  const raise = async () => {
    atomicStore(cells, HANDLED, 1);
    while (open) {
      await irq.wait();
      await handled();
      if (!open) return;
      const reasons = interrupt === undefined ? 0 : window.read32(interrupt.status);
      if (interrupt !== undefined) window.write32(interrupt.acknowledge, reasons);
      atomicStore(cells, HANDLED, 0);
      wire.post(reasons);
      irq.complete();
    }
  };
  raise();
  return stop;
}

interface Access {
  readonly offset: number;
  readonly width: Width;
  readonly posted: boolean;
  readonly value: number | undefined;
}

function accessOf(message: unknown, length: number): Access | undefined {
  const [coded, value]: readonly unknown[] = Array.isArray(message) ? message : [message];
  if (typeof coded !== "number" || !Number.isInteger(coded) || coded < 0) return undefined;
  if (Array.isArray(message) && typeof value !== "number") return undefined;
  const width = WIDTHS.find((known) => known === coded % POSTED);
  const offset = Math.floor(coded / CODES);
  const posted = coded % CODES >= POSTED;
  if (width === undefined || offset >= WINDOW_LENGTH_MAX || offset + width > length) {
    return undefined;
  }
  return { offset, width, posted, value: typeof value === "number" ? value >>> 0 : undefined };
}

function load(window: MmioWindow, { offset, width }: Access): number {
  switch (width) {
    case 1:
      return window.read8(offset);
    case 2:
      return window.read16(offset);
    case 4:
      return window.read32(offset);
  }
}

function store(window: MmioWindow, { offset, width }: Access, value: number): void {
  switch (width) {
    case 1:
      return window.write8(offset, value);
    case 2:
      return window.write16(offset, value);
    case 4:
      return window.write32(offset, value);
  }
}
