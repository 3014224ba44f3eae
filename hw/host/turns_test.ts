import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostClock } from "./clock.ts";
import { hostTurns } from "./turns.ts";

test("hostClock is an integer that does not go back", () => {
  const clock = hostClock();
  const readings = Array.from({ length: 1000 }, () => clock.nowNs());
  readings.forEach((reading, index) => {
    ok(Number.isInteger(reading) && reading >= (readings[index - 1] ?? 0));
  });
});

test("hostTurns later() runs in order, after this turn, and new work in a further turn", async () => {
  const turns = hostTurns(hostClock());
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  turns.later(() => {
    order.push("first");
    turns.later(() => {
      order.push("third");
      resolve();
    });
  });
  turns.later(() => order.push("second"));
  order.push("now");
  await promise;
  deepEqual(order, ["now", "first", "second", "third"]);
});

test("hostTurns later() lets timers in between endless work", async () => {
  const clock = hostClock();
  const turns = hostTurns(clock);
  let running = true;
  const again = () => {
    if (running) turns.later(again);
  };
  again();
  await new Promise<void>((resolve) => turns.at(clock.nowNs() + 1e6, resolve));
  running = false;
  await new Promise<void>((resolve) => turns.later(resolve));
});

test("hostTurns at() is never early and can be cancelled", async () => {
  const clock = hostClock();
  const turns = hostTurns(clock);
  const atNs = clock.nowNs() + 2.5e6;
  turns.at(atNs - 1e6, () => ok(false, "a cancelled timer ran"))();
  await new Promise<void>((resolve) => turns.at(atNs, resolve));
  ok(clock.nowNs() >= atNs);
});
