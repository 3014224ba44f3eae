import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { Accusations, GARBLED_REPLIES_MAX, GARBLED_WINDOW_MS } from "./accusations.ts";

const MS = 1e6;

/** Lets one caller report so often. @returns whether the server was found guilty at the last. */
function report(
  accusations: Accusations,
  caller: string,
  { callers = 2, times = 3, nowMs = 0 } = {},
) {
  let guilty = false;
  for (let time = 0; time < times; time++) {
    guilty = accusations.add({ caller, server: "s" }, { callers, nowNs: nowMs * MS });
  }
  return guilty;
}

test("Accusations finds a server guilty when two callers got garbage again and again", () => {
  const accusations = new Accusations();
  equal(report(accusations, "a"), false);
  equal(report(accusations, "b", { times: GARBLED_REPLIES_MAX - 1 }), false);
  equal(report(accusations, "b", { times: 1 }), true);
});

test("Accusations of one caller among several are not enough, however many", () => {
  const accusations = new Accusations();
  equal(report(accusations, "a", { times: 100 }), false);
});

test("Accusations takes the word of the only caller that a server has", () => {
  const accusations = new Accusations();
  equal(report(accusations, "a", { callers: 1, times: GARBLED_REPLIES_MAX - 1 }), false);
  equal(report(accusations, "a", { callers: 1, times: 1 }), true);
});

test("Accusations forgets what is older than its window", () => {
  const accusations = new Accusations();
  report(accusations, "a");
  equal(report(accusations, "b", { nowMs: GARBLED_WINDOW_MS + 1 }), false);
});

test("Accusations starts anew with a server's successor", () => {
  const accusations = new Accusations();
  report(accusations, "a");
  accusations.forget("s");
  equal(report(accusations, "b"), false);
  equal(report(accusations, "a"), true);
  equal(report(accusations, "b", { times: 1 }), false);
});
