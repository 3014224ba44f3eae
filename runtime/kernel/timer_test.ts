import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { manualKernel } from "@tests/fakes/kernel.ts";
import { choices } from "@tests/fakes/random.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { type Deadline, DEADLINES_MAX, TimerQueue } from "./timer.ts";

/** The obvious twin of the heap: a list that is sorted when it is looked at. */
class SortedList {
  #set: { atNs: number; order: number; id: number }[] = [];
  #order = 0;

  set(atNs: number, id: number): void {
    this.#set.push({ atNs, order: this.#order++, id });
  }

  cancel(id: number): void {
    this.#set = this.#set.filter((entry) => entry.id !== id);
  }

  due(nowNs: number): number[] {
    const due = this.#set.filter(({ atNs }) => atNs <= nowNs)
      .toSorted((left, right) => left.atNs - right.atNs || left.order - right.order);
    this.#set = this.#set.filter(({ atNs }) => atNs > nowNs);
    return due.map(({ id }) => id);
  }

  get size(): number {
    return this.#set.length;
  }
}

test("TimerQueue fires as a sorted list does, whatever is set and cancelled", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const pick = choices(seed);
    const clock = manualClock();
    const queue = new TimerQueue(clock, clock);
    const twin = new SortedList();
    const fired: number[] = [];
    const known: Deadline[] = [];
    for (let step = 0; step < 200; step++) {
      const action = pick(4);
      if (action < 2) {
        const id = known.length;
        const atNs = clock.nowNs() + pick(40);
        const deadline = queue.set(atNs, () => void fired.push(id));
        if (deadline === undefined) throw new Error("full");
        known.push(deadline);
        twin.set(atNs, id);
      } else if (action === 2 && known.length > 0) {
        const id = pick(known.length);
        const deadline = known[id];
        if (deadline !== undefined) queue.cancel(deadline);
        twin.cancel(id);
      } else {
        const before = fired.length;
        clock.advanceNs(pick(12));
        deepEqual(fired.slice(before), twin.due(clock.nowNs()), `seed ${seed} step ${step}`);
      }
      equal(queue.size, twin.size);
    }
  }
});

test("TimerQueue keeps one host timer, at the nearest deadline", () => {
  const clock = manualClock();
  const queue = new TimerQueue(clock, clock);
  let armed = 0;
  const counted = {
    ...clock,
    at: (atNs: number, work: () => void) => {
      armed += 1;
      return clock.at(atNs, work);
    },
  };
  const watched = new TimerQueue(clock, counted);
  for (const atNs of [50, 60, 70, 80]) watched.set(atNs, () => {});
  equal(armed, 1);
  equal(clock.nextNs(), 50);
  watched.set(40, () => {});
  deepEqual([armed, clock.nextNs()], [2, 40]);
  equal(queue.size, 0);
});

test("TimerQueue leaves no host timer behind when nothing is set", () => {
  const clock = manualClock();
  const queue = new TimerQueue(clock, clock);
  const deadline = queue.set(10, () => {});
  if (deadline === undefined) throw new Error("full");
  queue.cancel(deadline);
  queue.cancel(deadline);
  equal(clock.nextNs(), undefined);
  queue.set(10, () => {});
  queue.clear();
  deepEqual([clock.nextNs(), queue.size], [undefined, 0]);
});

test("TimerQueue waits on when the host's timer came early", () => {
  const clock = manualClock();
  let early: (() => void) | undefined;
  const turns = { ...clock, at: (_: number, work: () => void) => ((early = work), () => {}) };
  const queue = new TimerQueue(clock, turns);
  let fired = 0;
  queue.set(100, () => fired += 1);
  clock.advanceNs(99);
  early?.();
  equal(fired, 0);
  clock.advanceNs(1);
  early?.();
  equal(fired, 1);
});

test("TimerQueue holds a bounded number of deadlines", () => {
  const clock = manualClock();
  const queue = new TimerQueue(clock, clock);
  let last: Deadline | undefined;
  for (let count = 0; count < DEADLINES_MAX; count++) last = queue.set(count, () => {});
  equal(queue.set(1, () => {}), undefined);
  if (last !== undefined) queue.cancel(last);
  equal(queue.set(1, () => {}) === undefined, false);
});

test("a receive whose deadline finds no room says no_space and waits for nothing", async () => {
  const { kernel, clock, outcome } = manualKernel();
  const task = kernel.spawn("task");
  const pair = task.endpointCreate(1);
  if (pair.status !== "ok") throw new Error(pair.status);
  for (let count = 0; count < DEADLINES_MAX; count++) task.timerCreate().set(1_000);
  deepEqual(await outcome(task.receive(pair.receive, 5))(), { status: "no_space" });
  equal(task.trySend(pair.send, new Uint8Array(1)), "ok");
  const full = await outcome(task.send(pair.send, new Uint8Array(1), { deadlineNs: 5 }))();
  equal(full, "no_space");
  throws(() => task.timerCreate().set(9), InvariantError);
  clock.advanceNs(1_000);
  equal((await task.receive(pair.receive, 5)).status, "ok");
});

test("a timer that fired stays fired until somebody waits", async () => {
  const { kernel, clock, outcome } = manualKernel();
  const timer = kernel.spawn("task").timerCreate();
  timer.set(10);
  clock.advanceNs(10);
  timer.set(undefined);
  equal(await outcome(timer.wait().then(() => "woken"))(), "woken");
  equal(await outcome(timer.wait().then(() => "woken"))(), undefined);
});

test("a timer can be moved, unset and set again", async () => {
  const { kernel, clock, outcome } = manualKernel();
  const timer = kernel.spawn("task").timerCreate();
  const woken = outcome(timer.wait().then(() => clock.nowNs()));
  timer.set(10);
  timer.set(20);
  timer.set(20);
  clock.advanceNs(10);
  equal(await woken(), undefined);
  timer.set(undefined);
  clock.advanceNs(20);
  equal(await woken(), undefined);
  timer.set(40);
  clock.advanceNs(10);
  equal(await woken(), 40);
  equal(clock.nextNs(), undefined);
});

test("a timer set again to the time at which it fired fires again", async () => {
  const { kernel, clock, outcome } = manualKernel();
  const timer = kernel.spawn("task").timerCreate();
  timer.set(10);
  clock.advanceNs(10);
  await timer.wait();
  timer.set(10);
  clock.advanceNs(0);
  equal(await outcome(timer.wait().then(() => "again"))(), "again");
});

test("a timer has one waiter at a time", () => {
  const { kernel } = manualKernel();
  const timer = kernel.spawn("task").timerCreate();
  timer.wait();
  throws(() => timer.wait(), InvariantError);
});

test("sleepUntil resolves no earlier than its deadline", async () => {
  const { kernel, clock, outcome } = manualKernel();
  const slept = outcome(kernel.spawn("task").sleepUntil(1_000).then(() => clock.nowNs()));
  clock.advanceNs(999);
  equal(await slept(), undefined);
  clock.advanceNs(1);
  equal(await slept(), 1_000);
});
