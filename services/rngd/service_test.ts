import { DriverError } from "@hw/driver/error.ts";
import type { EntropyDevice } from "@hw/driver/virtio_rng.ts";
import type { Timer } from "@runtime/core/syscalls.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { encodeRequest } from "@runtime/idl/packed_frame.ts";
import { bind } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { type ManualClock, manualClock } from "@tests/fakes/clock.ts";
import { directClient, directFrames, watchedGate } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { Expiry } from "@hw/driver/expiry.ts";
import { rngd } from "./protocol.ts";
import { createRngd } from "./service.ts";
import {
  EntropySource,
  EntropyUnavailable,
  READ_TIMEOUT_MS,
  STARTUP_LENGTH,
  STARTUP_READS_MAX,
} from "./source.ts";

/** A device that counts what was drawn of it. */
interface CountingDevice extends EntropyDevice {
  drawn: number;
  reads: number;
}

/** @param give Bytes of a read; `undefined` as a device that does not answer in time. */
function countingDevice(give: (length: number, read: number) => Uint8Array | undefined) {
  const device: CountingDevice = {
    drawn: 0,
    reads: 0,
    read(length) {
      device.reads += 1;
      const bytes = give(length, device.reads);
      device.drawn += bytes?.length ?? 0;
      return Promise.resolve(bytes);
    },
  };
  return device;
}

function noise(length: number, read: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += 32) {
    const block = sha256(Uint8Array.of(read, read >> 8, offset));
    bytes.set(block.subarray(0, length - offset), offset);
  }
  return bytes;
}

/** A timer of the kernel's kind on a clock that a test moves. */
function timerOn(clock: ManualClock): Timer {
  let cancel = () => {};
  let fired = Promise.withResolvers<void>();
  return {
    set(deadlineNs) {
      cancel();
      if (deadlineNs !== undefined) cancel = clock.at(deadlineNs, () => fired.resolve());
    },
    async wait() {
      await fired.promise;
      fired = Promise.withResolvers();
    },
  };
}

function sourceOver(device: EntropyDevice, clock = manualClock()) {
  const expiry = new Expiry(clock, timerOn(clock));
  const failures: number[] = [];
  const source = new EntropySource({
    device,
    expiry,
    failed: ({ judged }) => void failures.push(judged),
  });
  return { source, expiry, failures, clock };
}

function clientOver(device: EntropyDevice, allowed = true) {
  const { source, failures } = sourceOver(device);
  const { gate, asks } = watchedGate(allowed);
  const client = directClient(rngd, createRngd(source), { gate, sender: "keystored" });
  return { client, asks, failures };
}

test("rngd hands out exactly as many bytes as were asked for, each once", async () => {
  const { client } = clientOver(countingDevice(noise));
  deepEqual(await client.getEntropy({ length: 32 }), { status: "ok", entropy: noise(32, 1) });
  deepEqual(await client.getEntropy({ length: 256 }), { status: "ok", entropy: noise(256, 2) });
});

test("test_reject_entropy_request_oversized: rngd refuses 257 bytes before policy and device", async () => {
  const device = countingDevice(noise);
  const { client, asks } = clientOver(device);
  deepEqual(await client.getEntropy({ length: 257 }), { status: "oversized" });
  deepEqual({ asks: asks.length, reads: device.reads }, { asks: 0, reads: 0 });
});

test("test_reject_oversized_entropy_request_boundary: 256 bytes pass, 257 and 65535 do not", async () => {
  const { client } = clientOver(countingDevice(noise));
  const statuses = [];
  for (const length of [256, 257, 65_535]) {
    statuses.push((await client.getEntropy({ length })).status);
  }
  deepEqual(statuses, ["ok", "oversized", "oversized"]);
});

test("test_reject_zero_length_request: rngd refuses no bytes at all", async () => {
  const device = countingDevice(noise);
  const { client } = clientOver(device);
  deepEqual(await client.getEntropy({ length: 0 }), { status: "oversized" });
  equal(device.reads, 0);
});

