import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { test } from "@tests/fakes/test.ts";
import { Finisher, type MachineEnd } from "./finisher.ts";
import { Rtc } from "./rtc.ts";
import { INPUT_LENGTH_MAX, OUTPUT_LENGTH_MAX, Uart } from "./uart.ts";

function uart() {
  const printed: string[] = [];
  const postponed: (() => void)[] = [];
  let line = false;
  const device = new Uart({
    console: { write: (bytes) => void printed.push(new TextDecoder().decode(bytes)) },
    irq: (high) => {
      line = high;
    },
    later: (work) => void postponed.push(work),
  });
  const print = (text: string) => {
    for (const byte of new TextEncoder().encode(text)) device.write(0, 1, byte);
  };
  return { device, printed, postponed, print, line: () => line };
}

test("Uart prints a line when it ends, and what has no end in a later turn", () => {
  const { print, printed, postponed } = uart();
  print("one\ntw");
  deepEqual(printed, ["one\n"]);
  print("o");
  equal(postponed.length, 1);
  postponed.shift()?.();
  deepEqual(printed, ["one\n", "two"]);
});

test("Uart writes nothing in a later turn when the line has ended meanwhile", () => {
  const { print, printed, postponed } = uart();
  print("one");
  print("\n");
  for (const work of postponed.splice(0)) work();
  deepEqual(printed, ["one\n"]);
});

test("Uart prints a line that is longer than its buffer in pieces", () => {
  const { print, printed } = uart();
  print("x".repeat(OUTPUT_LENGTH_MAX + 1) + "\n");
  deepEqual(printed.map((text) => text.length), [OUTPUT_LENGTH_MAX, 2]);
});

test("Uart always takes a byte, and says when it has one", () => {
  const { device } = uart();
  equal(device.read(5, 1), 0x60);
  device.receive(Uint8Array.of(0x41, 0x42));
  equal(device.read(5, 1), 0x61);
  deepEqual([device.read(0, 1), device.read(0, 1), device.read(0, 1)], [0x41, 0x42, 0]);
  equal(device.read(5, 1), 0x60);
});

test("Uart keeps a bounded number of typed bytes and counts the lost ones", () => {
  const { device } = uart();
  device.receive(new Uint8Array(INPUT_LENGTH_MAX + 3));
  equal(device.overruns, 3);
});

test("Uart behind the divisor latch prints nothing and remembers the divisor", () => {
  const { device, printed } = uart();
  device.write(3, 1, 0x80);
  device.write(0, 1, 0x0a);
  device.write(1, 1, 0x02);
  deepEqual([device.read(0, 1), device.read(1, 1)], [0x0a, 0x02]);
  device.write(3, 1, 0x03);
  equal(device.read(1, 1), 0);
  deepEqual(printed, []);
});

test("Uart interrupts for typed bytes until they are read, when enabled", () => {
  const { device, line } = uart();
  device.receive(Uint8Array.of(1));
  equal(line(), false);
  device.write(1, 1, 1);
  equal(line(), true);
  equal(device.read(2, 1) & 0x0f, 4);
  device.read(0, 1);
  equal(line(), false);
  equal(device.read(2, 1) & 0x0f, 1);
});

test("Uart interrupts when the transmitter is idle, until the cause is read", () => {
  const { device, line } = uart();
  device.write(1, 1, 2);
  equal(line(), true);
  equal(device.read(2, 1) & 0x0f, 2);
  equal(line(), false);
  device.write(0, 1, 0x0a);
  equal(line(), true);
});

test("Uart keeps scratch, line and modem control, and refuses wide accesses", () => {
  const { device, printed } = uart();
  for (const [offset, value] of [[7, 0x5a], [3, 0x1b], [4, 0x0b]] as const) {
    device.write(offset, 1, value);
    equal(device.read(offset, 1), value);
  }
  device.write(0, 4, 0x0a);
  equal(device.read(7, 4), 0);
  deepEqual(printed, []);
});

function rtc(unixMs: number) {
  const clock = manualClock(unixMs);
  let line = false;
  const device = new Rtc(clock, (high) => {
    line = high;
  });
  const now = () => {
    const low = BigInt(device.read(0, 4));
    return (BigInt(device.read(4, 4)) << 32n) | low;
  };
  return { device, clock, now, line: () => line };
}

test("Rtc reads nanoseconds since the epoch, the high half as it was with the low one", () => {
  const { device, clock, now } = rtc(1_795_000_000_123);
  equal(now(), 1_795_000_000_123_000_000n);
  device.read(0, 4);
  const high = device.read(4, 4);
  clock.advanceMs(10_000);
  equal(device.read(4, 4), high);
});

test("Rtc answers 32-bit accesses alone", () => {
  const { device, now } = rtc(5_000);
  equal(device.read(0, 1), 0);
  device.write(4, 2, 1);
  equal(now(), 5_000_000_000n);
});

test("Rtc goes on from the time that it was set to", () => {
  const { device, clock, now } = rtc(5_000);
  device.write(4, 4, 1);
  device.write(0, 4, 42);
  equal(now(), (1n << 32n) + 42n);
  clock.advanceMs(1);
  equal(now(), (1n << 32n) + 1_000_042n);
});

test("Rtc fires an alarm that is due when armed, and one that falls due", () => {
  const { device, clock, line } = rtc(1_000);
  device.write(0x10, 4, 1);
  device.write(0x0c, 4, 0);
  device.write(0x08, 4, 5);
  equal(line(), true);
  device.write(0x1c, 4, 0);
  equal(line(), false);
  device.write(0x08, 4, 1_002_000_000);
  equal(device.read(0x18, 4), 1);
  clock.advanceMs(1);
  device.tick();
  equal(line(), false);
  clock.advanceMs(1);
  device.tick();
  equal(line(), true);
  equal(device.read(0x18, 4), 0);
});

test("Rtc with its interrupt disabled or its alarm cleared stays quiet", () => {
  const { device, clock, line } = rtc(1_000);
  device.write(0x08, 4, 1);
  equal(line(), false);
  device.write(0x1c, 4, 0);
  device.write(0x10, 4, 1);
  device.write(0x08, 4, 1_001_000_000);
  device.write(0x14, 4, 0);
  clock.advanceMs(5);
  device.tick();
  equal(line(), false);
});

test("Finisher ends the machine with the guest's word", () => {
  const ends: MachineEnd[] = [];
  const device = new Finisher((end) => void ends.push(end));
  equal(device.read(), 0);
  device.write(0, 4, 0x5555);
  device.write(0, 2, 0x7777);
  device.write(0, 4, 0x0007_3333);
  device.write(0, 4, 0x1234);
  device.write(4, 4, 0x5555);
  device.write(0, 1, 0x55);
  deepEqual(ends, [{ kind: "pass" }, { kind: "reset" }, { kind: "fail", code: 7 }]);
});
