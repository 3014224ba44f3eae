/**
 * A compromised entry in an isolate of a real node: kernel code that says what is not so, to the boot
 * and to other isolates. It is cut off, and nobody else pays for it.
 *
 * @module
 */

import { LIES, WIRE_LIES } from "../escape/attempts_lie.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { besiege, LIAR, type Siege } from "../escape/siege.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

/** Whose isolates lie: each may be started again a few times. */
const LIARS = ["samgrd", "identityd", "dsoftbusd", "controld"] as const;
const BATCH = 4;

test("an isolate that tells the boot what is not so is cut off and started anew", async () => {
  await besiege("all", async ({ attempt, node }) => {
    const lies = Object.keys(LIES);
    equal(lies.length, LIARS.length * BATCH);
    await Promise.all(LIARS.map(async (liar, index) => {
      let times = 0;
      for (const lie of lies.slice(BATCH * index, BATCH * (index + 1))) {
        await attempt(liar, "lie to the boot", lie).catch(() => "gone");
        await node.restarted(liar, ++times);
        equal(node.faults.filter(({ name }) => name === liar).length, times, lie);
      }
    }));
    equal(node.faults.length, lies.length, JSON.stringify(node.faults));
    equal(await attempt("policyd", "look into the module"), false, "others go on");
  }, { entry: LIAR });
});

/** Send rights of a daemon that lead to somebody. */
async function heard({ attempt }: Siege, daemon: string): Promise<number> {
  const { trySend } = await attempt(daemon, "every slot") as { trySend: Record<string, number> };
  return (trySend["ok"] ?? 0) + (trySend["queue_full"] ?? 0);
}

/** Waits until so many of them lead nowhere. */
async function cutOff(siege: Siege, daemon: string, left: number): Promise<void> {
  for (let looked = 0; looked < 200; looked++) {
    if (await heard(siege, daemon) <= left) return;
  }
  throw new TypeError(`${daemon} is still heard`);
}

test("an isolate that breaks the rules of its wires loses those, and ends nobody by it", async () => {
  const liars = COMPONENTS.filter(({ name, calls }) =>
    !["policyd", "logd", "rngd"].includes(name) && Object.keys(calls).length > 0
  );
  const lies = Object.keys(WIRE_LIES);
  for (let from = 0; from < lies.length; from += liars.length) {
    await besiege("all", async (siege) => {
      const { attempt, node } = siege;
      for (const [index, lie] of lies.slice(from, from + liars.length).entries()) {
        const liar = liars[index]?.name ?? "";
        const before = await heard(siege, liar);
        const rights = Number(await attempt(liar, "lie on a wire", lie));
        ok(rights >= 1, `${liar} calls somebody`);
        await cutOff(siege, liar, before - rights);
      }
      const answers = COMPONENTS.map(({ name }) => attempt(name, "look into the module"));
      deepEqual(new Set(await Promise.all(answers)), new Set([false]), "everybody lives");
      deepEqual(node.faults, []);
    }, { entry: LIAR });
  }
});
