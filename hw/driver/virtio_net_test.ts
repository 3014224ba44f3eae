import { deepEqual, equal, rejects, throws } from "@tests/fakes/assert.ts";
import { type LyingDevice, lyingDevice, type LyingParts } from "@tests/fakes/lying_device.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { DriverError, type DriverErrorCode } from "./error.ts";
import { openVirtioNet } from "./virtio_net.ts";

const NET = 1;
const MAC_MTU_STATUS = 0x10028;
const EVENT_IDX = 1 << 29;
/** Address, link up, no pairs, MTU 1500. */
const CONFIG = [2, 0, 0, 0, 0, 7, 1, 0, 0, 0, 0xdc, 5];
const RX = 0;
const TX = 1;

function setUp(parts: Partial<LyingParts> = {}) {
  const device = lyingDevice({
    deviceId: NET,
    features: [MAC_MTU_STATUS, 1],
    config: CONFIG,
    ...parts,
  });
  return { device, card: openVirtioNet(device) };
}

function broken(code: DriverErrorCode) {
  return (error: unknown) => error instanceof DriverError && error.code === code;
}

/** Puts a frame into the next receive buffer, behind a header that says nothing of it. */
function deliver(device: LyingDevice, frame: readonly number[], length = 12 + frame.length): void {
  const queue = device.queue(RX);
  const head = queue.head(delivered.get(device) ?? 0);
  delivered.set(device, (delivered.get(device) ?? 0) + 1);
  const at = queue.descriptor(head).address - device.dma.base;
  device.dma.bytes.fill(0, at, at + 12);
  device.dma.bytes.set(frame, at + 12);
  queue.use(head, length);
}

const delivered = new WeakMap<LyingDevice, number>();
const FRAME = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

test("openVirtioNet reads address, MTU and link state, and offers every receive buffer", () => {
  const { device, card } = setUp();
  deepEqual(card.mac, Uint8Array.of(2, 0, 0, 0, 0, 7));
  deepEqual([card.mtu, card.linkUp], [1500, true]);
  const queue = device.queue(RX);
  deepEqual([queue.size, queue.offered, queue.descriptor(0).length], [256, 256, 1526]);
  equal(queue.descriptor(0).flags, 2);
  equal(device.writes.at(-1), "50=0");
});

test("openVirtioNet uses as many buffers as fit: 64 of each kind at MTU 65535 in 16 MiB", () => {
  const config = [...CONFIG.slice(0, 10), 0xff, 0xff];
  const { device, card } = setUp({ config, regionLength: 2 ** 24 });
  equal(card.mtu, 65535);
  equal(device.queue(RX).size, 64);
  equal(device.queue(RX).descriptor(63).length, 65561);
  const tight = setUp({ regionLength: 0x2000 });
  equal(tight.device.queue(TX).size, 2);
  equal(setUp({ queueSizeMax: 16 }).device.queue(TX).size, 16);
  throws(() => setUp({ regionLength: 0x800 }), broken("region_too_small"));
});

test("openVirtioNet keeps the buffers of both queues apart and inside its region", () => {
  const { device } = setUp({ regionLength: 0x20000 });
  const ends = [RX, TX].flatMap((index) => {
    const queue = device.queue(index);
    return Array.from({ length: queue.size }, (_, id) => queue.descriptor(id).address);
  });
  ends.sort((left, right) => left - right);
  for (let index = 1; index < ends.length; index++) {
    equal((ends[index] ?? 0) - (ends[index - 1] ?? 0) >= 1526, true);
  }
  equal((ends.at(-1) ?? 0) + 1526 <= device.dma.base + 0x20000, true);
});

test("openVirtioNet refuses an MTU that no IPv4 link has, and goes without one unless offered", () => {
  const config = [...CONFIG.slice(0, 10), 67, 0];
  throws(() => setUp({ config }), broken("mtu_out_of_range"));
  const { card } = setUp({ config: [], features: [0, 1] });
  deepEqual([card.mtu, card.linkUp], [1500, true]);
  deepEqual(card.mac, Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56));
});

test("transmit writes frames in place behind a zero header, and flush kicks once", () => {
  const { device, card } = setUp();
  for (const first of [1, 2, 3]) {
    card.transmit((into) => {
      equal(into.length, 1514);
      into[0] = first;
      return 60;
    });
  }
  equal(device.queue(TX).offered, 0);
  const before = device.writes.length;
  card.flush();
  card.flush();
  deepEqual(device.writes.slice(before), ["50=1"]);
  const queue = device.queue(TX);
  equal(queue.offered, 3);
  [0, 1, 2].forEach((index) => {
    const { address, length } = queue.descriptor(queue.head(index));
    const at = address - device.dma.base;
    deepEqual([length, device.dma.bytes[at + 12]], [72, index + 1]);
    equal(device.dma.bytes.subarray(at, at + 12).some((byte) => byte !== 0), false);
  });
});

