/**
 * A hostile daemon that asks for everything again and again: each flood ends at its bound, and
 * meanwhile others are served.
 *
 * @module
 */

import { RIGHTS_EXPORTED_MAX } from "@runtime/kernel/crossing.ts";
import { ENDPOINTS_PER_OWNER_MAX } from "@runtime/kernel/kernel.ts";
import { DEADLINES_MAX } from "@runtime/kernel/timer.ts";
import { VMO_BYTES_PER_TASK_MAX } from "@runtime/kernel/vmo.ts";
import { besiege, type Siege } from "../escape/siege.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

/** Answers that others get while one daemon floods, in milliseconds, on a machine that is busy anyway. */
const LATENCY_MAX_MS = 5_000;
const BURST_MAX = 2_048;

interface Bounded {
  readonly done: number;
  readonly status: string;
}

/** Has others work until a flood ends. @returns the longest that one of them took, in milliseconds. */
async function meanwhile({ attempt }: Siege, flood: Promise<unknown>): Promise<number> {
  let flooding = true;
  const over = flood.then(() => flooding = false);
  let longest = 0;
  do {
    const startMs = performance.now();
    const answers = await Promise.all([
      attempt("identityd", "look into the module"),
      attempt("keystored", "a record of another's", "x"),
    ]);
    longest = Math.max(longest, performance.now() - startMs);
    ok(Array.isArray(answers[1]) && !answers[1].includes("no_reply"), `${answers}`);
  } while (flooding);
  await over;
  return longest;
}

test("a daemon that asks for everything gets to its bounds, and a status there", async () => {
  await besiege("all", async ({ attempt, node }) => {
    const endpoints = await attempt("controld", "flood endpoints") as Bounded;
    ok(endpoints.done < ENDPOINTS_PER_OWNER_MAX && endpoints.done > 1);
    equal(endpoints.status, "no_space");
    const memory = await attempt("controld", "flood memory") as Bounded;
    deepEqual(memory, { done: VMO_BYTES_PER_TASK_MAX >> 20, status: "no_space" });
    const timers = await attempt("controld", "flood timers") as Bounded;
    ok(timers.done <= DEADLINES_MAX && timers.done > DEADLINES_MAX - 100);
    equal(timers.status, "threw InvariantError");
    deepEqual(node.faults, []);
  });
});

test("deadlines that are no times are refused, and others go on to fire", async () => {
  for (const isolation of ["all", "inline"] as const) {
    await besiege(isolation, async ({ attempt }) => {
      deepEqual(await attempt("controld", "times that are none"), {
        outcomes: [...Array(3).fill("threw InvariantError"), "nothing"],
        woke: true,
      });
    });
  }
});

test("a daemon that floods its callees is told so, and others are served meanwhile", async () => {
  await besiege("all", async (siege) => {
    const flood = siege.attempt("controld", "flood frames", "150");
    const longest = await meanwhile(siege, flood);
    const outcomes = await flood as Record<string, number>;
    ok((outcomes["queue_full"] ?? 0) > 1_000, JSON.stringify(outcomes));
    ok(longest < LATENCY_MAX_MS, `${longest} ms`);
    deepEqual(siege.node.faults, []);
  });
});

test("a daemon that floods the console has few lines printed, and none that lies", async () => {
  await besiege("all", async (siege) => {
    const { attempt, node } = siege;
    const printed = () =>
      node.lines.filter((line) => line === "rngd: mmio window mapped ok").length;
    const first = printed();
    const flood = attempt("rngd", "flood markers", "mapped");
    ok(await meanwhile(siege, flood) < LATENCY_MAX_MS);
    const { done } = await flood as Bounded;
    const lines = printed() - first;
    ok(done > 4 * BURST_MAX && lines > 100 && lines < 2 * BURST_MAX, `${lines} of ${done}`);
    const before = node.lines.filter((line) => line.includes("forged")).length;
    const refused = Array(4).fill("threw InvariantError");
    deepEqual(await attempt("dsoftbusd", "lines that lie", "bound"), refused);
    equal(node.lines.filter((line) => line.includes("forged")).length, before);
    deepEqual(node.faults, []);
  });
});

/** Slots that a daemon's own and given rights lie in. */
const SLOTS_USED = 24;
const MOVES = 2 * RIGHTS_EXPORTED_MAX + 88;

/** Whether a right may leave again, once those before have been dropped. */
async function roomAgain({ attempt }: Siege, slot: number): Promise<boolean> {
  for (let looked = 0; looked < 100; looked++) {
    const outcome = await attempt("controld", "flood moves", `${slot} 1`) as Record<string, number>;
    if (outcome["ok"] === 1) return true;
  }
  return false;
}

test("a daemon that gives rights away again and again takes nobody else's place", async () => {
  await besiege("all", async (siege) => {
    const { attempt, node } = siege;
    const ways: Record<string, number>[] = [];
    const flood = async () => {
      for (let slot = 0; slot < SLOTS_USED; slot++) {
        ways.push(await attempt("controld", "flood moves", `${slot} ${MOVES}`) as never);
      }
    };
    ok(await meanwhile(siege, flood()) < LATENCY_MAX_MS);
    const led = [...ways.keys()].filter((slot) => "ok" in (ways[slot] ?? {}));
    // Three daemons and policyd, over wires; and its own endpoints and its callers.
    ok(led.length > 4, JSON.stringify(ways));
    const given = led.reduce((sum, slot) => sum + (ways[slot]?.["ok"] ?? 0), 0);
    ok(given > 4 * RIGHTS_EXPORTED_MAX, `${given} were given away, far more than may be at a time`);
    for (const slot of led) {
      deepEqual(
        Object.keys(ways[slot] ?? {}).filter((status) => !/^(ok|no_space)$/.test(status)),
        [],
      );
      equal(await roomAgain(siege, slot), true, "what nobody holds any more makes room");
    }
    deepEqual(node.faults, []);
  });
});
