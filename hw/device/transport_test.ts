import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { bringUp, GuestQueue, readyQueue } from "@tests/fakes/guest_queue.ts";
import { test } from "@tests/fakes/test.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { QueueError } from "./chain.ts";
import { VirtioMmio } from "./transport.ts";
import type { DeviceHost, VirtioDevice } from "./virtio_device.ts";

const BASE = 0x8000_0000;
const EVENT_IDX = 1 << 29;
const NEEDS_RESET = 0x40;

/** A device with two queues that writes down what its transport asks of it. */
function probeDevice() {
  const log: string[] = [];
  const postponed: (() => void)[] = [];
  const levels: boolean[] = [];
  let host: DeviceHost | undefined;
  const device: VirtioDevice = {
    deviceId: 77,
    features: 1n << 5n,
    queueSizesMax: [8, 16],
    config: Uint8Array.of(1, 2, 3, 4, 5, 6),
    attach: (attached) => {
      host = attached;
    },
    start: () => void log.push("start"),
    kick: (index) => {
      log.push(`kick ${index}`);
      const queue = host?.queue(index);
      for (let chain = queue?.pop(); chain; chain = queue?.pop()) queue?.complete(chain.head, 0);
      if (queue !== undefined) host?.publish(queue);
    },
    stop: () => void log.push("stop"),
  };
  const region = new RamRegion(BASE, 0x20000);
  const mmio = new VirtioMmio({
    device,
    memory: new GuestMemory([region]),
    irq: (high) => void levels.push(high),
    later: (work) => void postponed.push(work),
  });
  const queues = [
    new GuestQueue(region, { size: 8, offset: 0 }),
    new GuestQueue(region, { size: 8, offset: 0x4000 }),
  ] as const;
  const hostOf = (): DeviceHost => {
    if (host === undefined) throw new Error("not attached");
    return host;
  };
  return { mmio, log, levels, postponed, region, queues, hostOf };
}

type Probe = ReturnType<typeof probeDevice>;

function read(probe: Probe, offset: number): number {
  return probe.mmio.read(offset, 4);
}

function write(probe: Probe, offset: number, value: number): void {
  probe.mmio.write(offset, 4, value);
}

/** Up to FEATURES_OK, in Linux's order. */
function negotiate(probe: Probe, features = 0): void {
  for (const [offset, value] of [[0x70, 0], [0x70, 1], [0x70, 3], [0x24, 1], [0x20, 1]] as const) {
    write(probe, offset, value);
  }
  write(probe, 0x24, 0);
  write(probe, 0x20, features);
  write(probe, 0x70, 0xb);
}

test("VirtioMmio identifies itself as a version 2 device", () => {
  const probe = probeDevice();
  deepEqual([0, 4, 8].map((offset) => read(probe, offset)), [0x74726976, 2, 77]);
});

test("VirtioMmio offers its device's features and its own; words from 2 on read 0", () => {
  const probe = probeDevice();
  const words = [0, 1, 2, 3, 0xffffffff].map((word) => {
    write(probe, 0x14, word);
    return read(probe, 0x10);
  });
  deepEqual(words, [0x30000020, 1, 0, 0, 0]);
});

test("VirtioMmio follows Linux's order of status bits", () => {
  const probe = probeDevice();
  negotiate(probe);
  equal(read(probe, 0x70), 0xb);
  write(probe, 0x70, 0xf);
  equal(read(probe, 0x70), 0xf);
  deepEqual(probe.log, ["stop", "start"]);
});

test("VirtioMmio follows U-Boot's order, which never sets ACKNOWLEDGE again", () => {
  const probe = probeDevice();
  write(probe, 0x70, 1);
  write(probe, 0x70, 0);
  equal(read(probe, 0x70), 0);
  write(probe, 0x70, 2);
  write(probe, 0x24, 1);
  write(probe, 0x20, 1);
  write(probe, 0x70, 0xa);
  equal(read(probe, 0x70), 0xa);
  write(probe, 0x70, 0xe);
  equal(read(probe, 0x70), 0xe);
});

