import type { Reach } from "@runtime/core/program_ports.ts";
import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import {
  flagsOf,
  nodePermissions,
  processPermissions,
  type RuntimeFacts,
  workerPermissions,
} from "./permissions.ts";

const NEW: RuntimeFacts = {
  unixAddresses: true,
  system: ["uid", "inspector"],
  inspector: true,
  source: ["/src/"],
};
const OLD: RuntimeFacts = { unixAddresses: false, system: ["uid"], inspector: false, source: [] };
const NOTHING: Reach = {
  listens: [],
  dials: [],
  folders: [],
  socket: undefined,
  variables: [],
};
const NODE: Reach = {
  listens: [{ host: "127.0.0.1", port: 7401 }],
  dials: [
    { host: "::1", port: 7402 },
    { host: "a.example", port: 7403 },
    { host: "a.example", port: 7404 },
  ],
  folders: ["/run/me/nexus", "/tmp/a,b"],
  socket: "/run/me/nexus/.42.sock",
  variables: ["XDG_RUNTIME_DIR"],
};

test("nodePermissions is what the node was asked, the inspector's port and its user's id", () => {
  deepEqual(nodePermissions(NODE, NEW), {
    net: [
      "127.0.0.1:7401",
      "[::1]:7402",
      "a.example",
      "127.0.0.1:9229",
      "unix:/run/me/nexus/.42.sock",
    ],
    read: NODE.folders,
    write: NODE.folders,
    env: [],
    sys: ["uid"],
    run: [],
  });
  deepEqual(nodePermissions(NODE, OLD).net, ["127.0.0.1:7401", "[::1]:7402", "a.example"]);
  const none = { net: [], read: [], write: [], env: [], sys: ["uid"], run: [] };
  deepEqual(nodePermissions(NOTHING, OLD), none);
});

test("nodePermissions lets a node read what it only reads, and write nothing of it", () => {
  const { read, write } = nodePermissions({ ...NODE, reads: ["/home/me/passphrase"] }, NEW);
  deepEqual([read, write], [[...NODE.folders, "/home/me/passphrase"], NODE.folders]);
  const sealed = nodePermissions({ ...NODE, readOnly: true, reads: ["/p"] }, NEW);
  deepEqual([sealed.read, sealed.write], [[...NODE.folders, "/p"], []]);
});

test("flagsOf gives a node's process its source and variables beside, and nothing without a value", () => {
  deepEqual(flagsOf(processPermissions(nodePermissions(NODE, NEW), NODE, NEW)), [
    "--no-prompt",
    "--allow-net=127.0.0.1:7401,[::1]:7402,a.example,127.0.0.1:9229,unix:/run/me/nexus/.42.sock",
    "--allow-read=/src/,/run/me/nexus,/tmp/a,,b",
    "--allow-write=/run/me/nexus,/tmp/a,,b",
    "--allow-env=XDG_RUNTIME_DIR",
    "--allow-sys",
  ]);
  const least = processPermissions(nodePermissions(NOTHING, OLD), NOTHING, OLD);
  deepEqual(flagsOf(least), ["--no-prompt", "--allow-sys=uid"]);
});

test("workerPermissions denies every kind that has no value, and code from elsewhere", () => {
  const { net, ...rest } = workerPermissions(nodePermissions(NOTHING, NEW));
  deepEqual(net, ["127.0.0.1:9229"]);
  const denied = { read: false, write: false, env: false, run: false, ffi: false, import: false };
  deepEqual(rest, { ...denied, sys: ["uid"] });
});

test("requirePermissions names the first that this thread has not", async () => {
  const worker = new Worker(new URL("../../tests/fakes/required_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: { net: ["127.0.0.1:7401"], sys: ["uid"] } },
  });
  const { promise, resolve } = Promise.withResolvers<(string | undefined)[]>();
  worker.onmessage = ({ data }) => resolve(data);
  deepEqual(await promise, [
    undefined,
    "--allow-net=127.0.0.1:7402",
    "--allow-read=/etc",
    "--allow-env=HOME",
    "--allow-sys=hostname",
    "--allow-run=/bin/true",
  ]);
  worker.terminate();
});
