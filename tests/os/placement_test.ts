/**
 * The placements as a user runs them: the ladder under each, and what becomes of a daemon that
 * misbehaves in an isolate of its own.
 *
 * @module
 */

import { ISOLATIONS } from "@runtime/boot/placement.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld, type NxEvent, type NxWorld } from "./nx_process.ts";

const LOOPBACK = "127.0.0.1:0";
/** The exit code with which a node asks to be started again. */
const RESTART = 75;

test("nx test-os passes under every placement, with the same lines", async () => {
  await inWorld(async (world) => {
    const seen = new Map<string, readonly string[]>();
    for (const isolation of ISOLATIONS) {
      const { code, events } = await world.run("test-os", "--isolation", isolation);
      equal(code, 0, isolation);
      const lines = events.filter(({ event, machine }) => event === "line" && machine === 1)
        .map(({ line }) => String(line).replace(/[0-9a-f]{64}|(?<==)\d+/g, "N"));
      seen.set(isolation, [...new Set(lines)].sort());
    }
    deepEqual(seen.get("all"), seen.get("inline"));
    deepEqual(seen.get("secrets"), seen.get("inline"));
  });
});

/** Rows of `nx ps`, by daemon. */
async function ps(world: NxWorld, port: number): Promise<ReadonlyMap<string, NxEvent>> {
  const { events } = await world.run("ps", "--node", String(port));
  return new Map(events.flatMap((row) => "daemon" in row ? [[String(row["daemon"]), row]] : []));
}

test("each daemon of an isolate of its own comes back, and the node goes on with its identity", async () => {
  await inWorld(async (world) => {
    const first = await world.up("--listen", LOOPBACK, "--isolation", "all");
    const peer = `127.0.0.1:${first.port}`;
    const node = await world.up(
      ...["--listen", LOOPBACK, "--isolation", "all", "--profile", "test", "--peer", peer],
    );
    const port = String(node.port);
    const id = async () => (await world.run("id", "--node", port)).events[0]?.["deviceId"];
    const before = await id();
    const daemons = ["logd", "policyd", "rngd", "identityd", "samgrd", "netstackd", "dsoftbusd"];
    for (const daemon of daemons) {
      equal((await world.run("provoke", "--node", port, daemon, "throw")).code, 0, daemon);
      await node.process.event(({ line }) => line === `init: restarted ${daemon}`);
      await node.peer(({ state }) => state === "established");
      const pinged = await world.run(
        "ping",
        "--node",
        port,
        "--count",
        "1",
        "--timeout",
        "20s",
        "any",
      );
      equal(pinged.code, 0, `${daemon}: ${pinged.errors}`);
    }
    equal(await id(), before);
    const rows = await ps(world, node.port);
    for (const daemon of daemons) {
      deepEqual(
        [rows.get(daemon)?.["state"], rows.get(daemon)?.["restarts"]],
        ["serving", 1],
        daemon,
      );
      ok(Number(rows.get(daemon)?.["memoryBytes"]) > 1e6, daemon);
      equal(rows.get(daemon)?.["isolate"], daemon);
    }
  });
});

test("a daemon that never yields again is named, and the node asks to be started again", async () => {
  await inWorld(async (world) => {
    const node = await world.up(
      "--listen",
      LOOPBACK,
      "--isolation",
      "secrets",
      "--profile",
      "test",
    );
    const provoked = await world.run("provoke", "--node", String(node.port), "samgrd", "loop");
    equal(provoked.code, 0);
    const { code, events } = await node.process.ended;
    deepEqual([code, events.at(-1)], [RESTART, { event: "stopped", reason: "runaway" }]);
    const lines = events.map(({ line }) => String(line));
    ok(lines.includes("degraded: runaway samgrd"));
    ok(lines.includes("degraded: cut off netstackd"));
    equal(lines.filter((line) => line.startsWith("degraded: runaway")).length, 1);
  });
});

test("a node of another profile lets nobody provoke its daemons", async () => {
  await inWorld(async (world) => {
    for (const profile of ["dev", "prod"]) {
      const node = await world.up("--listen", LOOPBACK, "--profile", profile);
      const { code } = await world.run("provoke", "--node", String(node.port), "samgrd", "throw");
      equal(code, 4, profile);
      equal((await ps(world, node.port)).get("samgrd")?.["restarts"], 0);
    }
  });
});
