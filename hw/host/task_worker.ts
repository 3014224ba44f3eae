/* The entry of every isolate that daemons live in: it reaches each of them by one literal import(). */
import { assert } from "@runtime/core/assert.ts";
import { TASKS } from "@services/tasks.gen.ts";
import { enterIsolate } from "./task_entry.ts";

enterIsolate((task) => {
  const load = TASKS[task];
  assert(load !== undefined, "the boot names daemons of this program");
  return load();
});
