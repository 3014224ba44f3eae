import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { HOST_ISOLATE } from "./isolate.ts";
import { isolateNameOf } from "./placement.ts";

const TASKS = COMPONENTS.map(({ name }) => name);

test("isolateNameOf gives every daemon its own isolate, or all of them the boot's", () => {
  deepEqual(TASKS.map((task) => isolateNameOf("all", task)), TASKS);
  deepEqual(new Set(TASKS.map((task) => isolateNameOf("inline", task))), new Set([HOST_ISOLATE]));
});

test("isolateNameOf puts each holder of secrets by itself, policyd beside logd, the rest together", () => {
  const neighbours = Map.groupBy(TASKS, (task) => isolateNameOf("secrets", task));
  const of = (task: string) => neighbours.get(isolateNameOf("secrets", task))?.toSorted();
  for (const alone of ["keystored", "rngd", "statefsd", "dsoftbusd"]) deepEqual(of(alone), [alone]);
  deepEqual(of("policyd"), ["logd", "policyd"]);
  equal(of("netstackd")?.includes("samgrd"), true);
  equal([...neighbours.keys()].includes(HOST_ISOLATE), false);
});

test("isolateNameOf takes no name of the language for a daemon of its table", () => {
  equal(isolateNameOf("secrets", "constructor"), isolateNameOf("secrets", "samgrd"));
});
