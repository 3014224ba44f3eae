/* The product's entry, with a client of keystored in the place of the selftest. */
import { enterIsolate } from "@hw/host/task_entry.ts";
import { TASKS } from "@services/tasks.gen.ts";
import { keysClient } from "./keys_client.ts";

enterIsolate(async (task) => {
  if (task === keysClient.name) return keysClient;
  const load = TASKS[task];
  if (load === undefined) throw new TypeError(`no daemon ${task}`);
  return await load();
});