test("VirtioMmio refuses FEATURES_OK without VERSION_1 or with what was not offered", () => {
  for (const [high, low] of [[0, 0], [1, 1], [3, 0], [0x101, 0]] as const) {
    const probe = probeDevice();
    write(probe, 0x24, 1);
    write(probe, 0x20, high);
    write(probe, 0x24, 0);
    write(probe, 0x20, low);
    write(probe, 0x70, 0xb);
    equal(read(probe, 0x70), 3);
    equal(probe.mmio.refused("features_refused"), 1);
  }
});

test("VirtioMmio takes no features after FEATURES_OK and none in words it has not", () => {
  const probe = probeDevice();
  negotiate(probe, EVENT_IDX);
  write(probe, 0x24, 0);
  write(probe, 0x20, 0x20);
  equal(probe.mmio.refused("features_locked"), 1);
  equal(probe.hostOf().negotiated(1n << 29n), true);
  equal(probe.hostOf().negotiated(1n << 5n), false);
  const other = probeDevice();
  write(other, 0x24, 2);
  write(other, 0x20, 0xffffffff);
  negotiate(other);
  equal(read(other, 0x70), 0xb);
});

test("VirtioMmio refuses DRIVER_OK before FEATURES_OK", () => {
  const probe = probeDevice();
  write(probe, 0x70, 7);
  equal(read(probe, 0x70), 3);
  deepEqual(probe.log, []);
  equal(probe.mmio.refused("status_order"), 1);
});

test("VirtioMmio never takes a status bit back without a reset, and lets no driver set 0x40", () => {
  const probe = probeDevice();
  negotiate(probe);
  write(probe, 0x70, 1);
  equal(read(probe, 0x70), 0xb);
  write(probe, 0x70, 0xff);
  equal(read(probe, 0x70), 0x8f);
});

test("VirtioMmio makes every status bit of every order come out right", () => {
  for (let first = 0; first < 256; first++) {
    for (const second of [0x0f, 0x04, 0x08, 0x0c, 0xff]) {
      const probe = probeDevice();
      write(probe, 0x24, 1);
      write(probe, 0x20, 1);
      write(probe, 0x70, first);
      write(probe, 0x70, second);
      const status = read(probe, 0x70);
      equal(status & ~0x8f, 0);
      if ((status & 4) !== 0) equal(status & 8, 8);
    }
  }
});

test("VirtioMmio reset puts everything back before the write returns", () => {
  const probe = probeDevice();
  const status = bringUp(probe.mmio, { queues: probe.queues });
  equal(status, 0xf);
  probe.queues[0].describe(0, { address: BASE, length: 1 });
  probe.queues[0].offer(0);
  write(probe, 0x50, 0);
  equal(read(probe, 0x60), 1);
  write(probe, 0x70, 0);
  equal(read(probe, 0x70), 0);
  equal(read(probe, 0x60), 0);
  equal(probe.levels.at(-1), false);
  for (const index of [0, 1]) {
    write(probe, 0x30, index);
    equal(read(probe, 0x44), 0);
  }
  equal(probe.hostOf().queue(0), undefined);
  equal(bringUp(probe.mmio, { queues: probe.queues }), 0xf);
});

test("VirtioMmio refuses a queue that is absent, misplaced, or ready before FEATURES_OK", () => {
  const probe = probeDevice();
  equal(readyQueue(probe.mmio, probe.queues[0], 0), 0);
  negotiate(probe);
  equal(readyQueue(probe.mmio, probe.queues[0], 2), 0);
  equal(read(probe, 0x34), 0);
  equal(probe.mmio.refused("queue_absent") > 0, true);
  const { queues: [good] } = probe;
  const lie = (changes: Partial<GuestQueue>) => Object.assign(Object.create(good), changes);
  for (const changes of [{ size: 16 }, { size: 3 }, { size: 0 }, { table: 8 }, { used: 2 }]) {
    equal(readyQueue(probe.mmio, lie(changes), 0), 0);
  }
  equal(readyQueue(probe.mmio, lie({ table: 0x20000 }), 0), 0);
  equal(probe.mmio.refused("ready_refused"), 7);
  equal(readyQueue(probe.mmio, good, 0), 1);
});

