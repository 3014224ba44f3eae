/**
 * `nx test-os` as a command: its exit codes, its verdict and the consoles that it keeps.
 *
 * @module
 */

import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld, type NxEnd } from "./nx_process.ts";

function verdict({ events }: NxEnd): Readonly<Record<string, unknown>> {
  return events.find(({ event }) => event === "verdict") ?? {};
}

test("nx test-os passes with 0 and keeps both consoles", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-uart-" });
  try {
    await inWorld(async (world) => {
      const end = await world.run("test-os", "--log-dir", folder);
      equal(end.code, 0, JSON.stringify(verdict(end)));
      equal(verdict(end)["outcome"], "passed");
    });
    for (const machine of [1, 2]) {
      const lines = (await Deno.readTextFile(`${folder}/uart-${machine}.log`)).split("\n");
      for (const line of ["init: ready", "dsoftbusd: auth ok", "SELFTEST: end"]) {
        ok(lines.includes(line), `uart-${machine}.log: ${line}`);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("nx test-os ends with 124 when time is up and 2 for a phase that is none", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-uart-" });
  try {
    await inWorld(async (world) => {
      const [late, wrong, phase] = await Promise.all([
        world.run("test-os", "--log-dir", folder, "--timeout", "1ms"),
        world.run("test-os", "--log-dir", folder, "--phase", "dreams"),
        world.run("test-os", "--log-dir", folder, "--phase", "entropy"),
      ]);
      deepEqual([late.code, verdict(late)["outcome"]], [124, "timed_out"]);
      equal(wrong.code, 2);
      deepEqual([phase.code, verdict(phase)["outcome"]], [0, "passed"]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
