import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { lyingDevice } from "@tests/fakes/lying_device.ts";
import { test } from "@tests/fakes/test.ts";
import { DriverError, type DriverErrorCode } from "./error.ts";
import { DriverTransport } from "./transport.ts";

const DEVICE_ID = 4;

function fails(work: () => void, code: DriverErrorCode): void {
  throws(work, (error: unknown) => error instanceof DriverError && error.code === code);
}

test("DriverTransport.begin refuses what is not the device it drives", () => {
  const lies = [[0, 0x12345678, "bad_magic"], [4, 1, "bad_version"], [8, 1, "wrong_device"], [
    8,
    0,
    "wrong_device",
  ]] as const;
  for (const [register, value, code] of lies) {
    const device = lyingDevice({ deviceId: DEVICE_ID });
    device.registers.set(register, value);
    fails(() => new DriverTransport(device.window).begin(DEVICE_ID), code);
    deepEqual(device.writes, []);
  }
});

test("DriverTransport.begin resets, and refuses a device that does not", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID });
  new DriverTransport(device.window).begin(DEVICE_ID);
  deepEqual(device.writes, ["70=0", "70=1", "70=3"]);
  const stuck = lyingDevice({ deviceId: DEVICE_ID });
  const { window } = stuck;
  const transport = new DriverTransport({
    ...window,
    read32: (offset) => offset === 0x70 ? 0x40 : window.read32(offset),
  });
  fails(() => transport.begin(DEVICE_ID), "reset_refused");
});

test("DriverTransport.negotiate takes what both want, and VERSION_1 always", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID, features: [0x30000020, 0x101] });
  const transport = new DriverTransport(device.window);
  transport.negotiate(1n << 29n | 1n << 7n);
  equal(transport.features, (1n << 32n) | (1n << 29n));
  equal(transport.has(1n << 29n), true);
  equal(transport.has(1n << 7n), false);
  deepEqual(device.writes, ["14=1", "14=0", "24=1", "20=1", "24=0", "20=20000000", "70=8"]);
});

test("DriverTransport.negotiate gives up on a device without VERSION_1", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID, features: [0xffffffff, 0] });
  fails(() => new DriverTransport(device.window).negotiate(0n), "no_version_1");
  equal(device.writes.at(-1), "70=80");
});

test("DriverTransport.negotiate gives up when FEATURES_OK does not read back", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID });
  device.refusedStatus = 8;
  fails(() => new DriverTransport(device.window).negotiate(0n), "features_refused");
});

test("DriverTransport gives up on a queue that is absent, in use, or not taken", () => {
  const absent = lyingDevice({ deviceId: DEVICE_ID, queueSizeMax: 0 });
  fails(() => new DriverTransport(absent.window).queueSizeMax(0), "queue_absent");
  const busy = lyingDevice({ deviceId: DEVICE_ID });
  busy.registers.set(0x44, 1);
  fails(() => new DriverTransport(busy.window).queueSizeMax(0), "queue_busy");
  const refused = lyingDevice({ deviceId: DEVICE_ID });
  refused.registers.set(0x44, 0);
  const place = { size: 8, descriptors: 0, available: 0, used: 0 };
  fails(() => new DriverTransport(refused.window).setQueue(0, place), "queue_refused");
});

test("DriverTransport.setQueue writes all 64 bits of each address", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID });
  new DriverTransport(device.window).setQueue(1, {
    size: 16,
    descriptors: 0x1_8000_0000,
    available: 0x8000_1000,
    used: 0x1f_ffff_ffff_f000,
  });
  deepEqual(device.writes, [
    "30=1",
    "38=10",
    "80=80000000",
    "84=1",
    "90=80001000",
    "94=0",
    "a0=fffff000",
    "a4=1fffff",
    "44=1",
  ]);
});

test("DriverTransport.takeInterrupt acknowledges the causes that it read", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID });
  const transport = new DriverTransport(device.window);
  equal(transport.takeInterrupt(), 0);
  deepEqual(device.writes, []);
  device.interrupt(3);
  equal(transport.takeInterrupt(), 3);
  deepEqual(device.writes, ["64=3"]);
});

test("DriverTransport.takeInterrupt finds out that the device needs a reset", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID });
  device.registers.set(0x70, 0x4f);
  device.interrupt(2);
  fails(() => new DriverTransport(device.window).takeInterrupt(), "needs_reset");
});

test("DriverTransport.readConfig reads again when the configuration changed meanwhile", () => {
  const device = lyingDevice({ deviceId: DEVICE_ID, config: [7] });
  const transport = new DriverTransport(device.window);
  let reads = 0;
  const value = transport.readConfig((config) => {
    reads++;
    if (reads < 3) device.registers.set(0xfc, reads);
    return config.u8(0) + reads;
  });
  equal(value, 10);
  reads = 0;
  const endless = () => transport.readConfig(() => device.registers.set(0xfc, ++reads));
  fails(endless, "config_unstable");
  equal(reads, 8);
});
