import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { memoryDevice } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { fakeWires } from "@tests/fakes/wires.ts";
import { InvariantError } from "../core/assert.ts";
import type { Irq, MmioWindow } from "../core/ports.ts";
import { bridgeDevice, InterruptLatch, RemoteInterrupts, remoteWindow } from "./remote_device.ts";

const LENGTH = 4096;
const DOORBELL = 0x50;
const INTERRUPT = { status: 0x60, acknowledge: 0x64 };
const SOURCE = 3;

/** An interrupt line in the hands of a test. */
function lineOf(): { readonly irq: Irq; raise(): void; readonly completed: () => number } {
  let waiter: (() => void) | undefined;
  let completed = 0;
  return {
    irq: {
      wait: () => new Promise((resolve) => waiter = resolve),
      complete: () => void (completed += 1),
    },
    raise: () => waiter?.(),
    completed: () => completed,
  };
}

/** A driver's window, the machine behind it, and the wire: who waits for the machine has it run. */
function device({ window = memoryDevice(LENGTH).window }: { window?: MmioWindow } = {}) {
  const wires = fakeWires();
  const [near, far] = wires.pair();
  const line = lineOf();
  let violations = 0;
  const woken: number[] = [];
  const wire = wires.open(near);
  const stop = bridgeDevice({
    wire: wires.open(far),
    window,
    interrupt: INTERRUPT,
    irq: line.irq,
    wake: (_, index) => void woken.push(index),
    violated: () => void (violations += 1),
  });
  const wait = (cells: Int32Array, index: number, value: number) => {
    wires.deliver();
    return Atomics.load(cells, index) !== value;
  };
  const latch = new InterruptLatch();
  const registers = { length: LENGTH, doorbell: DOORBELL, interrupt: INTERRUPT, latch };
  const remote = remoteWindow(wire, registers, wait);
  return { wires, wire, remote, latch, line, woken, stop, violations: () => violations, wait };
}

test("remoteWindow reads and writes the device's registers, each width at its offset", () => {
  const { remote, woken } = device();
  remote.write32(0x10, 0xfedcba98);
  equal(remote.read32(0x10), 0xfedcba98);
  equal(remote.read16(0x12), 0xfedc);
  equal(remote.read8(0x13), 0xfe);
  remote.write8(LENGTH - 1, 0x1ff);
  equal(remote.read8(LENGTH - 1), 0xff);
  remote.write16(0x20, 0xabcd);
  equal(remote.read32(0x20), 0xabcd);
  deepEqual(new Set(woken), new Set([0]));
});

test("remoteWindow waits for every access but a doorbell", () => {
  const { remote, wires } = device();
  remote.write32(0, 7);
  equal(wires.waiting.length, 0);
  remote.write32(DOORBELL, 1);
  equal(wires.waiting.length, 1);
  equal(remote.read32(DOORBELL), 1);
  equal(wires.waiting.length, 0);
});

test("remoteWindow refuses an access that leaves the window, before the machine hears of it", () => {
  const { remote, wires } = device();
  for (const offset of [-1, LENGTH, LENGTH - 3, 0.5, NaN]) {
    throws(() => remote.read32(offset), InvariantError);
    throws(() => remote.write32(offset, 1), InvariantError);
  }
  equal(wires.waiting.length, 0);
});

test("remoteWindow faults its driver when the machine does not answer in its time", () => {
  const { wire } = device();
  const remote = remoteWindow(wire, { length: LENGTH, latch: new InterruptLatch() }, () => false);
  throws(() => remote.read32(0), InvariantError);
});

