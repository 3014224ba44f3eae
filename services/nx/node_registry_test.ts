import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { memoryControl } from "@tests/fakes/memory_control.ts";
import { memoryFiles } from "@tests/fakes/memory_files.ts";
import { test } from "@tests/fakes/test.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import {
  claimEntry,
  registryFolder,
  type RegistryPorts,
  releaseEntry,
  runningNodes,
  selectNode,
} from "./node_registry.ts";

const BASE = "/run/me/nexus";

function registry(folder = "/run/me") {
  const files = memoryFiles();
  const clock = manualClock();
  const control = memoryControl(files);
  const env = (name: string) => name === "XDG_RUNTIME_DIR" ? folder : undefined;
  const processes = { id: 42, userId: 7, env };
  const ports: RegistryPorts = { files, processes, control, clock, turns: clock };
  return { ports, files, control };
}

/** A node that has claimed its entry and listens. */
async function node({ ports, control }: ReturnType<typeof registry>, name: string) {
  const entry = await claimEntry(ports, name);
  control.silent(entry.socket);
  return entry;
}

function exits(code: number, text: RegExp) {
  return (error: unknown) =>
    error instanceof CommandFailure && error.exitCode === code && text.test(error.message);
}

test("registryFolder is the user's runtime folder, else one of the user's own", () => {
  const env = (values: Record<string, string>) => (name: string) => values[name];
  const at = (values: Record<string, string>) => registryFolder({ env: env(values), userId: 7 });
  equal(at({ XDG_RUNTIME_DIR: "/run/user/7/" }), "/run/user/7/nexus");
  equal(at({ XDG_RUNTIME_DIR: "relative", TMPDIR: "/scratch" }), "/scratch/nexus-7");
  equal(at({}), "/tmp/nexus-7");
});

test("claimEntry makes a private folder that says whose it is", async () => {
  const { ports, files } = registry();
  const entry = await claimEntry(ports, "7401");
  deepEqual(entry, {
    name: "7401",
    folder: `${BASE}/7401`,
    socket: `${BASE}/7401/control.sock`,
  });
  deepEqual(JSON.parse(files.readText(`${BASE}/7401/node.json`, 1_000)).pid, 42);
  releaseEntry(files, entry);
  deepEqual(files.paths(), [BASE]);
});

test("claimEntry takes the place of a dead node and refuses that of a living one", async () => {
  const all = registry();
  const dead = await claimEntry(all.ports, "7401");
  all.files.put(dead.socket, { kind: "socket" });
  const entry = await claimEntry(all.ports, "7401");
  equal(all.files.facts(entry.socket), undefined);
  all.control.silent(entry.socket);
  await rejects(claimEntry(all.ports, "7401"), exits(EXIT.failed, /runs already/));
});

test("claimEntry refuses folders that others can write", async () => {
  for (const entry of [{ own: false }, { mode: 0o770 }, { kind: "symlink" }] as const) {
    const { ports, files } = registry();
    files.put(BASE, { kind: "folder", ...entry });
    await rejects(claimEntry(ports, "7401"), exits(EXIT.failed, /not a folder of yours alone/));
    const below = registry();
    below.files.put(BASE, { kind: "folder" });
    below.files.put(`${BASE}/7401`, { kind: "folder", ...entry });
    await rejects(claimEntry(below.ports, "7401"), exits(EXIT.failed, /not a folder of yours/));
  }
});

test("claimEntry refuses a path that no socket address holds", async () => {
  const { ports } = registry(`/run/${"x".repeat(90)}`);
  await rejects(claimEntry(ports, "7401"), exits(EXIT.failed, /too long for a socket/));
});

test("runningNodes removes dead nodes and leaves alone what is not this user's", async () => {
  const all = registry();
  await node(all, "7401");
  const dead = await claimEntry(all.ports, "7402");
  all.files.put(dead.socket, { kind: "socket" });
  await claimEntry(all.ports, "7403"); // starting: no socket yet
  all.files.put(`${BASE}/7404`, { kind: "folder", own: false });
  all.files.put(`${BASE}/7404/control.sock`, { kind: "socket" });
  all.files.put(`${BASE}/note`, { kind: "file" });
  deepEqual((await runningNodes(all.ports)).map(({ name }) => name), ["7401"]);
  equal(all.files.facts(dead.folder), undefined);
  for (const kept of ["7403", "7404/control.sock", "note"]) {
    equal(all.files.facts(`${BASE}/${kept}`) !== undefined, true, kept);
  }
});

test("runningNodes refuses a registry that another user could have made", async () => {
  const { ports, files } = registry();
  deepEqual(await runningNodes(ports), []);
  files.put(BASE, { kind: "folder", own: false });
  await rejects(runningNodes(ports), exits(EXIT.failed, /not a folder of yours alone/));
});

test("selectNode takes the only node, and asks for a name when there are several", async () => {
  const all = registry();
  await rejects(selectNode(all.ports, undefined), exits(EXIT.notFound, /nx up/));
  await node(all, "7401");
  equal((await selectNode(all.ports, undefined)).name, "7401");
  await node(all, "7402");
  await rejects(selectNode(all.ports, undefined), exits(EXIT.usage, /7401, 7402/));
});

test("selectNode finds a node by port and by folder", async () => {
  const all = registry();
  await node(all, "7401");
  await node(all, "7402");
  equal((await selectNode(all.ports, "7402")).name, "7402");
  equal((await selectNode(all.ports, `${BASE}/7401/`)).name, "7401");
  all.files.put("/state/a", { kind: "folder" });
  all.control.silent("/state/a/control.sock");
  equal((await selectNode(all.ports, "/state/a")).socket, "/state/a/control.sock");
  await rejects(selectNode(all.ports, "7403"), exits(EXIT.notFound, /no node runs at 7403/));
  await rejects(selectNode(all.ports, "/nowhere"), exits(EXIT.notFound, /no node runs at/));
  all.files.put("/shared", { kind: "folder", mode: 0o777 });
  all.control.silent("/shared/control.sock");
  await rejects(selectNode(all.ports, "/shared"), exits(EXIT.failed, /not a folder of yours/));
});
