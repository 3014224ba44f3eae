/**
 * What each process of the program may do, as processes: a missing permission is named in one line.
 *
 * @module
 */

import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { ROOT } from "../source_tree.ts";
import { freePort, inWorld } from "./nx_process.ts";

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
  ["net", ["sandbox"], () => "--allow-net=127.0.0.1:0"],
  ["sys", ["sandbox", "--profile", "offline"], () => "--allow-sys=uid"],
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

/** A node beside a main thread with these permissions: its last line, and its complaints. */
async function confined(folder: string, how: "whole" | "deaf", flags: readonly string[]) {
  const program = new URL("../fakes/confined_program.ts", import.meta.url).pathname;
  const until = ["up", "--no-supervise", "--listen", "127.0.0.1:0", "--until", "init: ready"];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", ...flags, program, folder, how, ...until],
    env: { XDG_RUNTIME_DIR: folder },
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return { last: JSON.parse(lines.at(-1) ?? ""), errors: new TextDecoder().decode(stderr) };
}

test("runConfined leaves the thread around a node nothing but the program's own files", async () => {
  await inWorld(async ({ folder }) => {
    const { last, errors } = await confined(folder, "whole", [
      ...[
        "--allow-net",
        `--allow-read=${ROOT},${folder}/nexus,${folder}/passphrase`,
        `--allow-write=${folder}`,
      ],
      ...["--allow-env", "--allow-sys", "--allow-run"],
    ]);
    // To read them is what the workers of daemons are made with.
    deepEqual(last, { exitCode: 0, kept: ["read"] }, errors);
  });
});

test("runConfined gives its worker no more than it was asked for, whatever the process may", async () => {
  await inWorld(async ({ folder }) => {
    const { last, errors } = await confined(folder, "deaf", ["--allow-all"]);
    equal(last.exitCode, 1);
    equal(errors.split(": without it ")[0], "nx: needs --allow-net=127.0.0.1:0");
  });
});

test("a supervisor starts its node with the node's permissions and no others", async () => {
  await inWorld(async (world) => {
    const node = world.supervised("up", "--listen", "127.0.0.1:0", "--peer", "127.0.0.1:1");
    const { port } = await node.event(({ event }) => event === "listening");
    await node.event(({ event }) => event === "ready");
    const id = await world.nodeProcess(Number(port));
    const command = (await Deno.readTextFile(`/proc/${id}/cmdline`)).split("\0");
    const flags = command.filter((each) => each.startsWith("--allow-"));
    const nexus = `${world.folder}/nexus`;
    const report = (await world.files()).find((name) => name.startsWith("nx-up-"));
    const folders = `${nexus},${world.folder}/${report}`;
    deepEqual(flags, [
      `--allow-net=127.0.0.1:0,127.0.0.1:1,127.0.0.1:9229,unix:${nexus}/.${node.id}.sock`,
      `--allow-read=${ROOT}/,${folders}`,
      `--allow-write=${folders}`,
      "--allow-env=XDG_RUNTIME_DIR",
      "--allow-sys",
    ]);
    node.kill("SIGTERM");
    equal((await node.ended).code, 0);
  });
}, { ignore: Deno.build.os !== "linux" }); // Where a process can be looked at as a file.

test("a node follows no link that lies where its folder or its files should be", async () => {
  await inWorld(async (world) => {
    const target = await Deno.makeTempDir({ prefix: "nx-target-" });
    const nexus = `${world.folder}/nexus`;
    const port = freePort();
    const place = ["--listen", `127.0.0.1:${port}`];
    try {
      await Deno.symlink(target, nexus);
      const whole = await world.run("up", ...place);
      equal(whole.code, 1);
      ok(whole.errors.join().includes(`${nexus} is not a folder of yours alone`));
      await Deno.remove(nexus);

      await Deno.mkdir(nexus, { mode: 0o700 });
      await Deno.symlink(target, `${nexus}/${port}`);
      const own = await world.run("up", ...place);
      equal(own.code, 1);
      ok(own.errors.join().includes(`${nexus}/${port} is not a folder of yours alone`));
      await Deno.remove(`${nexus}/${port}`);

      // The facts of a node replace what lies there, and a link is not what it leads to.
      await Deno.writeTextFile(`${target}/facts`, "kept");
      await Deno.mkdir(`${nexus}/${port}`, { mode: 0o700 });
      await Deno.symlink(`${target}/facts`, `${nexus}/${port}/node.json`);
      const node = await world.up(...place);
      equal((await Deno.lstat(`${nexus}/${port}/node.json`)).isFile, true);
      const entries = await Array.fromAsync(Deno.readDir(target));
      deepEqual(entries.map(({ name }) => name), ["facts"]);
      equal(await Deno.readTextFile(`${target}/facts`), "kept");
      node.process.kill("SIGTERM");
      equal((await node.process.ended).code, 0);
    } finally {
      await Deno.remove(target, { recursive: true });
    }
  });
});

test("a node's report replaces a link and leaves what it led to alone", async () => {
  await inWorld(async (world) => {
    const target = await Deno.makeTempDir({ prefix: "nx-target-" });
    const report = `${world.folder}/report.json`;
    try {
      await Deno.writeTextFile(`${target}/file`, "kept");
      await Deno.symlink(`${target}/file`, report);
      const until = ["--until", "init: ready"];
      await world.run("up", "--report", report, "--listen", "127.0.0.1:0", ...until);
      equal((await Deno.lstat(report)).isFile, true);
      equal(await Deno.readTextFile(`${target}/file`), "kept");
    } finally {
      await Deno.remove(target, { recursive: true });
    }
  });
});
