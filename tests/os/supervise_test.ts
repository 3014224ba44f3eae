/**
 * `nx up` as a user starts it: a supervisor, and the node in a process of its own.
 *
 * @module
 */

import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld, type NxEvent, type NxProcess, type NxWorld } from "./nx_process.ts";

const UP = ["up", "--listen", "127.0.0.1:0"];

/** Port and process of the node that serves as the `number`-th one, from 0. */
async function served(world: NxWorld, process: NxProcess, number: number) {
  const nth = (name: string) => (wanted: NxEvent) =>
    process.events.filter(({ event }) => event === name)[number] === wanted;
  const { port } = await process.event(nth("listening"));
  await process.event(nth("ready"));
  return { port: Number(port), node: await world.nodeProcess(Number(port)) };
}

test("nx up starts a node again that was killed or crashed, on its port, as another device", async () => {
  await inWorld(async (world) => {
    const process = world.supervised(...UP);
    let last = await served(world, process, 0);
    ok(last.node !== process.id, "the node has a process of its own");
    const ids = new Set<unknown>();
    for (const [number, signal] of (["SIGKILL", "SIGTRAP", "SIGABRT"] as const).entries()) {
      ids.add((await world.run("id")).events[0]?.["deviceId"]);
      Deno.kill(last.node, signal);
      const next = await served(world, process, number + 1);
      equal(next.port, last.port);
      ok(next.node !== last.node);
      last = next;
    }
    ids.add((await world.run("id")).events[0]?.["deviceId"]);
    equal(ids.size, 4, "keys live in memory");
    const restarts = process.events.filter(({ event }) => event === "restarting");
    deepEqual(restarts.map(({ exitCode, restart }) => [exitCode, restart]), [
      [137, 1],
      [133, 2],
      [134, 3],
    ]);
    process.kill("SIGTERM");
    const { code, events, errors } = await process.ended;
    deepEqual([code, events.at(-1)], [0, { event: "stopped", reason: "signal" }]);
    equal(errors.filter((line) => line.includes("it starts again in")).length, 3);
    deepEqual(await world.files(), ["nexus"], "the report's folder is gone");
  });
});

test("nx up stops in order when a terminal's signal reaches both of its processes", async () => {
  for (const signal of ["SIGINT", "SIGHUP"] as const) {
    await inWorld(async (world) => {
      const process = world.supervised(...UP);
      const { node } = await served(world, process, 0);
      for (const id of [node, process.id]) Deno.kill(id, signal);
      const { code, events, errors } = await process.ended;
      deepEqual([code, events.at(-1)], [0, { event: "stopped", reason: "signal" }]);
      deepEqual(errors, []);
      equal((await world.run("nodes")).events.length, 0);
    });
  }
});

test("nx up's node ends in order when its supervisor is killed", async () => {
  await inWorld(async (world) => {
    const process = world.supervised(...UP);
    await served(world, process, 0);
    process.kill("SIGKILL");
    const { code, events } = await process.ended; // the node holds its output open until it ends
    deepEqual([code, events.at(-1)], [137, { event: "stopped", reason: "input_ended" }]);
  });
});

test("nx up ends with its node, by the node's own exit code", async () => {
  await inWorld(async (world) => {
    const taken = world.supervised(...UP);
    const { port } = await served(world, taken, 0);
    const ends = await Promise.all([
      world.supervised("up", "--until", "init: ready").ended,
      world.supervised("up", "--timeout", "1ms").ended,
      world.supervised("up", "--listen", `127.0.0.1:${port}`).ended,
      world.supervised("up", "--seed", "a").ended,
    ]);
    deepEqual(ends.map(({ code }) => code), [0, 124, 1, 2]);
    deepEqual(ends.map(({ events }) => events.filter(({ event }) => event === "restarting")), [
      ...[[], [], [], []],
    ]);
  });
});

test("nx up --child ends its node with its input", async () => {
  await inWorld(async (world) => {
    const process = world.supervised(...UP, "--child");
    await served(world, process, 0);
    await process.endInput();
    const { code, events } = await process.ended;
    deepEqual([code, events.at(-1)], [0, { event: "stopped", reason: "input_ended" }]);
  });
});
