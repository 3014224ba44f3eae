import type { DmaRegion, Irq, MmioWindow } from "@runtime/core/ports.ts";

/** A virtio-mmio device that answers what a test wants, true or not. */
export interface LyingDevice {
  readonly window: MmioWindow;
  readonly dma: DmaRegion;
  readonly irq: Irq;
  /** What registers read, by offset; a status that is not listed is the last one written. */
  readonly registers: Map<number, number>;
  /** Status bits that a write does not set. */
  refusedStatus: number;
  /** Every register write, `offset=value` in hexadecimal. */
  readonly writes: string[];
  /** Runs at each kick, with the queue's number. */
  onKick: ((queue: number) => void) | undefined;
  /** Raises the interrupt line with these causes. */
  interrupt(bits: number): void;
  /** How often the driver has completed an interrupt. */
  readonly completed: number;
  /** A queue's places as the driver wrote them. */
  queue(index: number): LyingQueue;
}

/** The device's side of a queue, written from the specification's tables. */
export interface LyingQueue {
  readonly size: number;
  /** available.idx. */
  readonly offered: number;
  readonly availableFlags: number;
  readonly usedEvent: number;
  /** Head at a place of the available ring. */
  head(index: number): number;
  descriptor(index: number): { address: number; length: number; flags: number };
  /** Writes a used element and the index behind it. */
  use(id: number, length: number): void;
  setUsedIndex(index: number): void;
  setUsedFlags(flags: number): void;
  setAvailEvent(index: number): void;
}

/** Features: words 0 and 1. */
export interface LyingParts {
  readonly deviceId: number;
  readonly features?: readonly [number, number];
  readonly regionLength?: number;
  /** Configuration bytes by offset. */
  readonly config?: readonly number[];
  readonly queueSizeMax?: number;
}

const BASE = 0x9000_0000;

export function lyingDevice(parts: LyingParts): LyingDevice {
  // Memory that something else has used before: a driver must not count on zeros.
  const dma = {
    base: BASE,
    bytes: new Uint8Array(new SharedArrayBuffer(parts.regionLength ?? 0x100000)).fill(0xee),
  };
  const view = new DataView(dma.bytes.buffer);
  const registers = new Map([[0, 0x74726976], [4, 2], [8, parts.deviceId], [0x70, 0], [0x60, 0]]);
  registers.set(0x34, parts.queueSizeMax ?? 1024);
  const features = parts.features ?? [0, 1];
  const writes: string[] = [];
  const queues: Map<number, number>[] = [new Map(), new Map()];
  const selected = () => queues[registers.get(0x30) ?? 0] ?? new Map<number, number>();
  const line = interruptLine();

  const read = (offset: number): number => {
    if (offset === 0x10) return features[registers.get(0x14) ?? 0] ?? 0;
    if (offset === 0x44 && !registers.has(0x44)) return selected().get(0x44) ?? 0;
    if (offset >= 0x100) return parts.config?.[offset - 0x100] ?? 0;
    return registers.get(offset) ?? 0;
  };
  const write = (offset: number, value: number): void => {
    writes.push(`${offset.toString(16)}=${value.toString(16)}`);
    if (offset === 0x50) device.onKick?.(value);
    else if (offset === 0x64) registers.set(0x60, (registers.get(0x60) ?? 0) & ~value);
    else if (offset === 0x70) registers.set(0x70, value & ~device.refusedStatus);
    else if (offset === 0x14 || offset === 0x30) registers.set(offset, value);
    else selected().set(offset, value);
  };
  const device: LyingDevice = {
    refusedStatus: 0,
    dma,
    registers,
    writes,
    onKick: undefined,
    get completed() {
      return line.completed;
    },
    window: {
      length: 0x1000,
      read8: (offset) => read(offset) & 0xff,
      read16: (offset) => read(offset) | (read(offset + 1) << 8),
      read32: read,
      write8: write,
      write16: write,
      write32: write,
    },
    irq: line,
    interrupt(bits) {
      registers.set(0x60, (registers.get(0x60) ?? 0) | bits);
      line.raise();
    },
    queue: (index) => lyingQueue(view, queues[index] ?? new Map()),
  };
  return device;
}

function interruptLine() {
  let pending = false;
  let wake: (() => void) | undefined;
  const line = {
    completed: 0,
    wait: () =>
      new Promise<void>((resolve) => {
        wake = () => {
          pending = false;
          wake = undefined;
          resolve();
        };
        if (pending) wake();
      }),
    complete: () => void line.completed++,
    raise() {
      pending = true;
      wake?.();
    },
  };
  return line;
}

function lyingQueue(view: DataView, places: ReadonlyMap<number, number>): LyingQueue {
  const offset = (register: number) => (places.get(register) ?? BASE) - BASE;
  const size = places.get(0x38) ?? 1;
  const table = offset(0x80);
  const available = offset(0x90);
  const used = offset(0xa0);
  return {
    size,
    get offered() {
      return view.getUint16(available + 2, true);
    },
    get availableFlags() {
      return view.getUint16(available, true);
    },
    get usedEvent() {
      return view.getUint16(available + 4 + 2 * size, true);
    },
    head: (index) => view.getUint16(available + 4 + 2 * (index % size), true),
    descriptor: (index) => ({
      address: view.getUint32(table + 16 * index, true),
      length: view.getUint32(table + 16 * index + 8, true),
      flags: view.getUint16(table + 16 * index + 12, true),
    }),
    use(id, length) {
      const index = view.getUint16(used + 2, true);
      view.setUint32(used + 4 + 8 * (index % size), id, true);
      view.setUint32(used + 8 + 8 * (index % size), length, true);
      view.setUint16(used + 2, index + 1, true);
    },
    setUsedIndex: (index) => view.setUint16(used + 2, index, true),
    setUsedFlags: (flags) => view.setUint16(used, flags, true),
    setAvailEvent: (index) => view.setUint16(used + 4 + 8 * size, index, true),
  };
}
