import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import {
  RESTART_BACKOFF_MAX_MS,
  RESTART_BACKOFF_MIN_MS,
  RESTART_WINDOW_MS,
  Restarts,
  RESTARTS_MAX,
} from "./restart.ts";

const MS = 1e6;

/** A daemon that served once. */
function serving(): Restarts {
  const restarts = new Restarts();
  restarts.served();
  return restarts;
}

/** A fault, and the restart as soon as it may be. @returns the wait, and when it serves again. */
function cycle(restarts: Restarts, nowMs: number) {
  const waitMs = restarts.faulted(nowMs * MS);
  if (waitMs === undefined) return undefined;
  restarts.due((nowMs + waitMs) * MS);
  restarts.served();
  return waitMs;
}

test("Restarts leads from a fault over the wait and the start back to serving", () => {
  const restarts = serving();
  const states = [restarts.state];
  restarts.faulted(0);
  states.push(restarts.state);
  restarts.due(1);
  states.push(restarts.state);
  restarts.served();
  states.push(restarts.state);
  deepEqual(states, ["serving", "backing_off", "starting", "serving"]);
  equal(restarts.count, 1);
});

test("Restarts waits twice as long from fault to fault", () => {
  const restarts = serving();
  const waits = Array.from({ length: RESTARTS_MAX }, (_, index) => cycle(restarts, index));
  deepEqual(waits, [100, 200, 400, 800, 1600]);
  equal(waits[0], RESTART_BACKOFF_MIN_MS);
});

test("Restarts waits no longer than its bound, however often a daemon faults", () => {
  const restarts = serving();
  const apartMs = RESTART_WINDOW_MS / 4;
  const waits = Array.from({ length: 9 }, (_, index) => cycle(restarts, index * apartMs));
  equal(waits.at(-1), RESTART_BACKOFF_MAX_MS);
  equal(Math.max(...waits.map((wait) => wait ?? Infinity)), RESTART_BACKOFF_MAX_MS);
});

test("Restarts waits the shortest again after a window without a fault", () => {
  const restarts = serving();
  for (const nowMs of [0, 10, 20]) cycle(restarts, nowMs);
  equal(cycle(restarts, 20 + RESTART_WINDOW_MS + 1), RESTART_BACKOFF_MIN_MS);
});

test("Restarts stops a daemon whose budget is spent, and for good", () => {
  const restarts = serving();
  for (let index = 0; index < RESTARTS_MAX; index++) cycle(restarts, index);
  equal(restarts.faulted(RESTARTS_MAX * MS), undefined);
  equal(restarts.state, "stopped");
  equal(restarts.alive, false);
  throws(() => restarts.due(0), InvariantError);
  throws(() => restarts.served(), InvariantError);
});

test("Restarts has its whole budget again when the window has passed", () => {
  const restarts = serving();
  for (let index = 0; index < RESTARTS_MAX; index++) cycle(restarts, index);
  const laterMs = 2 * RESTART_WINDOW_MS;
  for (let index = 0; index < RESTARTS_MAX; index++) {
    equal(typeof cycle(restarts, laterMs + index), "number");
  }
  equal(restarts.faulted((laterMs + RESTARTS_MAX) * MS), undefined);
});

test("Restarts counts a fault of a daemon that is just starting", () => {
  const restarts = serving();
  restarts.faulted(0);
  restarts.due(1);
  equal(restarts.faulted(2), 2 * RESTART_BACKOFF_MIN_MS);
  equal(restarts.state, "backing_off");
});