test("VirtioMmio ignores a queue's registers while the queue is ready", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  write(probe, 0x30, 0);
  for (const offset of [0x38, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4]) write(probe, offset, 3);
  equal(probe.mmio.refused("queue_live"), 7);
  probe.queues[0].describe(1, { address: BASE, length: 1 });
  probe.queues[0].offer(1);
  write(probe, 0x50, 0);
  deepEqual(probe.queues[0].usedEntry(0), { id: 1, length: 0 });
});

test("VirtioMmio stops a queue when 0 is written to QueueReady", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  write(probe, 0x30, 1);
  write(probe, 0x44, 0);
  equal(read(probe, 0x44), 0);
  equal(probe.hostOf().queue(1), undefined);
  equal(probe.hostOf().queue(0) === undefined, false);
});

test("VirtioMmio ignores and counts kicks of absent, stopped or not yet running queues", () => {
  const probe = probeDevice();
  negotiate(probe);
  readyQueue(probe.mmio, probe.queues[0], 0);
  write(probe, 0x50, 0);
  write(probe, 0x70, 0xf);
  for (const index of [1, 2, 0xffff, 0xffffffff]) write(probe, 0x50, index);
  equal(probe.mmio.refused("kick_ignored"), 5);
  deepEqual(probe.log, ["stop", "start"]);
  write(probe, 0x50, 0);
  deepEqual(probe.log, ["stop", "start", "kick 0"]);
});

test("VirtioMmio ignores kicks once the driver has given up", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  write(probe, 0x70, 0x8f);
  write(probe, 0x50, 0);
  equal(probe.mmio.refused("kick_ignored"), 1);
});

test("VirtioMmio that breaks needs a reset, says so by interrupt, and stops all its queues", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  probe.queues[0].offer(9);
  write(probe, 0x50, 0);
  equal(read(probe, 0x70), 0xf | NEEDS_RESET);
  equal(read(probe, 0x60), 2);
  equal(probe.levels.at(-1), true);
  equal(probe.mmio.broken, "head_out_of_range");
  write(probe, 0x30, 1);
  equal(read(probe, 0x44), 0);
  equal(readyQueue(probe.mmio, probe.queues[1], 1), 0);
  equal(bringUp(probe.mmio, { queues: probe.queues }), 0xf);
  equal(probe.mmio.broken, undefined);
});

test("VirtioMmio's interrupt line is high until every cause is acknowledged", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  probe.queues[0].describe(0, { address: BASE, length: 1 });
  probe.queues[0].offer(0);
  write(probe, 0x50, 0);
  probe.hostOf().configChanged();
  equal(read(probe, 0x60), 3);
  write(probe, 0x64, 1);
  equal(probe.levels.at(-1), true);
  write(probe, 0x64, 2);
  equal(probe.levels.at(-1), false);
  probe.queues[0].offer(0);
  write(probe, 0x50, 0);
  probe.queues[0].offer(0);
  write(probe, 0x50, 0);
  equal(probe.levels.filter((high) => high).length, 3);
});

test("VirtioMmio counts configuration changes, and tells a running driver only", () => {
  const probe = probeDevice();
  probe.hostOf().configChanged();
  equal(read(probe, 0xfc), 1);
  equal(read(probe, 0x60), 0);
  bringUp(probe.mmio, { queues: probe.queues });
  probe.hostOf().configChanged();
  equal(read(probe, 0xfc), 2);
  equal(read(probe, 0x60), 2);
});

