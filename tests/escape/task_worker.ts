/* The product's entry, with every daemon rebuilt as a hostile one once the isolate is locked. */
import { enterIsolate } from "@hw/host/task_entry.ts";
import { TASKS } from "@services/tasks.gen.ts";

enterIsolate(async (task) => {
  const load = TASKS[task];
  if (load === undefined) throw new TypeError(`no daemon ${task}`);
  const { hostile } = await import("./hostile.ts");
  return hostile(await load());
});