test("transmit of nothing sends nothing, and a frame out of bounds is a bug", () => {
  const { device, card } = setUp();
  equal(card.transmit(() => 0), true);
  for (const length of [13, 1515, -1]) throws(() => card.transmit(() => length), InvariantError);
  card.flush();
  equal(device.queue(TX).offered, 0);
});

test("transmit is refused when the device holds every buffer, until it lets go of one", async () => {
  const { device, card } = setUp({ regionLength: 0x8000 });
  const { size } = device.queue(TX);
  for (let n = 0; n < size; n++) equal(card.transmit(() => 60), true);
  let called = 0;
  equal(card.transmit(() => ++called), false);
  equal(called, 0);
  equal(device.queue(TX).offered, size);
  const waiting = card.wait();
  equal(device.queue(TX).availableFlags, 0);
  device.queue(TX).use(device.queue(TX).head(0), 0);
  device.interrupt(1);
  await waiting;
  equal(card.transmit(() => 60), true);
  equal(device.queue(TX).availableFlags, 1);
});

test("receive hands on frames as views, and gives the buffers back in one batch", () => {
  const { device, card } = setUp();
  deliver(device, FRAME);
  deliver(device, FRAME.slice(0, 14));
  const before = device.writes.length;
  const frames: number[][] = [];
  equal(card.receive((frame) => void frames.push([...frame]), 10), 2);
  deepEqual(frames, [FRAME, FRAME.slice(0, 14)]);
  equal(device.queue(RX).offered, 258);
  deepEqual(device.writes.slice(before), ["50=0"]);
  equal(card.receive(() => {}, 10), 0);
});

test("receive makes no new view for a buffer that comes again with the same length", () => {
  const { device, card } = setUp({ regionLength: 0x1000 });
  equal(device.queue(RX).size, 1);
  const views = new Set<Uint8Array>();
  for (let count = 0; count < 3; count++) {
    deliver(device, FRAME);
    card.receive((frame) => void views.add(frame), 1);
  }
  equal(views.size, 1);
});

test("receive stops at its limit and goes on from there", () => {
  const { device, card } = setUp();
  for (const first of [1, 2, 3]) deliver(device, [first, ...FRAME]);
  const firsts: (number | undefined)[] = [];
  equal(card.receive((frame) => void firsts.push(frame[0]), 2), 2);
  equal(card.receive((frame) => void firsts.push(frame[0]), 2), 1);
  deepEqual(firsts, [1, 2, 3]);
});

test("receive breaks on a length below the header or beyond the buffer, and stays broken", async () => {
  for (const length of [0, 11, 1527, 0xffffffff]) {
    const { device, card } = setUp();
    deliver(device, FRAME, length);
    let handed = 0;
    throws(() => card.receive(() => handed++, 1), broken("used_length_out_of_range"));
    equal(handed, 0);
    throws(() => card.transmit(() => 60), broken("used_length_out_of_range"));
    throws(() => card.flush(), broken("used_length_out_of_range"));
    await rejects(card.wait(), broken("used_length_out_of_range"));
  }
});

test("the card breaks on an index jump in either queue", () => {
  const received = setUp();
  received.device.queue(RX).setUsedIndex(257);
  throws(() => received.card.receive(() => {}, 1), broken("used_index_jump"));
  const sent = setUp();
  sent.card.transmit(() => 60);
  sent.device.queue(TX).setUsedIndex(2);
  throws(() => sent.card.flush(), broken("used_index_jump"));
});

test("wait resolves at once for a frame that is there, else at the interrupt", async () => {
  const { device, card } = setUp();
  deliver(device, FRAME);
  await card.wait();
  card.receive(() => {}, 1);
  let woken = false;
  const waiting = card.wait().then(() => woken = true);
  equal(device.queue(RX).availableFlags, 0);
  await Promise.resolve();
  equal(woken, false);
  deliver(device, FRAME);
  device.interrupt(1);
  await waiting;
  equal(device.completed, 1);
  equal(device.queue(RX).availableFlags, 1);
});

test("wait follows the link's state, and breaks when the device needs a reset", async () => {
  const config = [...CONFIG];
  const { device, card } = setUp({ config });
  let waiting = card.wait();
  config[6] = 0;
  device.interrupt(2);
  await waiting;
  equal(card.linkUp, false);
  waiting = card.wait();
  device.registers.set(0x70, 0x4f);
  device.interrupt(2);
  await rejects(waiting, broken("needs_reset"));
  throws(() => card.receive(() => {}, 1), broken("needs_reset"));
});

test("with EVENT_IDX sent frames ask for no interrupt, received ones only while waited for", () => {
  const { device, card } = setUp({ features: [MAC_MTU_STATUS | EVENT_IDX, 1] });
  card.transmit(() => 60);
  card.flush();
  equal(device.queue(TX).usedEvent, 0xffff);
  device.queue(TX).use(device.queue(TX).head(0), 0);
  card.flush();
  equal(device.queue(TX).usedEvent, 0);
  equal(device.queue(RX).usedEvent, 0xffff);
  card.wait();
  equal(device.queue(RX).usedEvent, 0);
});
