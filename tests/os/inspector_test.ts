/**
 * The inspector that the runtime opens at SIGUSR1: what it gives away, and that a node's does not open.
 *
 * The port is one for the whole host, so these tests hold it alone, and are ignored where somebody
 * else has it.
 *
 * @module
 */

import { INSPECTOR_PORT } from "@hw/host/inspector_door.ts";
import { denoAtLeast } from "@hw/host/runtime_version.ts";
import { equal, ok, rejects } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inspectorPort } from "./inspector_port.ts";
import { inWorldAlone, type NxProcess, type NxWorld } from "./nx_process.ts";

const PORT = { hostname: "127.0.0.1", port: INSPECTOR_PORT };
/** Something foreign may hold the port for so long before the tests do without it. */
const BUSY_MS_MAX = 20_000;
/** Nothing here takes so long, unless it has hung. */
const HANG_MS = 20_000;
const SIGUSR1_BIT = 1n << 9n;
const SECRET = "correct horse battery staple";

/** Looks until it is true. */
async function until(looked: () => boolean | Promise<boolean>, hangMs = HANG_MS): Promise<boolean> {
  for (const endMs = Date.now() + hangMs; Date.now() < endMs;) {
    if (await looked()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

function portFree(): boolean {
  try {
    Deno.listen(PORT).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/** Whether the process would not just end at SIGUSR1. Source: Linux, proc(5), `SigCgt`. */
function hearsSignal(id: number): boolean {
  const [, caught = "0"] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(
    Deno.readTextFileSync(`/proc/${id}/status`),
  ) ?? [];
  return (BigInt(`0x${caught}`) & SIGUSR1_BIT) !== 0n;
}

async function provoke(id: number): Promise<void> {
  ok(await until(() => hearsSignal(id)), "the runtime listens for the signal");
  Deno.kill(id, "SIGUSR1");
}

/** What whoever can connect to this host's loopback does: asks for an expression's value. */
async function attack(expression: string): Promise<unknown> {
  const listed = await fetch(`http://127.0.0.1:${INSPECTOR_PORT}/json`);
  const [target] = await listed.json();
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  try {
    return await new Promise((resolve, reject) => {
      socket.onerror = (event) => reject(new TypeError(`no inspector: ${event.type}`));
      socket.onmessage = ({ data }) => resolve(JSON.parse(data).result.result.value);
      socket.onopen = () =>
        socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression } }));
    });
  } finally {
    await new Promise((resolve) => {
      socket.onclose = resolve;
      socket.close();
    });
  }
}

/** What is said at the port by itself. */
async function banner(): Promise<string> {
  try {
    const { readable } = await Deno.connect(PORT);
    return await new Response(readable).text();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return "";
    throw error;
  }
}

/** A process of a world that heard the signal and says that its inspector could not start. */
async function refused(process: NxProcess, times: number): Promise<boolean> {
  return await until(() =>
    process.errors.filter((line) => line.includes("Failed to start inspector server")).length >=
      times
  );
}

async function upAlone(world: NxWorld, ...args: string[]): Promise<[NxProcess, number]> {
  const process = world.supervised("up", "--listen", "127.0.0.1:0", ...args);
  const listening = await process.event(({ event }) => event === "listening");
  await process.event(({ event }) => event === "ready");
  return [process, await world.nodeProcess(Number(listening["port"]))];
}

const possible = denoAtLeast(2, 9) && Deno.build.os === "linux";
const lock = possible ? await inspectorPort("alone") : undefined;
const usable = possible && await until(portFree, BUSY_MS_MAX);
if (!usable) lock?.close();
globalThis.addEventListener("unload", () => {
  if (usable) lock?.close();
});
const options = { ignore: !usable };

test("SIGUSR1 lets whoever connects read all memory of a process without permissions", async () => {
  const source = `globalThis.key = "${SECRET}"; setInterval(() => {}, 1000); console.log("up");`;
  const folder = await Deno.makeTempDir({ prefix: "nx-inspected-" });
  await Deno.writeTextFile(`${folder}/victim.js`, source);
  const victim = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", `${folder}/victim.js`],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  try {
    await provoke(victim.pid);
    ok(await until(() => !portFree()));
    equal(await attack("key"), SECRET);
  } finally {
    victim.kill("SIGKILL");
    await victim.status;
    await Deno.remove(folder, { recursive: true });
  }
}, options);

test(
  "nx up holds the inspector's port: the same attack finds nothing, and the node goes on",
  async () => {
    await inWorldAlone(async (world) => {
      for (const how of [["--no-supervise"], []]) {
        const [process, node] = await upAlone(world, ...how);
        equal(await banner(), `nexus-node ${node}\n`);
        await provoke(node);
        ok(await refused(process, 1));
        if (node !== process.id) {
          await provoke(process.id);
          ok(await refused(process, 2), "the supervisor cannot open one either");
        }
        await rejects(attack("1"), TypeError);
        equal(await banner(), `nexus-node ${node}\n`);
        equal((await world.run("id")).code, 0);
        process.kill("SIGTERM");
        equal((await process.ended).code, 0);
      }
    });
  },
  options,
);

test(
  "nx up takes the inspector's port from a node that ends, and keeps it from everybody",
  async () => {
    await inWorldAlone(async (world) => {
      const [first, one] = await upAlone(world, "--no-supervise");
      const [second, two] = await upAlone(world, "--no-supervise");
      equal(await banner(), `nexus-node ${one}\n`);
      await provoke(two);
      ok(await refused(second, 1));
      first.kill("SIGTERM");
      await first.ended;
      ok(await until(async () => await banner() === `nexus-node ${two}\n`));
      await provoke(two);
      ok(await refused(second, 2));
      await rejects(attack("1"), TypeError);
    });
  },
  options,
);
