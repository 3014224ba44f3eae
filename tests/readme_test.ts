/**
 * The README's device that remembers, command by command.
 *
 * @module
 */

import { deepEqual, equal, ok } from "./fakes/assert.ts";
import { test } from "./fakes/test.ts";
import { inWorld, type NxWorld } from "./os/nx_process.ts";
import { textOf } from "./source_tree.ts";

/** The command lines of `nx` in a section of the README, as their arguments. */
function commandsOf(heading: string): readonly (readonly string[])[] {
  const [, section = ""] = textOf("README.md").split(`\n## ${heading}\n`);
  const [text = ""] = section.split("\n## ");
  return [...text.matchAll(/^(?:\$ )?deno task nx (.+)$/gm)].map(([, line = ""]) =>
    line.split(" ")
  );
}

/** What is asked of the directory while no node runs on it. */
const STOPPED = ["fsck", "log", "quota"] as const;

/** Runs commands as they stand, each with its directory in the world's folder, while a node runs. */
async function askedWhileUp(
  world: NxWorld,
  up: readonly string[],
  asked: readonly (readonly string[])[],
): Promise<string> {
  const node = world.supervised(...up);
  await node.event(({ event }) => event === "ready");
  let deviceId = "";
  for (const command of asked) {
    const { code, events, errors } = await world.run(...command);
    deepEqual({ command, code, errors }, { command, code: 0, errors: [] });
    deviceId ||= String(events[0]?.["deviceId"] ?? "");
  }
  node.kill("SIGINT");
  equal((await node.ended).code, 0);
  return deviceId;
}

test("README's device that remembers is the same after a restart", async () => {
  await inWorld(async (world) => {
    const placed = commandsOf("A device that remembers").map((words) =>
      words.map((word) => word.replace("./", `${world.folder}/`).replace(/:7401$/, ":0"))
    );
    deepEqual(placed.map(([name]) => name), ["init", "up", "id", "log", ...STOPPED, "up"]);
    const [init = [], up = [], id = [], verify = [], ...left] = placed;
    const again = left.pop() ?? [];
    equal((await world.run(...init)).code, 0);
    const first = await askedWhileUp(world, up, [id, verify]);
    for (const command of left) {
      const { code, events } = await world.run(...command);
      deepEqual({ command, code, told: events.length > 0 }, { command, code: 0, told: true });
    }
    equal(await askedWhileUp(world, again, [id]), first);
    ok(/^[0-9a-f]{64}$/.test(first), first);
  });
});
