import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { DriverError, type DriverErrorCode } from "./error.ts";
import { DriverQueue, queueFootprint } from "./queue.ts";

const BASE = 0x9000_0000;
const SIZE = 4;
const LENGTH = 100;

function setUp(options: { readonly eventIndex?: boolean; readonly writable?: boolean } = {}) {
  const bytes = new Uint8Array(new SharedArrayBuffer(0x4000)).fill(0xff);
  const queue = new DriverQueue({ base: BASE, bytes }, {
    offset: 64,
    size: SIZE,
    bufferLength: LENGTH,
    bufferShift: 6,
    writable: options.writable ?? true,
    eventIndex: options.eventIndex ?? false,
  });
  const view = new DataView(bytes.buffer);
  const { place } = queue;
  const table = place.descriptors - BASE;
  const available = place.available - BASE;
  const used = place.used - BASE;
  const use = (id: number, length: number, index: number) => {
    view.setUint32(used + 4 + 8 * ((index + 0xffff) % SIZE), id, true);
    view.setUint32(used + 8 + 8 * ((index + 0xffff) % SIZE), length, true);
    view.setUint16(used + 2, index, true);
  };
  return { bytes, queue, view, table, available, used, use };
}

function fails(work: () => void, code: DriverErrorCode): void {
  throws(work, (error: unknown) => error instanceof DriverError && error.code === code);
}

test("DriverQueue places its areas where the specification allows, cleared", () => {
  const { bytes, queue, table, available, used } = setUp();
  deepEqual([table % 16, available % 2, used % 4], [0, 0, 0]);
  equal(bytes[table - 1], 0xff);
  equal(bytes.subarray(available, available + 14).some((byte) => byte !== 0), false);
  equal(bytes.subarray(used, used + 38).some((byte) => byte !== 0), false);
  const offsets = [0, 1, 2, 3].map((id) => queue.bufferOffset(id));
  equal(offsets.every((offset) => offset % 64 === 6 && offset >= used + 38), true);
  equal(offsets.every((offset) => offset + LENGTH <= 64 + queueFootprint(SIZE, LENGTH + 6)), true);
});

test("DriverQueue.offer describes one buffer and shows it when published", () => {
  const { queue, view, table, available } = setUp();
  queue.offer(2, 50);
  equal(view.getUint16(available + 2, true), 0);
  equal(queue.publish(), true);
  equal(view.getUint16(available + 2, true), 1);
  equal(view.getUint16(available + 4, true), 2);
  const at = table + 32;
  equal(view.getBigUint64(at, true), BigInt(BASE + queue.bufferOffset(2)));
  deepEqual([view.getUint32(at + 8, true), view.getUint32(at + 12, true)], [50, 2]);
  equal(queue.publish(), false);
  throws(() => queue.offer(2, 50), InvariantError);
});

test("DriverQueue.publish asks for a kick unless used.flags says no", () => {
  const { queue, view, used } = setUp();
  view.setUint16(used, 1, true);
  queue.offer(0, 1);
  equal(queue.publish(), false);
  view.setUint16(used, 0, true);
  queue.offer(1, 1);
  equal(queue.publish(), true);
});

test("DriverQueue.publish with EVENT_IDX asks for a kick when avail_event is passed", () => {
  const { queue, view, used } = setUp({ eventIndex: true });
  view.setUint16(used + 4 + 8 * SIZE, 1, true);
  view.setUint16(used, 1, true);
  const kicks = [0, 1, 2].map((id) => {
    queue.offer(id, 1);
    return queue.publish();
  });
  deepEqual(kicks, [false, true, false]);
});

test("DriverQueue.take returns used buffers in the device's order, over the index's wrap", () => {
  const { queue, use } = setUp();
  for (let index = 1; index <= 65540; index++) {
    const id = index % SIZE;
    queue.offer(id, LENGTH);
    queue.publish();
    use(id, index % LENGTH, index & 0xffff);
    if (queue.take() !== id || queue.takenLength !== index % LENGTH) equal(index, "in order");
  }
  equal(queue.take(), -1);
  equal(queue.inFlight, 0);
});

test("DriverQueue.take refuses an index that runs ahead of what is in flight", () => {
  const { queue, view, used } = setUp();
  queue.offer(0, 1);
  queue.publish();
  for (const index of [2, 5, 0xffff]) {
    view.setUint16(used + 2, index, true);
    fails(() => queue.take(), "used_index_jump");
  }
});

test("DriverQueue.take refuses an id that is out of range or not in flight", () => {
  for (const id of [1, SIZE, 0xffffffff]) {
    const { queue, use } = setUp();
    queue.offer(0, LENGTH);
    queue.publish();
    use(id, 1, 1);
    fails(() => queue.take(), "used_id_not_in_flight");
  }
});

test("DriverQueue.take refuses a buffer twice", () => {
  const { queue, use } = setUp();
  queue.offer(0, LENGTH);
  queue.offer(1, LENGTH);
  queue.publish();
  use(0, 1, 1);
  equal(queue.take(), 0);
  use(0, 1, 2);
  fails(() => queue.take(), "used_id_not_in_flight");
});

test("DriverQueue.take refuses a length beyond what the device may write", () => {
  const { queue, use } = setUp();
  queue.offer(0, 50);
  queue.publish();
  use(0, 51, 1);
  fails(() => queue.take(), "used_length_out_of_range");
  const readable = setUp({ writable: false });
  readable.queue.offer(0, 50);
  readable.queue.publish();
  readable.use(0, 1, 1);
  fails(() => readable.queue.take(), "used_length_out_of_range");
});

test("DriverQueue arms and mutes interrupts through available.flags", () => {
  const { queue, view, available, use } = setUp();
  queue.muteInterrupt();
  equal(view.getUint16(available, true), 1);
  equal(queue.wantInterrupt(), false);
  equal(view.getUint16(available, true), 0);
  queue.offer(0, 1);
  queue.publish();
  use(0, 1, 1);
  equal(queue.wantInterrupt(), true);
});

test("DriverQueue with EVENT_IDX arms the next index, and mutes with the one just passed", () => {
  const { queue, view, available } = setUp({ eventIndex: true });
  const event = available + 4 + 2 * SIZE;
  queue.muteInterrupt();
  equal(view.getUint16(event, true), 0xffff);
  queue.wantInterrupt();
  equal(view.getUint16(event, true), 0);
  equal(view.getUint16(available, true), 0);
});
