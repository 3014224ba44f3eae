import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualKernel } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { MARKER_GAP_MS, MarkerOrder, MARKERS_WAITING_MAX } from "./marker_order.ts";

function order() {
  const manual = manualKernel();
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const timer = manual.kernel.spawn("init").timerCreate();
  const { clock } = manual;
  const markers = new MarkerOrder(cell, { timer, nowNs: () => clock.nowNs() });
  const printed: number[] = [];
  const put = (number: number) => markers.put(number, () => void printed.push(number));
  return { ...manual, cell, markers, printed, put };
}

test("MarkerOrder prints in the order in which markers were proven, whichever comes first", () => {
  const { markers, printed, put } = order();
  for (let count = 0; count < 4; count++) markers.draw();
  put(3);
  put(2);
  deepEqual(printed, []);
  put(1);
  deepEqual(printed, [1, 2, 3]);
  put(4);
  deepEqual(printed, [1, 2, 3, 4]);
});

test("MarkerOrder passes a number over that does not come, and prints it if it comes late", async () => {
  const { clock, quiet, markers, printed, put } = order();
  for (let count = 0; count < 3; count++) markers.draw();
  put(2);
  put(3);
  clock.advanceMs(MARKER_GAP_MS - 1);
  await quiet();
  deepEqual(printed, []);
  clock.advanceMs(1);
  await quiet();
  deepEqual(printed, [2, 3]);
  equal(put(1), true);
  deepEqual(printed, [2, 3, 1]);
});

test("MarkerOrder refuses a number that nobody drew, and one that waits already", () => {
  const { markers, printed, put } = order();
  deepEqual([put(1), put(0), put(-1), put(0.5), put(NaN)], [false, false, false, false, false]);
  markers.draw();
  markers.draw();
  deepEqual([put(2), put(2)], [true, false]);
  deepEqual(printed, []);
});

test("MarkerOrder keeps a bounded number waiting: one more is printed at once", () => {
  const { cell, printed, put } = order();
  cell[0] = MARKERS_WAITING_MAX + 2;
  for (let number = 2; number <= MARKERS_WAITING_MAX + 1; number++) put(number);
  deepEqual(printed, []);
  put(MARKERS_WAITING_MAX + 2);
  deepEqual(printed, [MARKERS_WAITING_MAX + 2]);
});
