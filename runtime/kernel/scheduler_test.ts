import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { endpointBetween, manualKernel } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import type { Slot } from "../core/syscalls.ts";
import { Scheduler, STEPS_PER_TURN_MAX } from "./scheduler.ts";
import type { Task } from "./task.ts";

async function microtasks(count = 5_000): Promise<void> {
  for (let index = 0; index < count; index++) await undefined;
}

test("Scheduler runs steps in the order in which they were caused", async () => {
  const scheduler = new Scheduler(manualClock());
  const ran: string[] = [];
  scheduler.run(() => {
    ran.push("first");
    scheduler.run(() => void ran.push("caused by first"));
  });
  scheduler.run(() => void ran.push("second"));
  deepEqual(ran, []);
  await microtasks();
  deepEqual(ran, ["first", "second", "caused by first"]);
});

test("Scheduler gives the host its turn after a bounded number of steps, all ready or not", async () => {
  const turns: (() => void)[] = [];
  const scheduler = new Scheduler({ ...manualClock(), later: (work) => void turns.push(work) });
  let ran = 0;
  for (let count = 0; count < 3 * STEPS_PER_TURN_MAX; count++) scheduler.run(() => ran += 1);
  for (let turn = 1; turn <= 3; turn++) {
    await microtasks();
    equal(ran, turn * STEPS_PER_TURN_MAX);
    turns.shift()?.();
  }
  equal(turns.length, 0);
});

test("Scheduler keeps the order over a host turn", async () => {
  const clock = manualClock();
  const scheduler = new Scheduler(clock);
  const ran: number[] = [];
  const all = Array.from({ length: STEPS_PER_TURN_MAX + 9 }, (_, index) => index);
  for (const index of all) scheduler.run(() => void ran.push(index));
  await microtasks();
  scheduler.run(() => void ran.push(-1));
  clock.runLater();
  await microtasks();
  deepEqual(ran, [...all, -1]);
});

test("Scheduler bounds steps that cause each other", async () => {
  const clock = manualClock();
  const scheduler = new Scheduler(clock);
  let ran = 0;
  const step = () => {
    ran += 1;
    scheduler.run(step);
  };
  scheduler.run(step);
  await microtasks();
  equal(ran, STEPS_PER_TURN_MAX);
});

/** Answers every message with one of its own, for ever. */
async function chat(task: Task, slots: { receive: Slot; send: Slot; heard: () => void }) {
  for (;;) {
    const message = await task.receive(slots.receive);
    if (message.status !== "ok") return;
    slots.heard();
    task.trySend(slots.send, message.frame);
  }
}

test("a chatty pair of tasks cannot keep host I/O out", async () => {
  const { kernel, clock } = manualKernel();
  const [left, right] = [kernel.spawn("left"), kernel.spawn("right")];
  const toLeft = endpointBetween(kernel, { owner: left, client: right });
  const toRight = endpointBetween(kernel, { owner: right, client: left });
  let messages = 0;
  const heard = () => void (messages += 1);
  chat(left, { receive: toLeft.receive, send: toRight.send, heard });
  chat(right, { receive: toRight.receive, send: toLeft.send, heard });
  right.trySend(toLeft.send, new Uint8Array(1));
  for (let turn = 1; turn <= 3; turn++) {
    await microtasks(20_000);
    equal(messages, turn * STEPS_PER_TURN_MAX);
    clock.runLater();
  }
  kernel.stop();
});
