/** Tries what it is told, with the permissions that it was made with, and says how each went. */
import { lookup } from "node:dns/promises";
import type { Attempt, Outcome } from "@runtime/core/sandbox_ports.ts";
import { missingPermission } from "./missing_permission.ts";

/** How long an attempt that was not refused may take to succeed, in milliseconds. */
const LIMIT_MS = 2_000;
const DETAIL_LENGTH_MAX = 160;
/** The runtime says it of code from elsewhere without the name of a refusal, and of a worker so. */
const OTHER_REFUSALS = /^Requires import access|^Can't escalate parent thread permissions/;

/** @throws what the runtime or the host says against it. */
function attempt(order: Attempt): unknown {
  switch (order.what) {
    case "dial":
      return Deno.connect({ hostname: order.on.host, port: order.on.port }).then(close);
    case "listen":
      return close(Deno.listen({ hostname: order.on.host, port: order.on.port }));
    case "look up":
      return lookup(order.on);
    case "read":
      return Deno.readFileSync(order.on);
    case "write":
      return Deno.writeTextFileSync(order.on, "written by nx sandbox\n");
    case "link":
      return Deno.symlinkSync("/etc", order.on);
    case "socket":
      return close(Deno.listen({ transport: "unix", path: order.on }));
    case "env":
      return Deno.env.get(order.on);
    case "sys":
      return order.on === "uid" ? Deno.uid() : Deno.hostname();
    case "run":
      return new Deno.Command(order.on, { stdin: "null", stdout: "null", stderr: "null" }).output();
    case "ffi":
      return Deno.dlopen(order.on, {}).close();
    case "import":
      return import(order.on);
    case "worker":
      return new Worker("data:text/javascript,0", {
        type: "module",
        deno: { permissions: { net: true, read: true, write: true, run: true } },
      }).terminate();
  }
}

function close(open: { close(): void }): void {
  open.close();
}

async function tried(order: Attempt): Promise<Outcome> {
  let limit: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Outcome>((resolve) => {
    limit = setTimeout(() => resolve({ result: "failed", detail: "no answer" }), LIMIT_MS);
  });
  const done = async (): Promise<Outcome> => {
    await attempt(order);
    return { result: "done", detail: "" };
  };
  try {
    return await Promise.race([done(), late]);
  } catch (error) {
    return outcomeOf(error);
  } finally {
    clearTimeout(limit);
  }
}

function outcomeOf(error: unknown): Outcome {
  const text = error instanceof Error ? error.message : String(error);
  const detail = text.replace(/, run again with the .*$/s, "").slice(0, DETAIL_LENGTH_MAX);
  // It may be had, and somebody has it.
  if (error instanceof Deno.errors.AddrInUse) return { result: "done", detail };
  // An executable knows no code but what is in it, and says so; from source the runtime never does.
  const absent = /^Module not found: https:/.test(text);
  const refused = absent || error instanceof Deno.errors.NotCapable || OTHER_REFUSALS.test(text) ||
    missingPermission(error) !== undefined;
  return { result: refused ? "refused" : "failed", detail };
}

// The lib of a window, which checks this file too, knows no worker's postMessage.
const scope = globalThis as unknown as { postMessage(outcomes: readonly Outcome[]): void };

addEventListener("message", async (event) => {
  if (!(event instanceof MessageEvent)) return;
  const outcomes: Outcome[] = [];
  for (const order of event.data) outcomes.push(await tried(order));
  scope.postMessage(outcomes);
});
