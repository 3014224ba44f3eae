/**
 * Limits as somebody sets them: by command, on a node that runs, with a state directory that outlives
 * it.
 *
 * @module
 */

import { type Client, createClient } from "@runtime/idl/client.ts";
import { EXIT } from "@services/nx/exit_code.ts";
import { runNx } from "@services/nx/nx.ts";
import type { NodeOptions, NxPorts, RunningNode } from "@services/nx/ports.ts";
import { statefsd } from "@services/statefsd/protocol.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { type NxWorld, nxWorld } from "../fakes/nx_ports.ts";
import { test } from "../fakes/test.ts";
import { startNode } from "../../main.ts";

const DIR = "/s";
/** A daemon that may write, by the grants that ship. */
const WRITER = "selftest-client";
const OWNER = `subject:${WRITER}`;
const UP = [
  "up",
  "--no-supervise",
  "--json",
  "--state",
  DIR,
  "--size",
  "256KiB",
  "--isolation",
  "inline",
] as const;

/** A node on the state of a world, as a test asks it. */
interface Booted {
  /** Runs a command beside it. @returns What it printed, line by line. */
  nx(...argv: readonly string[]): Promise<readonly string[]>;
  /** What its console said so far. */
  readonly console: () => string;
  readonly writer: Client<typeof statefsd>;
}

/** Boots a whole node on the directory, does `work` with it, and ends it in order. */
async function booted(world: NxWorld, work: (node: Booted) => Promise<void>): Promise<void> {
  const started = Promise.withResolvers<RunningNode>();
  const ready = Promise.withResolvers<void>();
  const { terminal } = world.ports;
  const ports: NxPorts = {
    ...world.ports,
    async startNode(options) {
      // Its name is the test's then.
      const components: NodeOptions["components"] = (own) =>
        own.filter(({ name }) => name !== WRITER);
      const node = await startNode({ ...options, components });
      started.resolve(node);
      return node;
    },
    terminal: {
      ...terminal,
      out: (text) => (text.includes('"event":"ready"') && ready.resolve(), terminal.out(text)),
    },
  };
  const ended = runNx(UP, ports);
  const node = await Promise.race([started.promise, ended.then((code) => code)]);
  ok(typeof node !== "number", world.error());
  await ready.promise;
  const before = world.out().length;
  await work({
    console: () => world.out().slice(before),
    writer: createClient(statefsd, node.connect(WRITER, statefsd)),
    async nx(...argv) {
      const printed: string[] = [];
      const own = { ...terminal, out: (text: string) => (printed.push(text), true) };
      equal(await runNx(argv, { ...world.ports, terminal: own }), EXIT.ok, argv.join(" "));
      return printed.join("").split("\n").slice(0, -1);
    },
  });
  world.signal("SIGINT");
  equal(await ended, EXIT.ok);
}

/** What `nx quota` says of the writer. */
async function shown({ nx }: Booted) {
  const owners = (await nx("quota", "--json")).map((line) => JSON.parse(line));
  return owners.find(({ owner }) => owner === OWNER);
}

test("limits set by nx quota refuse a write, tell what is taken, and outlive the node", async () => {
  const world = nxWorld();
  const key = (name: string) => `/state/app/x/${name}`;
  const value = new Uint8Array(1_000);
  let used = 0;
  await booted(world, async (node) => {
    await node.nx("quota", "set", OWNER, "--soft", "1000", "--hard", "2KiB");
    deepEqual(await node.writer.put({ key: key("a"), value }), { status: "ok" });
    ({ used } = await shown(node));
    deepEqual(await shown(node), { owner: OWNER, used, soft: 1_000, hard: 2_048, limits: "own" });
    const refused = await node.writer.put({ key: key("b"), value });
    deepEqual(refused, { status: "quota_exceeded", used: BigInt(used), limit: 2_048n });
    const said = node.console();
    ok(said.includes(`statefs: quota warn subject=${WRITER} used=${used} soft=1000`), said);
    ok(said.includes(`statefs: quota deny subject=${WRITER} used=${used} hard=2048`), said);
    const decided = (await node.nx("log", "--audit", "--subject", "nx-cli")).join("\n");
    ok(decided.includes("statefs.quota.set") && decided.includes("statefs.quota.read"), decided);
  });
  await booted(world, async (node) => {
    deepEqual(await shown(node), { owner: OWNER, used, soft: 1_000, hard: 2_048, limits: "own" });
    const refused = await node.writer.put({ key: key("b"), value });
    deepEqual(refused, { status: "quota_exceeded", used: BigInt(used), limit: 2_048n });
    const said = node.console();
    ok(said.includes(`statefs: quota deny subject=${WRITER} used=${used} hard=2048`), said);
    await node.nx("quota", "clear", OWNER);
    deepEqual(await node.writer.put({ key: key("b"), value }), { status: "ok" });
    equal((await shown(node)).limits, "default");
  });
});
