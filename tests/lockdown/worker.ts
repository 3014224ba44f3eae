/* A worker that locks itself down, or for comparison does not, and tells what is left of the world. */
import { hostClock } from "@hw/host/clock.ts";
import { hostAccess, lockdown } from "@hw/host/lockdown.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { Scheduler } from "@runtime/kernel/scheduler.ts";
import type { Order, Report } from "./report.ts";

const host = hostAccess();
const clock = hostClock();
const turns = hostTurns(clock);
const scheduler = new Scheduler(turns);

addEventListener("message", (event) => {
  const { ports: [port], data: order } = event as MessageEvent<Order>;
  if (port === undefined) return;
  if (order.lock) lockdown();
  port.addEventListener("message", ({ data }) => answer(port, data));
  port.start();
  answer(port, order);
});

async function answer(port: MessagePort, { ask, names }: Order): Promise<void> {
  const escapes = await import("./escapes.ts");
  if (ask === "throw") throw new RangeError("a daemon's own error");
  const report: Report = {
    names: Object.getOwnPropertyNames(globalThis),
    behind: namesBehind(globalThis),
    tried: ask === "escape" ? escapes.tryAll() : {},
    caught: escapes.caught,
    imports: await (await import("./imports.ts")).tryImports(names),
    works: ask === "work" ? await work() : {},
  };
  port.postMessage(report);
}

async function work(): Promise<Record<string, unknown>> {
  const { whatWorks } = await import("./after.ts");
  return { ...await whatWorks({ clock, turns, scheduler }), ...await hostWorks() };
}

/** The port's own end of a channel, memory that is shared, and the wait on it. */
async function hostWorks(): Promise<Record<string, unknown>> {
  const { port1, port2 } = host.messageChannel();
  const { promise, resolve } = Promise.withResolvers<SharedArrayBuffer>();
  port1.onmessage = ({ data }) => resolve(data);
  port2.postMessage(new SharedArrayBuffer(4));
  const cells = new Int32Array(await promise);
  port1.close();
  return {
    waited: host.atomics.wait(cells, 0, 0, 1),
    woken: host.atomics.notify(cells, 0),
    memory: host.memoryUsage().rss > 0,
  };
}

function namesBehind(value: object): string[] {
  const next = Object.getPrototypeOf(value);
  return next === null ? [] : [...Object.getOwnPropertyNames(next), ...namesBehind(next)];
}
