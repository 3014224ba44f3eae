import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { fakeDisk } from "@tests/fakes/disk.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { frameLink, numberedFrame } from "@tests/fakes/frames.ts";
import { trapHandler } from "@tests/fakes/irq.ts";
import { test } from "@tests/fakes/test.ts";
import { openVirtioNet } from "../driver/virtio_net.ts";
import { openVirtioRng } from "../driver/virtio_rng.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import type { EntropySource, MachineDevice } from "@runtime/core/ports.ts";
import { createMachine, type Machine } from "./machine.ts";

function countingEntropy(): EntropySource {
  let next = 1;
  return {
    fill(bytes) {
      for (let index = 0; index < bytes.length; index++) bytes[index] = next++ & 0xff;
      return bytes.length;
    },
  };
}

function bootMachine(mtu = 1500) {
  const clock = manualClock();
  const link = frameLink(mtu);
  const printed: string[] = [];
  const machine = createMachine({
    entropy: countingEntropy(),
    link,
    console: { write: (bytes) => void printed.push(new TextDecoder().decode(bytes.slice())) },
    clock,
    later: clock.later,
  });
  return { machine, link, clock, printed, traps: trapHandler(machine.interrupts) };
}

function deviceOf(machine: Machine, name: string): MachineDevice {
  const device = machine.devices.find((candidate) => candidate.name === name);
  ok(device !== undefined);
  return device;
}

function openRng(booted: ReturnType<typeof bootMachine>) {
  const device = deviceOf(booted.machine, "virtio-rng");
  return openVirtioRng({ ...device, irq: booted.traps.irq(device.irq) });
}

function openNet(booted: ReturnType<typeof bootMachine>) {
  const device = deviceOf(booted.machine, "virtio-net");
  return openVirtioNet({ ...device, irq: booted.traps.irq(device.irq) });
}

test("createMachine puts rng and net where QEMU's command line puts them", () => {
  const { machine } = bootMachine();
  const places = machine.devices.map(({ name, base, length, irq }) => ({
    name,
    base,
    length,
    irq,
  }));
  deepEqual(places, [
    { name: "virtio-rng", base: 0x1000_8000, length: 0x1000, irq: 8 },
    { name: "virtio-net", base: 0x1000_7000, length: 0x1000, irq: 7 },
  ]);
});

test("createMachine gives each device a buffer of its own", () => {
  const { machine } = bootMachine();
  const [rng, net] = machine.devices;
  ok(rng !== undefined && net !== undefined);
  ok(rng.dma.bytes.buffer !== net.dma.bytes.buffer);
  for (const { dma } of [rng, net]) {
    ok(dma.bytes.buffer instanceof SharedArrayBuffer);
    equal(dma.bytes.buffer.byteLength, dma.bytes.length);
  }
});

test("createMachine without a link has no card and an empty slot", () => {
  const clock = manualClock();
  const machine = createMachine({
    entropy: countingEntropy(),
    console: { write() {} },
    clock,
    later: clock.later,
  });
  deepEqual(machine.devices.map((device) => device.name), ["virtio-rng"]);
  equal(machine.bus.read(0x1000_7000, 4), 0x74726976);
  equal(machine.bus.read(0x1000_7004, 4), 2);
  equal(machine.bus.read(0x1000_7008, 4), 0);
});

test("createMachine with a disk has a block device in the slot below the card's", () => {
  const clock = manualClock();
  const machine = createMachine({
    entropy: countingEntropy(),
    disk: fakeDisk(),
    console: { write() {} },
    clock,
    later: clock.later,
  });
  const { base, irq, dma } = deviceOf(machine, "virtio-blk");
  deepEqual({ base, irq, ram: dma.base }, { base: 0x1000_6000, irq: 6, ram: 0xa000_0000 });
  deepEqual([machine.bus.read(base + 8, 4), machine.bus.read(base + 0x100, 4)], [2, 64]);
  equal(bootMachine().machine.bus.read(base + 8, 4), 0);
});

test("createMachine's window refuses an access outside its device", () => {
  const { machine } = bootMachine();
  const { window } = deviceOf(machine, "virtio-rng");
  equal(window.read32(0), 0x74726976);
  equal(window.length, 0x1000);
  for (const offset of [-4, 0x1000, 0xffe, 0.5]) {
    throws(() => window.read32(offset), InvariantError);
    throws(() => window.write32(offset, 1), InvariantError);
  }
});

