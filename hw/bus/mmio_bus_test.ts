import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { MmioBus, type MmioDevice } from "./mmio_bus.ts";

function recorder(log: string[], name: string): MmioDevice {
  return {
    read(offset, width) {
      log.push(`${name} read${width * 8} ${offset}`);
      return 0x1234;
    },
    write: (offset, width, value) =>
      void log.push(`${name} write${width * 8} ${offset} ${value.toString(16)}`),
  };
}

function twoDevices() {
  const log: string[] = [];
  const bus = new MmioBus([
    { name: "b", base: 0x2000, length: 0x100, device: recorder(log, "b") },
    { name: "a", base: 0x1000, length: 0x100, device: recorder(log, "a") },
  ]);
  return { bus, log };
}

test("MmioBus hands an access to the device whose range holds all of it", () => {
  const { bus, log } = twoDevices();
  equal(bus.read(0x1004, 4), 0x1234);
  bus.write(0x20ff, 1, 0x1ff);
  bus.write(0x20fe, 2, -1);
  bus.write(0x20fc, 4, -1);
  deepEqual(log, ["a read32 4", "b write8 255 ff", "b write16 254 ffff", "b write32 252 ffffffff"]);
});

test("MmioBus reads 0 and writes nothing where no device is, and counts it", () => {
  const { bus, log } = twoDevices();
  equal(bus.read(0x1100, 4), 0);
  equal(bus.read(0xffc, 4), 0);
  bus.write(0x8000_0000, 4, 1);
  equal(bus.unmapped, 3);
  deepEqual(log, []);
});

test("MmioBus refuses an access that is not aligned to its width, and counts it", () => {
  const { bus, log } = twoDevices();
  equal(bus.read(0x1002, 4), 0);
  bus.write(0x1001, 2, 1);
  equal(bus.misaligned, 2);
  deepEqual(log, []);
});

test("MmioBus refuses devices that overlap", () => {
  const device = recorder([], "x");
  const at = (base: number) => ({ name: "x", base, length: 0x100, device });
  throws(() => new MmioBus([at(0x1000), at(0x10ff)]), InvariantError);
});

test("MmioBus.window reaches its own range and throws outside it", () => {
  const { bus, log } = twoDevices();
  const window = bus.window(0x1010, 0x10);
  window.read8(0);
  window.write16(2, 7);
  window.write32(0xc, 9);
  throws(() => window.read8(0x10), InvariantError);
  throws(() => window.read32(0xd), InvariantError);
  throws(() => window.write8(-1, 0), InvariantError);
  throws(() => window.read16(NaN), InvariantError);
  deepEqual(log, ["a read8 16", "a write16 18 7", "a write32 28 9"]);
});