test("test_reject_entropy_without_capability: a denial leaves the device untouched", async () => {
  const device = countingDevice(noise);
  const { client, asks } = clientOver(device, false);
  deepEqual(await client.getEntropy({ length: 32 }), { status: "denied" });
  equal(device.reads, 0);
  deepEqual(asks, [{
    subject: "keystored",
    capability: "rng.entropy",
    operation: "rngd.getEntropy",
    target: "32",
  }]);
});

test("rngd answers unavailable when the device gives nothing, too little, or breaks the rules", async () => {
  const broken: EntropyDevice = { read: () => Promise.reject(new DriverError("needs_reset", 0)) };
  for (
    const device of [
      countingDevice(() => undefined),
      countingDevice(() => noise(31, 1)),
      broken,
    ]
  ) {
    deepEqual(await clientOver(device).client.getEntropy({ length: 32 }), {
      status: "unavailable",
    });
  }
});

test("rngd gives a read its time and the next one its own", async () => {
  const clock = manualClock();
  const silent: EntropyDevice = {
    read: (_length, expiry) => Promise.resolve(expiry).then(() => undefined),
  };
  const { source, expiry } = sourceOver(silent, clock);
  expiry.run();
  for (let round = 0; round < 2; round++) {
    let done = false;
    const drawing = source.draw(32).then((bytes) => {
      done = true;
      return bytes;
    });
    clock.advanceMs(READ_TIMEOUT_MS - 1);
    await settled();
    equal(done, false);
    clock.advanceMs(1);
    equal(await drawing, undefined);
  }
});

/** Lets everything that is ready run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test("rngd hands out nothing of the read that tripped a test, and nothing ever after", async () => {
  const device = countingDevice((length, read) =>
    read === 2 ? new Uint8Array(length).fill(7) : noise(length, read)
  );
  const { client, failures } = clientOver(device);
  equal((await client.getEntropy({ length: 32 })).status, "ok");
  deepEqual(await client.getEntropy({ length: 32 }), { status: "unavailable" });
  deepEqual(await client.getEntropy({ length: 32 }), { status: "unavailable" });
  deepEqual({ failures, reads: device.reads }, { failures: [41], reads: 2 });
});

test("test_entropy_bytes_not_logged: what rngd tells of a failure is a number", async () => {
  const told: unknown[] = [];
  const { expiry } = sourceOver(countingDevice(noise));
  const device = countingDevice((length) => new Uint8Array(length).fill(0xa7));
  const source = new EntropySource({ device, expiry, failed: (...all) => void told.push(all) });
  equal(await source.draw(32), undefined);
  deepEqual(told, [[{ judged: 9 }]]);
});

test("test_reject_oversized_request: a frame that is too long by a byte is malformed", async () => {
  const device = countingDevice(noise);
  const { source } = sourceOver(device);
  const exchange = directFrames([bind(rngd, createRngd(source))]);
  const request = encodeRequest(rngd, { opName: "getEntropy", nonce: 5n, values: { length: 8 } });
  const reply = await exchange(Uint8Array.of(...request, 0));
  deepEqual(reply, Uint8Array.of(0x52, 0x47, 1, 0x81, 4, 5, 0, 0, 0));
  equal(device.reads, 0);
});

test("EntropySource.start judges bytes that nobody gets", async () => {
  const device = countingDevice(noise);
  const { source } = sourceOver(device);
  equal(await source.start(), STARTUP_LENGTH);
  equal(device.drawn, STARTUP_LENGTH);
});

test("EntropySource.start survives a late read and gives up on a dead or stuck device", async () => {
  const late = countingDevice((length, read) => read % 2 === 1 ? undefined : noise(length, read));
  equal(await sourceOver(late).source.start(), STARTUP_LENGTH);
  const dead = countingDevice(() => undefined);
  await rejects(sourceOver(dead).source.start(), EntropyUnavailable);
  equal(dead.reads, STARTUP_READS_MAX);
  const stuck = countingDevice((length) => new Uint8Array(length));
  const { source, failures } = sourceOver(stuck);
  await rejects(source.start(), EntropyUnavailable);
  deepEqual({ reads: stuck.reads, failures }, { reads: 1, failures: [9] });
  ok(await source.draw(1) === undefined);
});
