import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import {
  availableLength,
  availEventOffset,
  descriptorTableLength,
  eventPassed,
  queueSizeValid,
  usedEventOffset,
  usedLength,
} from "./ring.ts";

/** The rule as the specification says it in words: was `event` one of the indices just used? */
function passedByWalking(event: number, before: number, after: number): boolean {
  for (let index = before; index !== after; index = (index + 1) % 65536) {
    if (index === event) return true;
  }
  return false;
}

test("eventPassed agrees with walking the indices, around the wrap too", () => {
  for (const before of [0, 1, 100, 32767, 32768, 65500, 65533, 65534, 65535]) {
    for (const distance of [0, 1, 2, 3, 5, 31, 64, 100]) {
      const after = (before + distance) % 65536;
      for (let near = -4; near <= distance + 4; near++) {
        const event = (before + near + 65536) % 65536;
        equal(eventPassed(event, { before, after }), passedByWalking(event, before, after));
      }
    }
  }
});

test("eventPassed agrees with walking the indices for every event there is", () => {
  for (const [before, after] of [[65530, 10], [0, 32768], [7, 7]] as const) {
    let wrong = 0;
    for (let event = 0; event < 65536; event++) {
      const inside = (event - before + 65536) % 65536 < (after - before + 65536) % 65536;
      if (eventPassed(event, { before, after }) !== inside) wrong++;
    }
    equal(wrong, 0);
  }
});

test("lengths of the three areas are the specification's", () => {
  equal(descriptorTableLength(256), 4096);
  equal(availableLength(256), 518);
  equal(usedLength(256), 2054);
  equal(usedEventOffset(256), 516);
  equal(availEventOffset(256), 2052);
});

test("queueSizeValid takes powers of two up to both maxima", () => {
  for (const size of [1, 2, 256, 1024]) equal(queueSizeValid(size, 1024), true);
  for (const size of [0, 3, 1023, 2048, 0x80000000, 0xffffffff]) {
    equal(queueSizeValid(size, 1024), false);
  }
  equal(queueSizeValid(65536, 65536), false);
});
