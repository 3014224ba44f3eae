import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { test } from "@tests/fakes/test.ts";
import { HEARTBEAT_INTERVAL_MS, HEARTBEAT_MISSED_MAX, Watchdog } from "./watchdog.ts";

async function ready(): Promise<void> {
  for (let count = 0; count < 20; count++) await undefined;
}

/** A watchdog whose isolates answer as the test says. */
function watched(answers: (isolate: string) => boolean, names: readonly string[] = ["a"]) {
  const clock = manualClock();
  /** How far the time has run ahead of the timers: the host was held up. */
  let aheadNs = 0;
  const [pings, runaways] = [[], []] as [string[], string[]];
  const watchdog: Watchdog = new Watchdog({
    clock: { nowNs: () => clock.nowNs() + aheadNs, unixMs: () => 0 },
    sleepUntil: (atNs) => new Promise((resolve) => void clock.at(atNs - aheadNs, resolve)),
    ping(isolate) {
      pings.push(isolate);
      if (answers(isolate)) watchdog.answered(isolate);
    },
    runaway: (isolate) => void runaways.push(isolate),
  });
  watchdog.begin(names);
  const beats = async (count: number) => {
    for (let beat = 0; beat < count; beat++) {
      clock.advanceMs(HEARTBEAT_INTERVAL_MS);
      await ready();
    }
  };
  const stall = (ms: number) => void (aheadNs += ms * 1e6);
  return { stall, watchdog, pings, runaways, beats };
}

test("Watchdog leaves an isolate alone that answers", async () => {
  const { beats, pings, runaways, watchdog } = watched(() => true);
  await beats(100);
  equal(pings.length, 101);
  deepEqual(runaways, []);
  watchdog.stop();
});

test("Watchdog names an isolate once when it has not answered too often, and asks it no more", async () => {
  const { beats, pings, runaways } = watched(() => false);
  await beats(HEARTBEAT_MISSED_MAX - 1);
  deepEqual(runaways, []);
  await beats(1);
  deepEqual(runaways, ["a"]);
  await beats(10);
  deepEqual([runaways.length, pings.length], [1, HEARTBEAT_MISSED_MAX]);
});

test("Watchdog counts misses in a row, and each isolate's own", async () => {
  let beat = 0;
  const { beats, runaways, watchdog } = watched(
    (isolate) => isolate === "b" || ++beat % HEARTBEAT_MISSED_MAX === 0,
    ["a", "b"],
  );
  await beats(50);
  deepEqual(runaways, []);
  watchdog.stop();
});

test("Watchdog holds no miss against an isolate while it was itself held up", async () => {
  const { stall, runaways, beats } = watched(() => false);
  for (let time = 0; time < 20; time++) {
    await beats(HEARTBEAT_MISSED_MAX - 2);
    stall(5 * HEARTBEAT_INTERVAL_MS);
    await beats(1);
  }
  deepEqual(runaways, []);
});

test("Watchdog that is stopped asks nobody", async () => {
  const { beats, pings, watchdog } = watched(() => true);
  watchdog.stop();
  await beats(3);
  equal(pings.length, 1);
});
