import { deepEqual, equal, notDeepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { BOOT_ID_LENGTH, bootIdOf } from "./boot_id.ts";

const DRAWN = new Uint8Array(16).fill(7);
const clock = (unixMs: number, nowNs: number) => ({ unixMs: () => unixMs, nowNs: () => nowNs });

test("bootIdOf differs for each time and each draw, and depends on nothing else", () => {
  const id = bootIdOf(DRAWN, clock(1, 2));
  equal(id.length, BOOT_ID_LENGTH);
  deepEqual(bootIdOf(DRAWN, clock(1, 2)), id);
  notDeepEqual(bootIdOf(DRAWN, clock(2, 2)), id);
  notDeepEqual(bootIdOf(DRAWN, clock(1, 3)), id);
  notDeepEqual(bootIdOf(new Uint8Array(16), clock(1, 2)), id);
});