test("a read of the rng driver crosses the machine and comes back by interrupt", async () => {
  const booted = bootMachine();
  const rng = openRng(booted);
  deepEqual(await rng.read(4), Uint8Array.of(1, 2, 3, 4));
  deepEqual(await rng.read(3), Uint8Array.of(5, 6, 7));
  equal((await rng.read(256))?.length, 256);
});

for (const mtu of [68, 1500, 65535]) {
  test(`frames cross the machine both ways in order at mtu ${mtu}`, async () => {
    const booted = bootMachine(mtu);
    const card = openNet(booted);
    equal(card.mtu, mtu);
    deepEqual(card.mac, Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56));
    const frames = Array.from({ length: 300 }, (_, n) => numberedFrame(n, 14 + n % (mtu + 1)));
    for (const frame of frames) {
      ok(card.transmit((into) => (into.set(frame), frame.length)));
    }
    card.flush();
    booted.clock.runLater();
    deepEqual(booted.link.sent, frames);
    booted.link.offer(...frames);
    const received: Uint8Array[] = [];
    while (received.length < frames.length) {
      await card.wait();
      booted.clock.runLater();
      card.receive((frame) => void received.push(frame.slice()), 1000);
    }
    deepEqual(received, frames);
  });
}

test("sent frames cause no interrupt, and a batch of received ones causes one", async () => {
  const booted = bootMachine();
  const card = openNet(booted);
  const woken = card.wait();
  for (let n = 0; n < 40; n++) card.transmit(() => 60);
  card.flush();
  equal(booted.traps.taken, 0);
  booted.link.offer(...Array.from({ length: 40 }, (_, n) => numberedFrame(n, 60)));
  equal(booted.traps.taken, 1);
  await woken;
  booted.link.offer(numberedFrame(1, 60));
  equal(booted.traps.taken, 1);
  equal(card.receive(() => {}, 100), 41);
});

test("a link that answers every frame at once gets its answers back as one batch", async () => {
  const booted = bootMachine();
  const card = openNet(booted);
  booted.link.answer = (frame) => booted.link.offer(frame.slice());
  const woken = card.wait();
  const frames = Array.from({ length: 40 }, (_, n) => numberedFrame(n, 60));
  for (const frame of frames) card.transmit((into) => (into.set(frame), frame.length));
  card.flush();
  await woken;
  const received: Uint8Array[] = [];
  card.receive((frame) => void received.push(frame.slice()), 100);
  deepEqual(received, frames);
  equal(booted.traps.taken, 1);
});

test("a card whose buffers are all with the device wakes its driver when one comes back", async () => {
  const booted = bootMachine();
  const card = openNet(booted);
  let sent = 0;
  while (card.transmit(() => 60)) sent++;
  ok(sent > 256 && sent < 1000);
  ok(booted.link.sent.length < sent);
  const woken = card.wait();
  equal(booted.traps.taken, 0);
  booted.clock.runLater();
  await woken;
  equal(booted.traps.taken, 1);
  equal(card.transmit(() => 60), true);
  card.flush();
  booted.clock.runLater();
  equal(booted.link.sent.length, sent + 1);
});

test("a network driver that names the rng's memory breaks its own card only", async () => {
  const booted = bootMachine();
  const rng = openRng(booted);
  const card = openNet(booted);
  const { dma } = deviceOf(booted.machine, "virtio-net");
  const rngDma = deviceOf(booted.machine, "virtio-rng").dma;
  const words = new Uint32Array(dma.bytes.buffer);
  card.transmit(() => 60);
  const stolen = words.findIndex((word, index) => word === 72 && words[index + 1] === 0);
  ok(stolen > 0);
  words[stolen - 2] = rngDma.base;
  card.flush();
  equal(booted.machine.transports.get("virtio-net")?.broken, "outside_memory");
  deepEqual(booted.link.sent, []);
  deepEqual(await rng.read(2), Uint8Array.of(1, 2));
});

test("the machine's uart prints whole lines, and the rest in a later turn", () => {
  const { machine, clock, printed } = bootMachine();
  machine.uart.write(new TextEncoder().encode("init: ready\nnx"));
  deepEqual(printed, ["init: ready\n"]);
  clock.runLater();
  deepEqual(printed, ["init: ready\n", "nx"]);
});
