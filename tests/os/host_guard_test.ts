/**
 * A node refuses to start where its keys would be no secret: whatever Deno itself was started with.
 *
 * @module
 */

import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld } from "./nx_process.ts";

const UP = ["up", "--no-supervise", "--until", "init: ready"];

test("nx up refuses a runtime with --seed, and prints no line of a node", async () => {
  await inWorld(async (world) => {
    for (const args of [UP, [...UP, "--profile", "test", "--seed", "a"], ["test-os"]]) {
      const { code, events, errors } = await world.flagged(["--seed=1"], ...args).ended;
      equal(code, 1);
      deepEqual(events.filter(({ event }) => event === "marker" || event === "line"), []);
      ok(errors.join().includes("was given a --seed"), errors.join());
    }
    equal((await world.flagged([], ...UP).ended).code, 0);
  });
});

test("nx up refuses a runtime whose inspector is open, but for the test profile", async () => {
  await inWorld(async (world) => {
    const inspected = ["--inspect=127.0.0.1:0"];
    const { code, errors } = await world.flagged(inspected, ...UP).ended;
    equal(code, 1);
    ok(errors.join().includes("the inspector of this process is open"), errors.join());
    const allowed = await world.flagged(inspected, ...UP, "--profile", "test").ended;
    equal(allowed.code, 0);
  });
});

test("nx init refuses a runtime with --seed, and makes nothing", async () => {
  const above = await Deno.makeTempDir({ prefix: "nx-state-" });
  try {
    await inWorld(async (world) => {
      const init = ["init", "--state", `${above}/s`, "--size", "64KiB"];
      const { code, errors } = await world.flagged(["--seed=1"], ...init).ended;
      equal(code, 1);
      ok(errors.join().includes("was given a --seed"), errors.join());
      deepEqual(await Array.fromAsync(Deno.readDir(above)), []);
    });
  } finally {
    await Deno.remove(above, { recursive: true });
  }
});
