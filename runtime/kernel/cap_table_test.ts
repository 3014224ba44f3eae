import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { memoryDevice } from "@tests/fakes/kernel.ts";
import { CAPABILITY_SLOTS, RIGHT_MANAGE, RIGHT_MAP, RIGHT_SEND } from "../core/syscalls.ts";
import { type Capability, derivable, holds, movable } from "./capability.ts";
import { CapTable } from "./cap_table.ts";
import { Vmo } from "./vmo.ts";

function vmo(rights = RIGHT_MAP): Capability {
  return { object: { kind: "vmo", vmo: Vmo.zeroed(1) }, rights };
}

function fullTable(): CapTable {
  const table = new CapTable();
  for (let slot = 0; slot < CAPABILITY_SLOTS; slot++) equal(table.allocate(vmo()), slot);
  return table;
}

test("CapTable hands out the lowest free slot", () => {
  const table = fullTable();
  table.take(7);
  table.take(3);
  equal(table.allocate(vmo()), 3);
  equal(table.allocate(vmo()), 7);
});

test("CapTable holds 256 capabilities and not one more", () => {
  const table = fullTable();
  equal(table.used, 256);
  equal(table.full, true);
  equal(table.allocate(vmo()), undefined);
  equal(table.used, 256);
});

test("CapTable.take empties a slot once, and none that does not exist", () => {
  const table = fullTable();
  const first = table.get(0);
  equal(table.take(0), first);
  equal(table.take(0), undefined);
  for (const slot of [-1, 256, 0.5, NaN]) equal(table.take(slot), undefined);
  equal(table.used, 255);
});

test("CapTable keeps the slot of a lent capability for its return", () => {
  const table = new CapTable();
  const capability = vmo();
  equal(table.allocate(capability), 0);
  equal(table.lend(0), capability);
  equal(table.get(0), undefined);
  equal(table.take(0), undefined);
  equal(table.lend(0), undefined);
  equal(table.allocate(vmo()), 1);
  equal(table.giveBack(0, capability), true);
  equal(table.get(0), capability);
  equal(table.used, 2);
});

test("CapTable frees the slot of a lent capability that does not come back", () => {
  const table = new CapTable();
  const capability = vmo();
  table.allocate(capability);
  table.lend(0);
  equal(table.used, 1);
  table.release(0);
  equal(table.used, 0);
  equal(table.giveBack(0, capability), false);
  table.release(0);
  equal(table.used, 0);
  equal(table.allocate(vmo()), 0);
  table.release(0);
  equal(table.used, 1);
});

test("CapTable.drain returns what is held and forgets what is lent", () => {
  const table = new CapTable();
  const kept = vmo();
  const lent = vmo();
  table.allocate(lent);
  table.allocate(kept);
  table.lend(0);
  deepEqual(table.drain(), [kept]);
  equal(table.used, 0);
  equal(table.giveBack(0, lent), false);
});

test("capability rights pass on as a subset only", () => {
  const both = vmo(RIGHT_MAP | RIGHT_SEND);
  equal(holds(both, RIGHT_MAP | RIGHT_SEND), true);
  equal(holds(vmo(RIGHT_MAP), RIGHT_MAP | RIGHT_SEND), false);
  equal(derivable(both, RIGHT_MAP), true);
  equal(derivable(both, RIGHT_MAP | RIGHT_MANAGE), false);
  equal(derivable(both, 0), false);
});

test("movable refuses what manages its object, and a device", () => {
  equal(movable(vmo(RIGHT_MAP)), true);
  equal(movable(vmo(RIGHT_MAP | RIGHT_MANAGE)), false);
  equal(
    movable({ object: { kind: "mmio", device: memoryDevice(4096) }, rights: RIGHT_MAP }),
    false,
  );
});
