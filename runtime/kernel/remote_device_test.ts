import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { memoryDevice } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { fakeWires } from "@tests/fakes/wires.ts";
import { InvariantError } from "../core/assert.ts";
import type { Irq, MmioWindow } from "../core/ports.ts";
import { bridgeDevice, RemoteInterrupts, remoteWindow } from "./remote_device.ts";

const LENGTH = 4096;
const DOORBELL = 0x50;
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
    irq: line.irq,
    wake: (_, index) => void woken.push(index),
    violated: () => void (violations += 1),
  });
  const wait = (cells: Int32Array, index: number, value: number) => {
    wires.deliver();
    return Atomics.load(cells, index) !== value;
  };
  const remote = remoteWindow(wire, { length: LENGTH, doorbell: DOORBELL }, wait);
  return { wires, wire, remote, line, woken, stop, violations: () => violations, wait };
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
  const remote = remoteWindow(wire, { length: LENGTH, doorbell: undefined }, () => false);
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

test("an interrupt reaches the isolate's controller, and its completion the machine's", async () => {
  const { wire, wires, line } = device();
  const interrupts = new RemoteInterrupts();
  const claimed: number[] = [];
  interrupts.onPending(() => {
    for (let source = interrupts.claim(); source !== 0; source = interrupts.claim()) {
      claimed.push(source);
    }
  });
  interrupts.add(SOURCE, wire);
  line.raise();
  await Promise.resolve();
  wires.deliver();
  deepEqual(claimed, [SOURCE]);
  interrupts.complete(SOURCE);
  interrupts.complete(SOURCE + 1);
  wires.deliver();
  equal(line.completed(), 1);
  equal(interrupts.claim(), 0);
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