test("bridgeDevice answers no more once a driver's isolate says what no driver can", () => {
  const code = (offset: number, width: number) => offset * 16 + width;
  const lies: readonly unknown[] = [
    ...["read", undefined, null, {}, [], -3, 0.5, NaN, 2 ** 60],
    ...[code(LENGTH, 4), code(LENGTH - 1, 4), code(0, 3), code(0, 0)],
    ...[[code(0, 4)], [code(0, 4), "1"], [code(LENGTH, 4), 1], ["x", 1]],
  ];
  for (const lie of lies) {
    const { wire, wires, violations, woken } = device();
    wire.post(lie);
    wire.post(code(0, 4));
    wires.deliver();
    deepEqual([violations(), woken], [1, []], String(lie));
  }
});

/** A device whose reasons stand until they are acknowledged, and what its driver's isolate claims. */
function interrupting() {
  const memory = memoryDevice(LENGTH).window;
  let reasons = 0;
  const window: MmioWindow = {
    ...memory,
    read32: (offset) => offset === INTERRUPT.status ? reasons : memory.read32(offset),
    write32(offset, value) {
      if (offset === INTERRUPT.acknowledge) reasons &= ~value;
      else memory.write32(offset, value);
    },
  };
  const parts = device({ window });
  const interrupts = new RemoteInterrupts();
  const claimed: number[] = [];
  interrupts.onPending(() => {
    for (let source = interrupts.claim(); source !== 0; source = interrupts.claim()) {
      claimed.push(source);
    }
  });
  interrupts.add(SOURCE, parts.wire, parts.latch);
  const quiet = async () => {
    for (let hop = 0; hop < 10; hop++) await Promise.resolve();
  };
  /** The device has a reason more, and pulls its line. */
  const raise = async (reason: number) => {
    reasons |= reason;
    parts.line.raise();
    await quiet();
  };
  return { ...parts, interrupts, claimed, raise, quiet, standing: () => reasons };
}

test("an interrupt brings its reasons along, acknowledged, and its driver traps for neither", async () => {
  const { wires, remote, line, claimed, raise, standing, woken } = interrupting();
  await raise(3);
  deepEqual([standing(), line.completed()], [0, 1]);
  wires.deliver();
  deepEqual(claimed, [SOURCE]);
  equal(remote.read32(INTERRUPT.status), 3);
  remote.write32(INTERRUPT.acknowledge, 1);
  equal(remote.read32(INTERRUPT.status), 2);
  remote.write32(INTERRUPT.acknowledge, 2);
  deepEqual(woken, []);
});

test("reasons that no interrupt brought are read from the device, and acknowledged there", async () => {
  const { wires, remote, raise, standing, woken } = interrupting();
  await raise(1);
  wires.deliver();
  await raise(6); // the driver is not told of it: it has not handled the first
  remote.write32(INTERRUPT.acknowledge, 3);
  deepEqual([standing(), woken.length], [4, 1]);
  equal(remote.read32(INTERRUPT.status), 4);
  equal(woken.length, 2);
});

test("interrupts wait until the driver has handled the one before, and none is lost", async () => {
  const { wires, remote, interrupts, claimed, raise, quiet } = interrupting();
  await raise(1);
  wires.deliver();
  await raise(2);
  equal(wires.deliver(), 0);
  remote.write32(INTERRUPT.acknowledge, 1);
  interrupts.complete(SOURCE + 1);
  equal(wires.deliver(), 0);
  interrupts.complete(SOURCE);
  equal(wires.deliver(), 1);
  await quiet();
  equal(wires.deliver(), 1);
  deepEqual([claimed, remote.read32(INTERRUPT.status)], [[SOURCE, SOURCE], 2]);
  remote.write32(INTERRUPT.acknowledge, 2);
  interrupts.complete(SOURCE);
  equal(wires.deliver(), 0, "the machine waits for nothing and need not be told");
  await raise(1);
  equal(wires.deliver(), 1);
});

test("bridgeDevice that was stopped passes nothing on, in either direction", async () => {
  const { wire, wires, line, stop, violations } = device();
  stop();
  line.raise();
  await Promise.resolve();
  wire.post("nonsense");
  equal(wires.deliver(), 1);
  deepEqual([violations(), line.completed()], [0, 0]);
});
