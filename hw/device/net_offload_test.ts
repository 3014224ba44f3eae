import type { PartialChecksum } from "@runtime/core/ports.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { frameLink, numberedFrame } from "@tests/fakes/frames.ts";
import { bringUp, GuestQueue } from "@tests/fakes/guest_queue.ts";
import { test } from "@tests/fakes/test.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { VirtioNet } from "./net.ts";
import { VirtioMmio } from "./transport.ts";

const BASE = 0x8000_0000;
const DATA = 0x20000;
const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const NEXT = 1;
const WRITE = 2;
const CSUM = 1;
const GUEST_CSUM = 2;
const RX = 0;
const TX = 1;
const FRAME = numberedFrame(1, 100);
/** Flag, `csum_start` 34, `csum_offset` 16. */
const NEEDS_CSUM = [1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0];

const LEFT: PartialChecksum = { start: 34, offset: 6 };

/** A link that gives its frames a partial checksum wherever it may. */
function partialLink(offloads: boolean) {
  const inner = frameLink(1500);
  const lent: (PartialChecksum | undefined)[] = [];
  const told: (PartialChecksum | undefined)[] = [];
  const link = {
    ...inner,
    ...(offloads ? { checksums: "offloaded" } as const : {}),
    transmit(frame: Uint8Array, checksum?: Readonly<PartialChecksum>) {
      told.push(checksum && { ...checksum });
      inner.transmit(frame);
    },
    receive(into: Uint8Array, checksum?: PartialChecksum) {
      const before = checksum && { ...checksum };
      const length = inner.receive(into);
      if (length === 0) return 0;
      lent.push(before);
      // Every second frame is complete: what was said of the one before must not stay.
      if (checksum !== undefined && lent.length % 2 === 1) Object.assign(checksum, LEFT);
      return length;
    },
  };
  return { inner, link, lent, told };
}

function setUp(features: number, offloads = true) {
  const region = new RamRegion(BASE, 0x80000);
  const { inner, link, lent, told } = partialLink(offloads);
  const device = new VirtioNet(link, MAC);
  const memory = new GuestMemory([region]);
  const mmio = new VirtioMmio({ device, memory, irq: () => {}, later: () => {} });
  const queues = () =>
    [0, 0x8000].map((offset) => {
      region.bytes.fill(0, offset, offset + 0x8000);
      return new GuestQueue(region, { size: 512, offset });
    });
  let [rx, tx] = queues() as [GuestQueue, GuestQueue];
  const status = bringUp(mmio, { queues: [rx, tx], features });
  const restart = (agreed: number) => {
    [rx, tx] = queues() as [GuestQueue, GuestQueue];
    bringUp(mmio, { queues: [rx, tx], features: agreed });
  };
  const send = (header: readonly number[], cut = 112) => {
    const request = [...header, ...FRAME];
    region.bytes.set(request.slice(0, cut), DATA);
    region.bytes.set(request.slice(cut), DATA + 0x1000);
    tx.describe(0, { address: BASE + DATA, length: cut, flags: cut === 112 ? 0 : NEXT, next: 1 });
    tx.describe(1, { address: BASE + DATA + 0x1000, length: 112 - cut });
    tx.offer(0);
    mmio.write(0x50, 4, TX);
  };
  /** What a guest finds in front of a frame. */
  const receive = (cuts: readonly number[]) => {
    region.bytes.fill(0xee, DATA, DATA + 2000);
    let at = DATA;
    cuts.forEach((length, index) => {
      const flags = index === cuts.length - 1 ? WRITE : WRITE | NEXT;
      rx.describe(index, { address: BASE + at, length, flags, next: index + 1 });
      at += length;
    });
    rx.offer(0);
    mmio.write(0x50, 4, RX);
    inner.offer(FRAME);
    deepEqual(region.bytes.slice(DATA + 12, DATA + 112), FRAME);
    return [...region.bytes.slice(DATA, DATA + 12)];
  };
  return { device, mmio, inner, lent, told, send, receive, restart, status };
}

test("VirtioNet offers to do without checksums only on a link that can", () => {
  for (const offloads of [true, false]) {
    const { mmio } = setUp(0, offloads);
    equal(mmio.read(0x10, 4) & 3, offloads ? CSUM | GUEST_CSUM : 0);
  }
  equal(setUp(CSUM, false).status & 8, 0);
  equal(setUp(GUEST_CSUM, false).status & 8, 0);
});

test("VirtioNet tells the link what is left of a checksum, however the header is cut", () => {
  for (const cut of [112, 12, 5, 40]) {
    const { inner, told, send } = setUp(CSUM);
    send(NEEDS_CSUM, cut);
    send(new Array(12).fill(0), cut);
    deepEqual(inner.sent, [FRAME, FRAME]);
    deepEqual([told[0], told[1]?.start], [{ start: 34, offset: 16 }, 0]);
  }
});

test("VirtioNet drops and counts what its driver may not ask for, and completes the request", () => {
  const hostile: readonly (readonly [number, readonly number[]])[] = [
    [0, NEEDS_CSUM],
    [GUEST_CSUM, NEEDS_CSUM],
    [CSUM, NEEDS_CSUM.with(0, 2)],
    [CSUM, NEEDS_CSUM.with(0, 3)],
    [CSUM, NEEDS_CSUM.with(0, 4)],
    [CSUM, NEEDS_CSUM.with(1, 1)],
    [CSUM, NEEDS_CSUM.with(0, 0).with(1, 3)],
    [CSUM, NEEDS_CSUM.with(6, 13)],
    [CSUM, NEEDS_CSUM.with(6, 83)],
    [CSUM, NEEDS_CSUM.with(7, 0xff)],
    [CSUM, NEEDS_CSUM.with(8, 65)],
    [CSUM, NEEDS_CSUM.with(9, 0xff)],
    [CSUM, [1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0]],
  ];
  for (const [features, header] of hostile) {
    for (const cut of [112, 12, 5]) {
      const { inner, device, send, mmio } = setUp(features);
      send(header, cut);
      deepEqual([inner.sent.length, device.drops.offload], [0, 1], `${header}`);
      equal(mmio.broken, undefined);
      send(new Array(12).fill(0), cut);
      equal(inner.sent.length, 1);
    }
  }
});

test("VirtioNet says what is left of a received frame's checksum to a driver that agreed", () => {
  for (const cuts of [[1526], [12, 1514], [5, 7, 1514], [100, 1426]]) {
    const { receive, lent } = setUp(GUEST_CSUM);
    deepEqual(receive(cuts), [1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 1, 0]);
    deepEqual(lent[0], { start: 0, offset: 0 });
    equal(receive(cuts)[0], 0);
    deepEqual(lent[1]?.start, 0);
  }
});

test("VirtioNet lets the link leave no checksum out for a driver that did not agree", () => {
  for (const features of [0, CSUM]) {
    const { receive, lent } = setUp(features);
    deepEqual(receive([1526]), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    deepEqual(lent, [undefined]);
  }
});

test("VirtioNet forgets with a reset what its driver agreed to", () => {
  const { inner, device, send, receive, lent, restart } = setUp(CSUM | GUEST_CSUM);
  send(NEEDS_CSUM);
  equal(inner.sent.length, 1);
  restart(0);
  send(NEEDS_CSUM);
  receive([1526]);
  deepEqual([inner.sent.length, device.drops.offload], [1, 1]);
  deepEqual(lent, [undefined]);
});
