/**
 * `nx sandbox` on this host: the runtime refuses what it must.
 *
 * @module
 */

import { hostSandbox } from "@hw/host/sandbox.ts";
import type { Reach } from "@runtime/core/program_ports.ts";
import { compile } from "../../scripts/compile.ts";
import { installedPair, PAIR_TARGET } from "../../scripts/ci/offline_pair.ts";
import { SANDBOX_PROFILES } from "@services/nx/sandbox_profiles.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld } from "./nx_process.ts";

test("nx sandbox finds all as it must be, under every profile", async () => {
  await inWorld(async (world) => {
    const { code, events, errors } = await world.run("sandbox");
    equal(code, 0, JSON.stringify(events.filter((event) => event["ok"] === false)));
    deepEqual(errors, []);
    const profiles = events.filter(({ event }) => event === "profile");
    deepEqual(profiles.map((event) => event["profile"]), [...SANDBOX_PROFILES]);
    const refused = events.filter(({ result }) => result === "refused");
    ok(refused.length > 80, `${refused.length}`);
    deepEqual(await world.files(), []);
  });
});

test("nx sandbox finds all as it must be in an executable", async () => {
  const output = await Deno.makeTempDir({ prefix: "nx-sandbox-" });
  try {
    const path = await compile({
      target: PAIR_TARGET,
      output,
      entry: "main.ts",
      offlinePair: true,
    });
    const { code, stdout } = await new Deno.Command(path ?? "", {
      args: ["sandbox", "--json"],
      env: { XDG_RUNTIME_DIR: output },
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    deepEqual(lines.filter((line) => line.includes('"ok":false')), []);
    equal(code, 0);
  } finally {
    await Deno.remove(output, { recursive: true });
  }
}, { ignore: installedPair() === undefined });

/** A node that may reach nothing. */
const NOTHING: Reach = {
  ...{ listens: [], dials: [], folders: [], socket: undefined, variables: [] },
};

test("hostSandbox tells a refusal from a success and from a failure of another kind", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-sandbox-" });
  const { tried, peer } = hostSandbox();
  const open = await peer();
  try {
    const closed = { host: "127.0.0.1", port: 1 };
    const outcomes = await tried({ ...NOTHING, dials: [open.address, closed], folders: [folder] }, [
      { what: "dial", on: open.address },
      { what: "dial", on: closed },
      { what: "dial", on: { host: "127.0.0.1", port: 2 } },
      { what: "write", on: `${folder}/new` },
      { what: "read", on: `${folder}/absent` },
      { what: "read", on: "/etc/passwd" },
      { what: "sys", on: "uid" },
    ]);
    deepEqual(outcomes.map(({ result }) => result), [
      ...["done", "failed", "refused"],
      ...["done", "failed", "refused", "done"],
    ]);
  } finally {
    await open.close();
    await Deno.remove(folder, { recursive: true });
  }
});
