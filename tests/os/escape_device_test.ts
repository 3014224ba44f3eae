/**
 * A hostile driver of a real node: what it tries beyond its window and its region, seen from the
 * machine and from whom the memory belongs to.
 *
 * @module
 */

import { NET_REGION_BASE, RAM_BASE, RNG_REGION_LENGTH } from "@hw/board/virt.ts";
import { MAGIC_VALUE } from "@hw/virtio/registers.ts";
import { besiege, type Siege } from "../escape/siege.ts";
import { deepEqual, equal } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

const REGISTERS_LENGTH = 4096;

test("a driver reaches no register outside its window, whatever length it gives it", async () => {
  await besiege("all", async ({ attempt, node }) => {
    for (const driver of ["netstackd", "rngd"]) {
      deepEqual(await attempt(driver, "registers outside"), {
        length: REGISTERS_LENGTH,
        reads: { "threw InvariantError": 13 },
        writes: { "threw InvariantError": 13 },
        own: MAGIC_VALUE,
      });
      const outcomes = await attempt(driver, "maps outside") as Record<string, number>;
      deepEqual(Object.keys(outcomes).sort(), ["invalid_argument", "permission_denied"], driver);
    }
    deepEqual(node.faults, []);
  });
});

/** A part of the network card's region that its driver leaves alone, at the far end. */
const QUIET = { from: 0xf0_0000, to: 0xf0_1000 } as const;

/** Where a hostile rngd has its device write. */
const OUTSIDE = {
  "another device's memory": NET_REGION_BASE + QUIET.from,
  "right behind its own": RAM_BASE + RNG_REGION_LENGTH,
  "across the end of its own": RAM_BASE + RNG_REGION_LENGTH - 8,
  "a device's registers": 0x1000_1000,
  "no memory at all": 2 ** 40,
} as const;

async function unchanged({ attempt }: Siege, body: () => Promise<void>): Promise<void> {
  const digest = () => attempt("netstackd", "the region's digest", `${QUIET.from} ${QUIET.to}`);
  const before = await digest();
  await body();
  equal(await digest(), before, "the memory's owner finds it as it was");
}

test("a device writes for its driver into the driver's own region alone", async () => {
  await besiege("all", async (siege) => {
    await unchanged(siege, async () => {
      for (const [what, address] of Object.entries(OUTSIDE)) {
        const direct = await siege.attempt("rngd", "memory through the device", `${address}`);
        deepEqual(direct, { used: 0, broken: true, written: false }, what);
      }
      for (const [what, address] of Object.entries(OUTSIDE)) {
        const ring = await siege.attempt("rngd", "memory through the device", `own ${address}`);
        deepEqual(ring, { used: 0, broken: false, written: false }, `a queue in ${what}`);
      }
    });
    const own = await siege.attempt("rngd", "memory through the device", "own");
    deepEqual(own, { used: 1, broken: false, written: true }, "the attempt is a real one");
  });
});

test("a daemon without a device reaches no register and no region", async () => {
  await besiege("all", async ({ attempt }) => {
    deepEqual(await attempt("samgrd", "maps outside"), { permission_denied: 6 * 256 });
  });
});
