/* The product's entry, compromised: beside its work it says on its wires what a daemon tells it to. */
import { enterIsolate } from "@hw/host/task_entry.ts";
import { TASKS } from "@services/tasks.gen.ts";
import { mouth } from "./mouth.ts";

addEventListener("message", (event) => {
  const { port } = (event as MessageEvent).data.control;
  mouth.control = port;
  port.addEventListener("message", ({ data: [order, wires] }: MessageEvent) => {
    if (order === "attach") mouth.requests.push(wires.requests.end.port);
  });
}, { once: true });

enterIsolate(async (task) => {
  const load = TASKS[task];
  if (load === undefined) throw new TypeError(`no daemon ${task}`);
  const { hostile } = await import("./hostile.ts");
  return hostile(await load());
});
