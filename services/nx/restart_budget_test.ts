import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import {
  RESTART_BACKOFF_MAX_MS,
  RESTART_BACKOFF_MIN_MS,
  RESTART_WINDOW_MS,
  RestartBudget,
  RESTARTS_MAX,
} from "./restart_budget.ts";

const WINDOW_NS = RESTART_WINDOW_MS * 1e6;

test("RestartBudget waits twice as long each time, up to its bound, and is spent", () => {
  const budget = new RestartBudget();
  const taken = Array.from({ length: RESTARTS_MAX }, (_, second) => budget.take(second * 1e9));
  deepEqual(taken.map((restart) => restart?.number), [1, 2, 3, 4, 5, 6, 7, 8]);
  deepEqual(taken.map((restart) => restart?.delayMs), [
    ...[RESTART_BACKOFF_MIN_MS, 500, 1_000, 2_000, 4_000],
    ...Array(3).fill(RESTART_BACKOFF_MAX_MS),
  ]);
  equal(budget.take(RESTARTS_MAX * 1e9), undefined);
});

test("RestartBudget gives each restart back when its window is over, and all after a quiet one", () => {
  const budget = new RestartBudget();
  for (let second = 0; second < RESTARTS_MAX; second++) budget.take(second * 1e9);
  equal(budget.take(WINDOW_NS - 1), undefined);
  deepEqual(budget.take(WINDOW_NS), { number: RESTARTS_MAX, delayMs: RESTART_BACKOFF_MAX_MS });
  deepEqual(budget.take(3 * WINDOW_NS), { number: 1, delayMs: RESTART_BACKOFF_MIN_MS });
});
