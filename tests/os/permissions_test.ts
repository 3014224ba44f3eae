/**
 * What each process of the program may do, as processes: a missing permission is named in one line.
 *
 * @module
 */

import { deepEqual, equal } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld } from "./nx_process.ts";

const KINDS = ["net", "read", "write", "env", "sys", "run"] as const;
type Kind = typeof KINDS[number];

/** Every permission of these kinds but one. */
function allBut(kind: Kind): string[] {
  return KINDS.filter((each) => each !== kind).map((each) => `--allow-${each}`);
}

const HERE = ["up", "--no-supervise", "--listen", "127.0.0.1:0"];

/** A command without one permission, and the flag that its one line names, by its world's folder. */
const CASES: readonly (readonly [Kind, readonly string[], (folder: string) => string])[] = [
  ["net", HERE, () => "--allow-net=127.0.0.1:0"],
  ["read", HERE, (folder) => `--allow-read=${folder}/nexus`],
  ["write", HERE, (folder) => `--allow-write=${folder}/nexus`],
  ["env", HERE, () => "--allow-env=XDG_RUNTIME_DIR"],
  ["sys", HERE, () => "--allow-sys=uid"],
  ["run", ["up"], () => `--allow-run=${Deno.execPath()}`],
  ["run", ["demo"], () => `--allow-run=${Deno.execPath()}`],
  ["write", ["up"], () => "--allow-write"],
  ["read", ["id"], (folder) => `--allow-read=${folder}/nexus`],
  ["env", ["id"], () => "--allow-env=XDG_RUNTIME_DIR"],
  ["sys", ["nodes"], () => "--allow-sys=uid"],
  ["env", ["test-os"], () => "--allow-env=RUN_PHASE"],
  ["write", ["test-os"], () => "--allow-write"],
];

test("nx names a missing permission in one line, whichever kind and command", async () => {
  await inWorld(async (world) => {
    await Deno.mkdir(`${world.folder}/nexus`, { mode: 0o700 });
    for (const [kind, args, flag] of CASES) {
      const { code, errors } = await world.permitted(allBut(kind), ...args).ended;
      equal(code, 1);
      deepEqual(errors.map((line) => line.split(": without it ")[0]), [
        `nx: needs ${flag(world.folder)}`,
      ]);
    }
  });
});

test("nx names the socket that it may not use, and leaves the node that has it alone", async () => {
  await inWorld(async (world) => {
    const node = await world.up("--listen", "127.0.0.1:0");
    const socket = `${world.folder}/nexus/${node.port}/control.sock`;
    for (const command of [["nodes"], ["id"], ["id", "--node", `${node.port}`]]) {
      const { code, errors } = await world.permitted(allBut("net"), ...command).ended;
      equal(code, 1);
      deepEqual(errors.map((line) => line.split(": without it ")[0]), [
        `nx: needs --allow-net=unix:${socket}`,
      ]);
    }
    equal((await node.ask("id")).code, 0);
  });
});
