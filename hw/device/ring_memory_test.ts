/** Rings as a real guest (U-Boot 2025.01) left them in memory, walked by the device's side. */

import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { test } from "@tests/fakes/test.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { SplitQueue } from "./queue.ts";

const FILE = "traces/uboot-2025.01-ring-memory.txt";
const RAM = 0x8e00_0000;

/** Puts the dump's `md.l` and `md.w` lines where they were. */
function loadDump(text: string): RamRegion {
  const region = new RamRegion(RAM, 2 ** 25);
  for (const line of text.split("\n")) {
    const [, address, values] = /^(8[0-9a-f]{7}): ((?:[0-9a-f]{4,8} )+)/.exec(line) ?? [];
    if (address === undefined || values === undefined) continue;
    let at = Number.parseInt(address, 16) - RAM;
    for (const value of values.trim().split(" ")) {
      if (value.length === 8) region.view.setUint32(at, Number.parseInt(value, 16), true);
      else region.view.setUint16(at, Number.parseInt(value, 16), true);
      at += value.length / 2;
    }
  }
  return region;
}

/** What the first `count` chains of a queue look like: head, then readable and writable lengths. */
function chains(region: RamRegion, rings: readonly number[], count: number) {
  const [descriptors = 0, available = 0, used = 0] = rings;
  const queue = new SplitQueue({
    memory: new GuestMemory([region]),
    size: 1024,
    sizeMax: 1024,
    descriptors: { low: descriptors, high: 0 },
    available: { low: available, high: 0 },
    used: { low: used, high: 0 },
    eventIndex: false,
    indirect: false,
  });
  const seen: number[][] = [];
  for (let index = 0; index < count; index++) {
    const chain = queue.pop();
    if (chain === undefined) break;
    const lengths = Array.from({ length: chain.count }, (_, part) => chain.lengthOf(part));
    seen.push([chain.head, chain.readableCount, ...lengths]);
    queue.complete(chain.head, 0);
  }
  // U-Boot never wants interrupts: its available.flags are 1.
  equal(queue.publish(), false);
  return seen;
}

const present = sharedPresent(FILE);

test("SplitQueue walks the rings that U-Boot left in memory, stale `next` and all", () => {
  const dump = sharedText(FILE);
  const walk = (rings: readonly number[], count: number) => chains(loadDump(dump), rings, count);
  deepEqual(walk([0x8ef2d000, 0x8ef31000, 0x8ef32000], 9), [[0, 0, 8]]);
  deepEqual(walk([0x8ef0d000, 0x8ef11000, 0x8ef12000], 9), [[0, 2, 12, 342], [0, 2, 12, 342]]);
  deepEqual(walk([0x8ef1e000, 0x8ef22000, 0x8ef23000], 9), Array(3).fill([0, 1, 16, 1024, 1]));
  deepEqual(walk([0x8eefe000, 0x8ef02000, 0x8ef03000], 4), [
    [0, 0, 1526],
    [1, 0, 1526],
    [2, 0, 1526],
    [3, 0, 1526],
  ]);
}, { ignore: !present });
