import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { CONTEXT_MACHINE, CONTEXT_SUPERVISOR, Plic } from "./irq.ts";

const PENDING = 0x1000;
const ENABLE_S = 0x2080;
const THRESHOLD_S = 0x201000;
const CLAIM_S = 0x201004;
const CLAIM_M = 0x200004;

function enabled(...sources: readonly number[]) {
  const plic = new Plic();
  const controller = plic.controller(CONTEXT_SUPERVISOR);
  let traps = 0;
  for (const source of sources) controller.enable(source);
  controller.onPending(() => traps++);
  return { plic, controller, traps: () => traps };
}

test("Plic claims the highest priority, and among equals the lowest id", () => {
  const { plic, controller } = enabled(3, 5, 40, 96);
  plic.write(4 * 40, 4, 7);
  for (const source of [96, 5, 3, 40]) plic.line(source)(true);
  deepEqual([1, 2, 3, 4, 5].map(() => controller.claim()), [40, 3, 5, 96, 0]);
});

test("Plic ignores sources that are disabled, of priority 0, or not above the threshold", () => {
  const { plic, controller } = enabled(3, 4);
  plic.line(5)(true);
  equal(controller.claim(), 0);
  plic.write(4 * 3, 4, 0);
  plic.line(3)(true);
  equal(controller.claim(), 0);
  plic.write(THRESHOLD_S, 4, 1);
  plic.line(4)(true);
  equal(controller.claim(), 0);
  plic.write(THRESHOLD_S, 4, 0);
  equal(controller.claim(), 4);
});

test("Plic keeps a claimed source's gate shut until completion", () => {
  const { plic, controller, traps } = enabled(8);
  const line = plic.line(8);
  line(true);
  equal(traps(), 1);
  equal(controller.claim(), 8);
  line(false);
  line(true);
  equal(controller.claim(), 0);
  equal(traps(), 1);
  controller.complete(8);
  equal(traps(), 2);
  equal(controller.claim(), 8);
});

test("Plic samples the level at completion: low stays quiet, high comes again", () => {
  const { plic, controller } = enabled(8);
  const line = plic.line(8);
  line(true);
  controller.claim();
  line(false);
  controller.complete(8);
  equal(controller.claim(), 0);
  line(true);
  controller.claim();
  controller.complete(8);
  equal(controller.claim(), 8);
});

test("Plic ignores the completion of what is not claimed or not enabled", () => {
  const { plic, controller } = enabled(8);
  plic.line(8)(true);
  controller.complete(8);
  controller.complete(0);
  controller.complete(97);
  equal(controller.claim(), 8);
  plic.write(CLAIM_M, 4, 8);
  equal(controller.claim(), 0);
});

test("Plic claims and completes through its registers as Linux does: until the claim reads 0", () => {
  const { plic } = enabled(8);
  const line = plic.line(8);
  line(true);
  equal(plic.read(CLAIM_S, 4), 8);
  plic.write(CLAIM_S, 4, 8);
  equal(plic.read(CLAIM_S, 4), 8);
  line(false);
  plic.write(CLAIM_S, 4, 8);
  equal(plic.read(CLAIM_S, 4), 0);
});

test("Plic's trap runs when the line to the hart rises, and once for several sources", () => {
  const { plic, controller, traps } = enabled(1, 2, 3);
  plic.line(1)(true);
  plic.line(2)(true);
  equal(traps(), 1);
  controller.claim();
  controller.claim();
  plic.line(3)(true);
  equal(traps(), 2);
});

test("Plic's trap runs at once for what was pending before it was named", () => {
  const plic = new Plic();
  const controller = plic.controller(CONTEXT_SUPERVISOR);
  controller.enable(9);
  plic.line(9)(true);
  let traps = 0;
  controller.onPending(() => traps++);
  equal(traps, 1);
});

test("Plic recomputes the hart's line on register writes", () => {
  const { plic, traps } = enabled();
  plic.line(33)(true);
  plic.write(4 * 33, 4, 1);
  equal(traps(), 0);
  plic.write(ENABLE_S + 4, 4, 2);
  equal(traps(), 1);
});

test("Plic registers read back what exists: 3 priority bits, no source 0, no source 97", () => {
  const plic = new Plic();
  plic.write(4, 4, 0xffffffff);
  equal(plic.read(4, 4), 7);
  plic.write(0, 4, 7);
  equal(plic.read(0, 4), 0);
  for (const word of [0, 4, 8, 12]) plic.write(ENABLE_S + word, 4, 0xffffffff);
  deepEqual([0, 4, 8, 12].map((word) => plic.read(ENABLE_S + word, 4)), [
    0xfffffffe,
    0xffffffff,
    0xffffffff,
    1,
  ]);
  plic.write(THRESHOLD_S, 4, 0xff);
  equal(plic.read(THRESHOLD_S, 4), 7);
  plic.line(34)(true);
  equal(plic.read(PENDING + 4, 4), 4);
  plic.write(PENDING + 4, 4, 0);
  equal(plic.read(PENDING + 4, 4), 4);
});

test("Plic refuses accesses that are not 32 bits wide or reach no register, and counts them", () => {
  const plic = new Plic();
  equal(plic.read(4, 1), 0);
  plic.write(4, 2, 7);
  equal(plic.read(4, 4), 0);
  for (const offset of [0x800, 0x1010, 0x2010, 0x2100, 0x202000, 0x201008, 0x5ffffc]) {
    equal(plic.read(offset, 4), 0);
    plic.write(offset, 4, 0xffffffff);
  }
  equal(plic.refused, 16);
});

test("Plic's machine context has its own enables and claims", () => {
  const { plic, controller } = enabled(8);
  const machine = plic.controller(CONTEXT_MACHINE);
  plic.line(8)(true);
  equal(machine.claim(), 0);
  machine.enable(8);
  equal(plic.read(CLAIM_M, 4), 8);
  equal(plic.read(CLAIM_S, 4), 0);
  equal(controller.claim(), 0);
});
