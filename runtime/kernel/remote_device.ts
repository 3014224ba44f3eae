import { assert } from "../core/assert.ts";
import { atomicLoad, atomicStore } from "../core/atomic.ts";
import type { InterruptController, Irq, MmioWindow, Wire } from "../core/ports.ts";

/** Cell of a device's wire: 0 while a read is under way. */
const ANSWERED = 0;
/** Cell: what was read, as a signed word. */
const VALUE = 1;

/** Driver to machine: an interrupt was handled. Any other number is a read, an array a write. */
const COMPLETE = -1;
/** Machine to driver: the device interrupts. */
const INTERRUPT = -2;

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
  readonly doorbell: number | undefined;
}

/**
 * The registers of a device that another thread emulates. An access traps, as out of a virtual
 * machine: it rings at the machine and waits until that has carried it out. Only a doorbell is not
 * waited for. An acknowledgement must be: an interrupt that comes before it is carried out would be
 * lost with it.
 */
export function remoteWindow(
  wire: Wire,
  { length, doorbell }: RemoteRegisters,
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
  return {
    length,
    read8: (offset) => read(offset, 1),
    read16: (offset) => read(offset, 2),
    read32: (offset) => read(offset, 4),
    write8: (offset, value) => write(offset, 1, value),
    write16: (offset, value) => write(offset, 2, value),
    write32: (offset, value) => write(offset, 4, value),
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
  add(source: number, wire: Wire): void {
    this.#wires.set(source, wire);
    wire.listen((message) => {
      if (message !== INTERRUPT) return;
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
    this.#wires.get(source)?.post(COMPLETE);
  }

  onPending(trap: () => void): void {
    this.#trap = trap;
  }
}

/** The machine's side of a device whose driver lives in another isolate. */
export interface DeviceBridge {
  readonly wire: Wire;
  readonly window: MmioWindow;
  readonly irq: Irq;
  readonly wake: WakeCell;
  /** The driver broke the rules: it is answered no more. */
  readonly violated: () => void;
}

/** Answers a driver's accesses and passes interrupts on. An access outside the window reaches nothing. */
export function bridgeDevice({ wire, window, irq, wake, violated }: DeviceBridge): () => void {
  let open = true;
  const stop = () => {
    open = false;
    wire.close();
  };
  wire.listen((message) => {
    if (!open) return;
    if (message === COMPLETE) return irq.complete();
    const access = accessOf(message, window.length);
    if (access === undefined) {
      stop();
      return violated();
    }
    if (access.value === undefined) atomicStore(wire.cells, VALUE, load(window, access) | 0);
    else store(window, access, access.value);
    if (access.posted) return;
    atomicStore(wire.cells, ANSWERED, 1);
    wake(wire.cells, ANSWERED);
  });
  const raise = async () => {
    while (open) {
      await irq.wait();
      if (open) wire.post(INTERRUPT);
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
