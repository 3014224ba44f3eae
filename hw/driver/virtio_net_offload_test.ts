import type { PartialChecksum } from "@runtime/core/ports.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { lyingDevice } from "@tests/fakes/lying_device.ts";
import { test } from "@tests/fakes/test.ts";
import { openVirtioNet } from "./virtio_net.ts";

const CSUM = 1;
const GUEST_CSUM = 2;
const RX = 0;
const TX = 1;
const PLAIN = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
/** Flag, `csum_start` 34, `csum_offset` 16, one buffer. */
const NEEDS_CSUM = [1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 1, 0];
const FRAME_LENGTH = 100;

function setUp(features: number) {
  const device = lyingDevice({ deviceId: 1, features: [features, 1] });
  const card = openVirtioNet(device);
  let delivered = 0;
  const deliver = (header: readonly number[]) => {
    const queue = device.queue(RX);
    const head = queue.head(delivered++);
    const at = queue.descriptor(head).address - device.dma.base;
    device.dma.bytes.set(header, at);
    queue.use(head, 12 + FRAME_LENGTH);
  };
  const received = () => {
    const told: PartialChecksum[] = [];
    const count = card.receive((_, checksum) => void told.push({ ...checksum }), 100);
    return { told, count };
  };
  /** Sends a frame, and takes its header from the device's side. */
  const sent = (left?: PartialChecksum) => {
    let lent: PartialChecksum | undefined;
    card.transmit((_, checksum) => {
      lent = checksum && { ...checksum };
      if (checksum !== undefined && left !== undefined) Object.assign(checksum, left);
      return FRAME_LENGTH;
    });
    card.flush();
    const queue = device.queue(TX);
    const head = queue.head(queue.offered - 1);
    const at = queue.descriptor(head).address - device.dma.base;
    queue.use(head, 0);
    return { lent, header: [...device.dma.bytes.subarray(at, at + 12)] };
  };
  return { device, card, deliver, received, sent };
}

test("openVirtioNet agrees to leave checksums out when the device offers it", () => {
  for (const features of [0, CSUM, GUEST_CSUM, CSUM | GUEST_CSUM]) {
    const { device } = setUp(features);
    equal(device.writes.includes(`20=${features}`), true);
  }
});

test("transmit lets a checksum be partial only with a device that takes it", () => {
  const { sent } = setUp(CSUM);
  const partial = sent({ start: 34, offset: 16 });
  deepEqual(partial, { lent: { start: 0, offset: 0 }, header: NEEDS_CSUM.with(10, 0) });
  // The same buffer again: what its header said of the frame before must not stay.
  deepEqual(sent().header, PLAIN.with(10, 0));
  for (const features of [0, GUEST_CSUM]) {
    deepEqual(setUp(features).sent(), { lent: undefined, header: PLAIN.with(10, 0) });
  }
});

test("transmit holds a partial checksum outside its frame for a bug", () => {
  for (
    const left of [{ start: 83, offset: 16 }, { start: 34, offset: 65 }, { start: 99, offset: 0 }]
  ) {
    throws(() => setUp(CSUM).sent(left), InvariantError);
  }
});

test("receive says what is left of a checksum by a header that was agreed on", () => {
  const { deliver, received, card } = setUp(GUEST_CSUM);
  for (const header of [NEEDS_CSUM, PLAIN, NEEDS_CSUM.with(0, 3)]) deliver(header);
  const { told } = received();
  deepEqual([told[0], told[1]?.start, told[2]], [{ start: 34, offset: 16 }, 0, told[0]]);
  equal(card.dropped, 0);
});

test("receive takes no device's word that a checksum was right", () => {
  const { deliver, received } = setUp(GUEST_CSUM);
  deliver(PLAIN.with(0, 2));
  deepEqual(received().told[0]?.start, 0);
});

test("receive drops and counts frames behind a header that nobody agreed on, and goes on", () => {
  const hostile: readonly (readonly [number, readonly number[]])[] = [
    [0, NEEDS_CSUM],
    [0, PLAIN.with(0, 2)],
    [CSUM, NEEDS_CSUM],
    [GUEST_CSUM, NEEDS_CSUM.with(0, 4)],
    [GUEST_CSUM, NEEDS_CSUM.with(0, 5)],
    [GUEST_CSUM, PLAIN.with(1, 1)],
    [GUEST_CSUM, NEEDS_CSUM.with(1, 0x80)],
    [GUEST_CSUM, NEEDS_CSUM.with(6, 13)],
    [GUEST_CSUM, NEEDS_CSUM.with(6, 83)],
    [GUEST_CSUM, NEEDS_CSUM.with(7, 0xff)],
    [GUEST_CSUM, NEEDS_CSUM.with(8, 65)],
    [GUEST_CSUM, NEEDS_CSUM.with(9, 0xff)],
  ];
  for (const [features, header] of hostile) {
    const { device, deliver, received, card } = setUp(features);
    deliver(header);
    deliver(PLAIN);
    const { told, count } = received();
    deepEqual([told.length, told[0]?.start, count, card.dropped], [1, 0, 2, 1], `${header}`);
    equal(device.queue(RX).offered, device.queue(RX).size + 2);
  }
});
