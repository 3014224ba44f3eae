/* The product's entry, with a client of statefsd in the place of the selftest. */
import { enterIsolate } from "@hw/host/task_entry.ts";
import { TASKS } from "@services/tasks.gen.ts";
import { stateClient } from "./state_client.ts";

enterIsolate(async (task) => {
  if (task === stateClient.name) return stateClient;
  const load = TASKS[task];
  if (load === undefined) throw new TypeError(`no daemon ${task}`);
  return await load();
});
