import { deepEqual, equal, ok, rejects, throws } from "@tests/fakes/assert.ts";
import { type LyingDevice, lyingDevice } from "@tests/fakes/lying_device.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { DriverError, type DriverErrorCode } from "./error.ts";
import { openVirtioRng } from "./virtio_rng.ts";

const RNG = 4;

/** Lets every promise that can resolve do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function setUp(parts: { readonly features?: readonly [number, number] } = {}) {
  const device = lyingDevice({ deviceId: RNG, ...parts });
  return { device, rng: openVirtioRng(device) };
}

/** Writes `bytes` into the buffer that the driver offered last, and says that it wrote `length`. */
function answer(device: LyingDevice, bytes: readonly number[], length = bytes.length): void {
  const queue = device.queue(0);
  const head = queue.head(queue.offered - 1);
  device.dma.bytes.set(bytes, queue.descriptor(head).address - device.dma.base);
  queue.use(head, length);
  device.interrupt(1);
}

function broken(code: DriverErrorCode) {
  return (error: unknown) => error instanceof DriverError && error.code === code;
}

test("openVirtioRng demands VERSION_1 and a region that is large enough", () => {
  const legacy = lyingDevice({ deviceId: RNG, features: [0, 0] });
  throws(() => openVirtioRng(legacy), broken("no_version_1"));
  const small = lyingDevice({ deviceId: RNG, regionLength: 256 });
  throws(() => openVirtioRng(small), broken("region_too_small"));
});

test("read offers one writable buffer of its length and returns what was written", async () => {
  const { device, rng } = setUp();
  const reading = rng.read(5);
  await settle();
  const { length, flags } = device.queue(0).descriptor(0);
  deepEqual([length, flags], [5, 2]);
  answer(device, [1, 2, 3, 4, 5]);
  deepEqual(await reading, Uint8Array.of(1, 2, 3, 4, 5));
  equal(device.completed, 1);
});

test("read counts only the bytes that the device says it wrote, and asks for the rest", async () => {
  const { device, rng } = setUp();
  const reading = rng.read(4);
  await settle();
  answer(device, [1, 2, 99, 99], 2);
  await settle();
  equal(device.queue(0).descriptor(0).length, 2);
  answer(device, [3, 4]);
  deepEqual(await reading, Uint8Array.of(1, 2, 3, 4));
});

test("read leaves no byte in shared memory, neither its own nor an earlier reader's", async () => {
  const { device, rng } = setUp();
  const reading = rng.read(3);
  await settle();
  answer(device, [0xa1, 0xa2, 0xa3]);
  await reading;
  equal(device.dma.bytes.includes(0xa2), false);
  const next = rng.read(3);
  await settle();
  answer(device, [], 3);
  deepEqual(await next, Uint8Array.of(0, 0, 0));
});

test("read gives nothing when the device completes with no byte", async () => {
  const { device, rng } = setUp();
  const reading = rng.read(3);
  await settle();
  answer(device, [], 0);
  equal(await reading, undefined);
});

test("read breaks on a device that says it wrote more than the buffer holds", async () => {
  const { device, rng } = setUp();
  const reading = rng.read(3);
  await settle();
  answer(device, [1, 2, 3, 4], 4);
  await rejects(reading, broken("used_length_out_of_range"));
  await rejects(rng.read(1), broken("used_length_out_of_range"));
});

test("read breaks on a device that needs a reset, and stays broken", async () => {
  const { device, rng } = setUp();
  const reading = rng.read(3);
  await settle();
  device.registers.set(0x70, 0x4f);
  device.interrupt(2);
  await rejects(reading, broken("needs_reset"));
  await rejects(rng.read(3), broken("needs_reset"));
  equal(device.completed, 1);
});

test("read goes back to sleep after an interrupt that brought nothing", async () => {
  const { device, rng } = setUp();
  const reading = rng.read(1);
  await settle();
  device.interrupt(1);
  await settle();
  answer(device, [7]);
  deepEqual(await reading, Uint8Array.of(7));
});

test("reads that overlap are served one after the other, with different bytes", async () => {
  const { device, rng } = setUp();
  const first = rng.read(2);
  const second = rng.read(2);
  await settle();
  equal(device.queue(0).offered, 1);
  answer(device, [1, 2]);
  deepEqual(await first, Uint8Array.of(1, 2));
  await settle();
  answer(device, [3, 4]);
  deepEqual(await second, Uint8Array.of(3, 4));
});

test("read ends when its time is up, and drops the late bytes", async () => {
  const { device, rng } = setUp();
  const expiry = Promise.withResolvers<void>();
  const reading = rng.read(2, expiry.promise);
  const waiting = rng.read(2, expiry.promise);
  await settle();
  expiry.resolve();
  deepEqual([await reading, await waiting], [undefined, undefined]);
  const next = rng.read(2);
  await settle();
  equal(device.queue(0).offered, 1);
  answer(device, [1, 2]);
  await settle();
  equal(device.queue(0).offered, 2);
  answer(device, [3, 4]);
  deepEqual(await next, Uint8Array.of(3, 4));
});

test("read takes 1..256 bytes; anything else is a bug of the caller", async () => {
  const { device, rng } = setUp();
  for (const length of [0, 257, -1, 1.5]) await rejects(rng.read(length), InvariantError);
  equal(device.queue(0).offered, 0);
});

test("read with EVENT_IDX arms the interrupt it waits for", async () => {
  const { device, rng } = setUp({ features: [1 << 29, 1] });
  const reading = rng.read(1);
  await settle();
  equal(device.queue(0).usedEvent, 0);
  ok(device.writes.includes("50=0"));
  answer(device, [9]);
  await reading;
  const next = rng.read(1);
  await settle();
  equal(device.queue(0).usedEvent, 1);
  answer(device, [9]);
  await next;
});
