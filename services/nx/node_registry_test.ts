import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { memoryControl } from "@tests/fakes/memory_control.ts";
import { memoryFiles } from "@tests/fakes/memory_files.ts";
import { test } from "@tests/fakes/test.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import {
  checkEntry,
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
  for (const facts of ['{"pid":1}', '{"listen":7}', "null", "{", '{"listen":"\\u001b[2Jx"}']) {
    all.files.writeText(`${entry.folder}/node.json`, facts, 0o600);
    await rejects(claimEntry(all.ports, "7401"), exits(EXIT.failed, /^[ -~]*7401 runs already/));
  }
});

test("claimEntry refuses folders that are not this user's", async () => {
  for (const entry of [{ own: false }, { kind: "symlink" }] as const) {
    const { ports, files } = registry();
    files.put(BASE, { kind: "folder", ...entry });
    await rejects(claimEntry(ports, "7401"), exits(EXIT.failed, /not a folder of yours alone/));
    const below = registry();
    below.files.put(BASE, { kind: "folder" });
    below.files.put(`${BASE}/7401`, { kind: "folder", ...entry });
    await rejects(claimEntry(below.ports, "7401"), exits(EXIT.failed, /not a folder of yours/));
  }
});

test("claimEntry refuses folders that others can write or read, and so does every other use", async () => {
  for (const mode of [0o755, 0o701, 0o770]) {
    const text = new RegExp(`mode 0${mode.toString(8)}\\); run: chmod 700 ${BASE}$`);
    const { ports, files } = registry();
    files.put(BASE, { kind: "folder", mode });
    await rejects(checkEntry(ports, "7401"), exits(EXIT.failed, text));
    await rejects(claimEntry(ports, "7401"), exits(EXIT.failed, text));
    await rejects(runningNodes(ports), exits(EXIT.failed, text));
    await rejects(selectNode(ports, {}), exits(EXIT.failed, text));
  }
});

test("only the registry needs to be private, not the folder that it is in", async () => {
  const { ports, files } = registry();
  files.put("/run/me", { kind: "folder", mode: 0o755 });
  equal((await claimEntry(ports, "7401")).name, "7401");
});

test("checkEntry leaves the folder of a node that is starting alone", async () => {
  const { ports, files } = registry();
  const entry = await claimEntry(ports, "7401");
  deepEqual(await checkEntry(ports, "7401"), entry);
  equal(files.facts(`${entry.folder}/node.json`) !== undefined, true);
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
  await rejects(selectNode(all.ports, {}), exits(EXIT.notFound, /nx up/));
  await node(all, "7401");
  equal((await selectNode(all.ports, {})).name, "7401");
  await node(all, "7402");
  await rejects(selectNode(all.ports, {}), exits(EXIT.usage, /7401, 7402/));
});

test("selectNode finds a node by port and by folder", async () => {
  const all = registry();
  await node(all, "7401");
  await node(all, "7402");
  equal((await selectNode(all.ports, { node: "7402" })).name, "7402");
  equal((await selectNode(all.ports, { node: `${BASE}/7401/` })).name, "7401");
  all.files.put("/state/a", { kind: "folder" });
  all.control.silent("/state/a/control.sock");
  equal((await selectNode(all.ports, { node: "/state/a" })).socket, "/state/a/control.sock");
  await rejects(
    selectNode(all.ports, { node: "7403" }),
    exits(EXIT.notFound, /no node runs at 7403/),
  );
});

test("selectNode takes a folder by --state as by --node, and says what is wrong with another", async () => {
  const all = registry();
  const { files, control, ports } = all;
  await node(all, "7401");
  files.put("/state/a", { kind: "folder" });
  control.silent("/state/a/control.sock");
  files.put("/state/empty", { kind: "folder" });
  files.put("/state/dead", { kind: "folder" });
  files.put("/state/dead/control.sock", { kind: "socket" });
  files.put("/state/file", { kind: "file" });
  files.put("/shared", { kind: "folder", mode: 0o777 });
  control.silent("/shared/control.sock");
  const wrong = [
    ["/nowhere", EXIT.notFound, /\/nowhere is no folder/],
    ["/state/file", EXIT.notFound, /is no folder/],
    ["/state/empty/", EXIT.notFound, /holds no control\.sock: no node runs there/],
    ["/state/dead", EXIT.notFound, /no node runs at/],
    ["/shared", EXIT.failed, /chmod 700 \/shared$/],
  ] as const;
  for (const name of ["node", "state"] as const) {
    equal((await selectNode(ports, { [name]: "/state/a/" })).socket, "/state/a/control.sock");
    for (const [path, code, text] of wrong) {
      await rejects(selectNode(ports, { [name]: path }), exits(code, text));
    }
  }
  await rejects(selectNode(ports, { state: "7401" }), exits(EXIT.notFound, /7401 is no folder/));
});
