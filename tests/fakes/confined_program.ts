/*
 * Runs a node beside its main thread, and then says what that thread may still do. A node that is
 * `deaf` may not listen.
 */
import { runConfined } from "@hw/host/confined.ts";
import { isPermitted } from "@hw/host/permissions.ts";
import { hostProcesses } from "@hw/host/process.ts";
import type { PermissionKind } from "@runtime/core/sandbox_ports.ts";

const [folder = "", how, ...argv] = Deno.args;
const exitCode = await runConfined({
  argv,
  reach: {
    listens: how === "deaf" ? [] : [{ host: "127.0.0.1", port: 0 }],
    dials: [{ host: "a.example", port: 1 }],
    folders: [`${folder}/nexus`],
    reads: [`${folder}/passphrase`],
    socket: `${folder}/nexus/.1.sock`,
    variables: ["XDG_RUNTIME_DIR"],
  },
  processes: hostProcesses(),
});
const asked: readonly (readonly [PermissionKind, string])[] = [
  ["net", "127.0.0.1:0"],
  ["net", "a.example"],
  ["net", "127.0.0.1:9229"],
  ["read", `${folder}/nexus`],
  ["write", `${folder}/nexus`],
  ["read", `${folder}/passphrase`],
  ["env", "XDG_RUNTIME_DIR"],
  ["sys", "uid"],
  ["run", Deno.execPath()],
  ["read", new URL(import.meta.url).pathname],
];
const kept = asked.filter(([kind, value]) => isPermitted(kind, value)).map(([kind]) => kind);
console.log(JSON.stringify({ exitCode, kept }));
Deno.exit(); // the worker is there until then
