/**
 * The permissions that a node has, beside those that it was seen to need: the runtime writes down each
 * one that it asks for, in a node with exactly these, from its start over sessions and commands to its
 * end, and again in the one that takes its place. Who adds a use finds it here, and who takes one away
 * finds what is now too much.
 *
 * @module
 */

import {
  flagsOf,
  nodePermissions,
  processPermissions,
  runtimeFacts,
} from "@hw/host/permissions.ts";
import { denoAtLeast } from "@hw/host/runtime_version.ts";
import { PERMISSION_KINDS, type PermissionSet } from "@runtime/core/sandbox_ports.ts";
import type { Reach } from "@runtime/core/program_ports.ts";
import { reachAt, reachOf } from "@services/nx/node_reach.ts";
import { deepEqual, equal } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld, type NxWorld } from "./nx_process.ts";

const NAME = "localhost";
const DRAFT = "drift";

/** What the process of a node with this reach may do, as its supervisor starts it. */
function permissionsOf(reach: Reach): PermissionSet {
  return processPermissions(nodePermissions(reach), reach);
}

/** Runs a node through all that it does. @returns Its port, and each `kind value` that was asked for. */
async function learn(
  world: NxWorld,
  { reach, args, signal }: {
    readonly reach: Reach;
    readonly args: readonly string[];
    readonly signal: "SIGTERM" | "SIGKILL";
  },
): Promise<{ readonly port: number; readonly asked: readonly string[] }> {
  const file = await Deno.makeTempFile({ prefix: "nx-audit-" });
  world.variables = { DENO_AUDIT_PERMISSIONS: file };
  const up = ["up", "--no-supervise", "--draft", DRAFT, "--isolation", "secrets", ...args];
  const node = world.permitted(flagsOf(permissionsOf(reach)), ...up);
  world.variables = {};
  const { port } = await node.event(({ event }) => event === "listening");
  const sessions = () => node.events.filter(({ line }) => line === "dsoftbusd: auth ok").length;
  await node.event(() => sessions() >= 2);
  for (const command of ["id", "peers", "stats", "log"]) {
    equal((await world.run(command, "--node", `${port}`)).code, 0);
  }
  node.kill(signal);
  await node.ended;
  const lines = (await Deno.readTextFile(file)).trim().split("\n").map((line) => JSON.parse(line));
  await Deno.remove(file);
  // Whoever makes a worker is asked whether it has all of a kind: it has not, and need not.
  const asked = lines.filter(({ value }) => value !== null).map(({ permission, value }) =>
    `${permission} ${value}`
  );
  return { port: Number(port), asked: [...new Set(asked)] };
}

/** What a process was permitted that asked for this: a folder for what is in it, a name for its port. */
function permittedAs(asked: string, folders: readonly string[]): string {
  const [kind = "", ...rest] = asked.split(" ");
  const value = rest.join(" ").replace(/^file:\/\//, "");
  if (kind === "net") return value.startsWith(`${NAME}:`) ? `net ${NAME}` : `net ${value}`;
  const folder = folders.find((each) => value === each || value.startsWith(each));
  return `${kind} ${folder ?? value}`;
}

function entriesOf(set: PermissionSet): readonly string[] {
  return PERMISSION_KINDS.flatMap((kind) => set[kind].map((each) => `${kind} ${each}`));
}

function judge(asked: readonly string[], reach: Reach): void {
  const set = permissionsOf(reach);
  const committed = entriesOf(set);
  const learned = asked.map((each) =>
    permittedAs(each, [...reach.folders, ...runtimeFacts().source])
  );
  deepEqual([...new Set(learned)].sort(), [...committed].sort());
  deepEqual(entriesOf(nodePermissions(reach)).filter((each) => !learned.includes(each)), []);
}

test("a node has the permissions that it was seen to need, and no others", async () => {
  await inWorld(async (world) => {
    const [peer, named] = [
      await world.up("--listen", "127.0.0.1:0"),
      await world.up("--listen", "127.0.0.1:0"),
    ];
    const report = `${world.folder}/report/report.json`;
    await Deno.mkdir(`${world.folder}/report`, { mode: 0o700 });
    const peers = [{ host: "127.0.0.1", port: peer.port }, { host: NAME, port: named.port }]
      .map((address) => ({ address, deviceId: undefined, noiseStatic: undefined }));
    const env = (name: string) => name === "XDG_RUNTIME_DIR" ? world.folder : undefined;
    const ports = {
      processes: { env, userId: Deno.uid() ?? undefined },
      lookup: (name: string) => Promise.resolve([name]),
    };
    const listen = { host: "127.0.0.1", port: 0 };
    const reach = await reachOf(ports, { listen, peers, control: true, report, draft: DRAFT });
    const dials = ["--peer", peer.place, "--peer", `${NAME}:${named.port}`, "--report", report];
    const args = ["--listen", "127.0.0.1:0", ...dials];
    const { port, asked } = await learn(world, { reach, args, signal: "SIGKILL" });
    judge(asked, reach);
    // What the dead one left is asked at, so that this one has the port that it had.
    const kept = reachAt(reach, port);
    const again = [...args, "--kept-port", `${port}`];
    judge((await learn(world, { reach: kept, args: again, signal: "SIGTERM" })).asked, kept);
  });
}, { ignore: !denoAtLeast(2, 9) }); // Before, the runtime writes nothing down.
