import { deepEqual, equal, notDeepEqual, throws } from "@tests/fakes/assert.ts";
import { endpointBetween, manualKernel, memoryDevice, vmoOf } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import type { Mapped } from "../core/syscalls.ts";
import { RIGHT_SEND } from "../core/syscalls.ts";
import { PAGE_SIZE } from "./mmio.ts";

function granted(pages = 4) {
  const { kernel } = manualKernel();
  const task = kernel.spawn("driver");
  const device = memoryDevice(pages * PAGE_SIZE);
  const slot = kernel.grantDevice(task, device);
  if (slot === undefined) throw new Error("no slot");
  return { kernel, task, device, slot };
}

function window(mapped: Mapped) {
  if (mapped.status !== "ok") throw new Error(mapped.status);
  return mapped.window;
}

test("test_reject_mmio_no_cap: an empty slot and one outside the table map nothing", () => {
  const { task } = granted();
  for (const slot of [200, 256, -1, 0.5]) {
    equal(task.mmioMap(slot, 0, PAGE_SIZE).status, "permission_denied");
    equal(task.dmaMap(slot), undefined);
    equal(task.irqBind(slot), undefined);
  }
});

test("test_reject_mmio_wrong_cap_kind: neither memory nor an endpoint is a device", () => {
  const { kernel, task } = granted();
  const { receive, send } = endpointBetween(kernel, { owner: task, client: task });
  for (const slot of [vmoOf(task, PAGE_SIZE), receive, send]) {
    equal(task.mmioMap(slot, 0, PAGE_SIZE).status, "permission_denied");
    equal(task.dmaMap(slot), undefined);
    equal(task.irqBind(slot), undefined);
  }
});

test("test_reject_mmio_outside_window: no page past the last one", () => {
  const { task, slot } = granted(4);
  equal(task.mmioMap(slot, 3 * PAGE_SIZE, PAGE_SIZE).status, "ok");
  const outside = [[4, 1], [3, 2], [0, 5], [1 << 20, 1]] as const;
  for (const [page, count] of outside) {
    const mapped = task.mmioMap(slot, page * PAGE_SIZE, count * PAGE_SIZE);
    equal(mapped.status, "permission_denied");
  }
});

test("test_reject_mmio_insufficient_rights: a device capability without MAP maps nothing", () => {
  const { task, device } = granted();
  const slot = task.allot({ object: { kind: "mmio", device }, rights: RIGHT_SEND });
  if (slot === undefined) throw new Error("no slot");
  equal(task.mmioMap(slot, 0, PAGE_SIZE).status, "permission_denied");
  equal(task.capQuery(slot).status, "permission_denied");
  equal(task.dmaMap(slot), undefined);
  equal(task.irqBind(slot), undefined);
});

test("test_reject_mmio_unaligned_len: a length is one page or several", () => {
  const { task, slot } = granted();
  for (const length of [0, 1, PAGE_SIZE - 1, PAGE_SIZE + 1, -PAGE_SIZE, 0.5, NaN]) {
    equal(task.mmioMap(slot, 0, length).status, "invalid_argument");
  }
});

test("test_reject_mmio_unaligned_offset: an offset is whole pages", () => {
  const { task, slot } = granted();
  for (const offset of [1, PAGE_SIZE - 1, -PAGE_SIZE, 0.5, NaN]) {
    equal(task.mmioMap(slot, offset, PAGE_SIZE).status, "invalid_argument");
  }
});

test("test_mmio_auto_maps_are_distinct: each map is a window of its own over the same registers", () => {
  const { task, slot } = granted();
  const first = window(task.mmioMap(slot, 0, 2 * PAGE_SIZE));
  const second = window(task.mmioMap(slot, PAGE_SIZE, PAGE_SIZE));
  equal(first === window(task.mmioMap(slot, 0, 2 * PAGE_SIZE)), false);
  first.write32(PAGE_SIZE + 8, 0x01020304);
  equal(second.read32(8), 0x01020304);
  equal(second.read16(8), 0x0304);
  equal(second.read8(11), 1);
  second.write16(0, 0xbeef);
  second.write8(2, 7);
  equal(first.read32(PAGE_SIZE), 0x0007beef);
});

test("mmioMap ends where it was asked to: what lies behind is out of reach", () => {
  const { task, device, slot } = granted();
  const part = window(task.mmioMap(slot, 0, PAGE_SIZE));
  equal(part.length, PAGE_SIZE);
  const before = device.registers.slice();
  throws(() => part.read8(PAGE_SIZE), InvariantError);
  throws(() => part.read16(PAGE_SIZE - 1), InvariantError);
  throws(() => part.read32(PAGE_SIZE - 2), InvariantError);
  throws(() => part.write8(PAGE_SIZE, 1), InvariantError);
  throws(() => part.write16(PAGE_SIZE - 1, 1), InvariantError);
  throws(() => part.write32(PAGE_SIZE - 3, 1), InvariantError);
  throws(() => part.read8(-1), InvariantError);
  deepEqual(device.registers, before);
  part.write32(PAGE_SIZE - 4, 1);
  notDeepEqual(device.registers, before);
});

test("capQuery tells base and length of a device, and of memory its length", () => {
  const { kernel, task, device, slot } = granted();
  const { base, length } = device;
  deepEqual(task.capQuery(slot), { status: "ok", kind: "mmio", base, length });
  const memory = task.capQuery(vmoOf(task, 77));
  deepEqual(memory, { status: "ok", kind: "vmo", base: 0, length: 77 });
  const { send } = endpointBetween(kernel, { owner: task, client: task });
  equal(task.capQuery(send).status, "permission_denied");
  equal(task.capQuery(255).status, "invalid_slot");
});

test("a device stays with the task that the boot gave it to", async () => {
  const { kernel, task, slot } = granted();
  const other = kernel.spawn("other");
  const { send } = endpointBetween(kernel, { owner: other, client: task });
  const status = await task.send(send, new Uint8Array(1), { move: slot });
  equal(status, "permission_denied");
  equal(task.mmioMap(slot, 0, PAGE_SIZE).status, "ok");
});