test("VirtioMmio reads configuration at any width, 0 behind its end, and takes no writes", () => {
  const probe = probeDevice();
  equal(probe.mmio.read(0x100, 4), 0x04030201);
  equal(probe.mmio.read(0x104, 2), 0x0605);
  equal(probe.mmio.read(0x105, 1), 6);
  equal(probe.mmio.read(0x104, 4), 0x0605);
  equal(probe.mmio.read(0xffc, 4), 0);
  probe.mmio.write(0x100, 1, 9);
  probe.mmio.write(0xff0, 4, 9);
  equal(probe.mmio.read(0x100, 1), 1);
  equal(probe.mmio.refused("config_write"), 2);
});

test("VirtioMmio answers 32-bit accesses alone below the configuration", () => {
  const probe = probeDevice();
  equal(probe.mmio.read(0, 1), 0);
  equal(probe.mmio.read(0x70, 2), 0);
  probe.mmio.write(0x70, 1, 1);
  equal(read(probe, 0x70), 0);
  equal(probe.mmio.refused("bad_width"), 3);
});

test("VirtioMmio reads 0 from write-only and unknown registers and ignores writes to others", () => {
  const probe = probeDevice();
  const writeOnly = [0x14, 0x20, 0x24, 0x30, 0x38, 0x50, 0x64, 0x80, 0xa4, 0xac];
  for (const offset of writeOnly) equal(read(probe, offset), 0);
  equal(probe.mmio.refused("wrong_direction"), writeOnly.length);
  for (const offset of [0x28, 0x3c, 0x40, 0xd0]) equal(read(probe, offset), 0);
  for (const offset of [0x28, 0x3c, 0x40, 0xc0]) write(probe, offset, 1);
  equal(probe.mmio.refused("unknown_register"), 8);
  write(probe, 0, 1);
  equal(read(probe, 0), 0x74726976);
});

test("VirtioMmio has no shared memory and no queue reset", () => {
  const probe = probeDevice();
  write(probe, 0xac, 0);
  for (const offset of [0xb0, 0xb4, 0xb8, 0xbc]) equal(read(probe, offset), 0xffffffff);
  write(probe, 0xc0, 1);
  equal(read(probe, 0xc0), 0);
});

test("VirtioMmio drops work that was put off before a reset", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  let ran = 0;
  probe.hostOf().later(() => ran++);
  write(probe, 0x70, 0);
  bringUp(probe.mmio, { queues: probe.queues });
  probe.hostOf().later(() => ran += 10);
  for (const work of probe.postponed) work();
  equal(ran, 10);
});

test("VirtioMmio contains what breaks outside a register write", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  probe.hostOf().run(() => {
    throw new QueueError("too_short", 0);
  });
  equal(read(probe, 0x70), 0xf | NEEDS_RESET);
});

test("VirtioMmio lets bugs through: they are no driver's doing", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  const bug = () => {
    throw new RangeError("a bug");
  };
  throws(() => probe.hostOf().run(bug), RangeError);
  equal(read(probe, 0x70), 0xf);
});

test("VirtioMmio runs no work of its device while the driver is not ready", () => {
  const probe = probeDevice();
  negotiate(probe);
  let ran = 0;
  probe.hostOf().run(() => ran++);
  equal(ran, 0);
  write(probe, 0x70, 0xf);
  probe.hostOf().run(() => ran++);
  equal(ran, 1);
});

test("VirtioMmio goes on with a queue that is declared ready a second time", () => {
  const probe = probeDevice();
  bringUp(probe.mmio, { queues: probe.queues });
  const [queue] = probe.queues;
  queue.describe(0, { address: BASE, length: 1 });
  queue.offer(0);
  write(probe, 0x50, 0);
  write(probe, 0x30, 0);
  write(probe, 0x44, 1);
  queue.offer(0);
  write(probe, 0x50, 0);
  equal(queue.usedIndex, 2);
});
