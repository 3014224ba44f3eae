/**
 * A hostile daemon in an isolate of a real node: what it tries, and what whoever it was after saw of it.
 * Each attempt gets somewhere where its guard is absent.
 *
 * @module
 */

import { GLOBALS_ALLOWED } from "@hw/host/globals_allowed.ts";
import { denoAtLeast } from "@hw/host/runtime_version.ts";
import { endpointOf } from "@runtime/boot/component.ts";
import { gated, serverOf } from "@runtime/boot/order.ts";
import { RING } from "@services/logd/protocol.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { hostile } from "../escape/hostile.ts";
import { besiege, type Siege } from "../escape/siege.ts";
import { deepEqual, equal, ok, rejects } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { filesBelow } from "../source_tree.ts";

const SECRET = "c0ffee00c0ffee11c0ffee22c0ffee33";
const DAEMONS = COMPONENTS.map(({ name }) => name);
/** Classes of whose things a daemon holds some: statefsd was handed a key of its own. */
const OWN_CLASSES: Readonly<Record<string, readonly string[]>> = {
  statefsd: ["Line", "Secret", "WindowPart"],
};
const DRIVERS: readonly string[] = ["rngd", "statefsd", "netstackd"];
/** Slots that are tried, and those among them that a table has. */
const TRIED = 320;

/** What an isolate shows to a daemon that follows every property, beside the language's own. */
interface Walked {
  readonly classes: readonly string[];
  readonly shared: readonly number[];
  readonly secret: boolean;
}

/** Names of no class of ours: the language's unnamed ones, and what the lockdown put in its place. */
const UNNAMED = [
  "",
  "threw TypeError",
  "AsyncFunction",
  "Date1",
  "TypedArray",
  "deafDispatchEvent",
];

test("a daemon reads nothing of another's heap, wherever it looks", async () => {
  await besiege("all", async ({ attempt }) => {
    await attempt("keystored", "keep a secret", SECRET);
    equal(await attempt("keystored", "look into the module", SECRET), true);
    for (const daemon of DAEMONS.filter((name) => name !== "keystored")) {
      equal(await attempt(daemon, "look into the module", SECRET), false, daemon);
      const { classes, shared, secret } = await attempt(
        daemon,
        "walk everything",
        SECRET,
      ) as Walked;
      const driver = DRIVERS.includes(daemon);
      equal(secret, false, daemon);
      equal(shared.length, driver ? 1 : 0, `${daemon} holds the region of its device and no other`);
      const ours = classes.filter((name) => !UNNAMED.includes(name));
      deepEqual(ours, OWN_CLASSES[daemon] ?? (driver ? ["Line", "WindowPart"] : []), daemon);
    }
  });
});

test("a daemon reads another's heap where both have one, and that is what a placement decides", async () => {
  await besiege("inline", async ({ attempt }) => {
    await attempt("keystored", "keep a secret", SECRET);
    equal(await attempt("samgrd", "look into the module", SECRET), true);
    equal((await attempt("samgrd", "walk everything", SECRET) as Walked).secret, true);
  });
  const other = "0123456789abcdef0123456789abcdef";
  await besiege("secrets", async ({ attempt }) => {
    await attempt("keystored", "keep a secret", SECRET);
    await attempt("identityd", "keep a secret", other);
    equal(await attempt("samgrd", "look into the module", SECRET), false);
    equal(await attempt("samgrd", "look into the module", other), true);
  });
});

/** Lets a secret pass by while somebody listens. @returns whether it was overheard. */
async function passBy({ attempt }: Siege, daemon: string): Promise<readonly [unknown, unknown]> {
  const taken = await attempt(daemon, "overhear");
  await attempt("keystored", "keep a secret", SECRET);
  const needle = [...SECRET].map((digit) => digit.charCodeAt(0).toString(16)).join("");
  return [taken, await attempt(daemon, "what was overheard", needle)];
}

test("a daemon overhears nothing through prototypes, and finds nobody on the stack", async () => {
  await besiege("inline", async (siege) => {
    deepEqual(await passBy(siege, "samgrd"), [Array(3).fill("taken over"), true]);
    ok((await siege.attempt("samgrd", "look up the stack") as string[]).includes("call sites"));
  });
  await besiege("all", async (siege) => {
    for (const daemon of ["samgrd", "netstackd", "dsoftbusd"]) {
      deepEqual(await passBy(siege, daemon), [Array(3).fill("threw TypeError"), false]);
      deepEqual(await siege.attempt(daemon, "look up the stack"), [
        "nothing",
        ...Array(4).fill("threw TypeError"),
      ]);
    }
  });
});

const HOSTILE = COMPONENTS.map(hostile);

/** Send rights of a daemon: to its own endpoints, to whom it calls, and back to who calls it. */
function sendRights(name: string): number {
  const own = HOSTILE.find((each) => each.name === name);
  if (own === undefined) throw new TypeError(`no daemon ${name}`);
  const serving = Object.values(own.serves).filter(({ ops }) => Object.keys(ops).length > 0);
  const endpoints = new Set(serving.map(endpointOf)).size;
  const asked = Object.keys(own.calls).length + (gated(own) && name !== "policyd" ? 1 : 0);
  const calling = HOSTILE.flatMap(({ calls }) => Object.values(calls))
    .filter((service) => serverOf(HOSTILE, service) === own);
  return endpoints + asked + calling.length;
}

test("a daemon that guesses slots finds its own rights, and no number that is none", async () => {
  await besiege("all", async ({ attempt, node }) => {
    // Beside daemons the test itself calls: controld twice, once as the node's owner.
    const callers = { keystored: 1, identityd: 1, controld: 2, dsoftbusd: 1 };
    for (const [daemon, outside] of Object.entries(callers)) {
      type Counts = Readonly<Record<string, Record<string, number>>>;
      const found = await attempt(daemon, "every slot") as Counts;
      const { trySend, vmoMap, mmioMap, dmaMap, irqBind } = found;
      equal(trySend?.["ok"], sendRights(daemon) + outside, `${daemon} ${JSON.stringify(trySend)}`);
      deepEqual([vmoMap, dmaMap, irqBind], Array(3).fill({ nothing: TRIED }), daemon);
      deepEqual(mmioMap, { permission_denied: TRIED }, daemon);
      const strange = await attempt(daemon, "strange slots") as Counts;
      for (const [call, outcomes] of Object.entries(strange)) {
        const only = Object.keys(outcomes);
        ok(
          only.length === 1 && /invalid_slot|nothing|denied/.test(only[0] ?? ""),
          `${call} ${only}`,
        );
      }
      const { closed, outside: beyond, twice } = await attempt(daemon, "close strange slots") as {
        closed: Counts;
        outside: number;
        twice: number;
      };
      deepEqual([Object.keys(closed), beyond, twice], [["invalid_slot"], 0, 0], daemon);
    }
    deepEqual(node.faults, []);
  });
});

test("a daemon gives away what it made and nothing that it was given", async () => {
  await besiege("all", async ({ attempt }) => {
    for (const daemon of ["controld", "netstackd", "dsoftbusd"]) {
      const own = HOSTILE.find(({ name }) => name === daemon);
      const endpoints = new Set(Object.values(own?.serves ?? {}).map(endpointOf)).size;
      const { given, receiveRight, sendRight, further } = await attempt(
        daemon,
        "give everything away",
      ) as {
        readonly given: Readonly<Record<string, number>>;
        readonly receiveRight: string;
        readonly sendRight: string;
        readonly further: string;
      };
      equal(given["ok"], endpoints, `${daemon} made its own endpoints: ${JSON.stringify(given)}`);
      const rest = [receiveRight, sendRight, further];
      deepEqual(rest, ["permission_denied", "ok", "permission_denied"], daemon);
    }
  });
});

test("a daemon that claims another sender is known by its own name to whom it writes", async () => {
  await besiege("all", async ({ attempt, node }) => {
    const outcomes = await attempt("keystored", "a record of another's", "policyd");
    deepEqual(outcomes, ["ok", "invalid_args", "ok"]);
    const all = { ring: RING.journal, afterId: 0n, countMax: 200, scope: "forged" };
    const reply = await node.control.log(all);
    const senders = reply.status === "ok" ? reply.records.map(({ sender }) => sender) : [];
    deepEqual(senders, ["keystored", "keystored"]);
  });
});

test("frames that run code or lie about their length are refused, in front of every wire", async () => {
  await besiege("all", async ({ attempt, node }) => {
    for (const daemon of DAEMONS) {
      const { outcomes, seen } = await attempt(daemon, "frames that lie") as {
        outcomes: Record<string, string>;
        seen: readonly string[];
      };
      const { "a slice that copies nothing": copied, ...rest } = outcomes;
      equal(copied, "ok", "the kernel copies with its own hands");
      deepEqual([...new Set(Object.values(rest))], ["invalid_argument"], daemon);
      deepEqual(seen, [], daemon);
    }
    deepEqual(node.faults, []);
  });
});

test("a daemon that names its fault as it likes says one short line, and fools no reader", async () => {
  for (const isolation of ["all", "inline"] as const) {
    await besiege(isolation, async ({ attempt, node }) => {
      const name = "x\ndaemon=keystored\u0000";
      // It is gone before it can answer.
      await rejects(() => attempt("identityd", "a fault of any name", name), TypeError);
      await node.restarted("identityd", 1);
      const { reason = "" } = node.faults[0] ?? {};
      ok(reason.startsWith("x?daemon=keystored?\u00e4"), reason);
      const look = await node.control.ps({});
      ok(
        look.status === "ok" &&
          look.tasks.some(({ fault }) => fault !== "" && reason.startsWith(fault)),
      );
      const page = { ring: RING.journal, afterId: 0n, countMax: 100, scope: "init" };
      const log = await node.control.log(page);
      ok(log.status === "ok" && log.records.some(({ fields }) => fields.includes(reason)));
    });
  }
});

test("a daemon of a real node names what the list says, and loads no module but its own", async () => {
  await besiege("all", async ({ attempt }) => {
    for (const daemon of DAEMONS) {
      const names = await attempt(daemon, "the host's names") as string[];
      deepEqual(names.sort(), [...GLOBALS_ALLOWED].sort(), daemon);
      deepEqual(await attempt(daemon, "every escape"), denoAtLeast(2, 9) ? [] : ["a new name"]);
      deepEqual(await attempt(daemon, "modules outside"), [], daemon);
    }
  });
});

test("a daemon changes no class that its isolate's kernel is made of", async () => {
  const folders = ["runtime/kernel", "runtime/boot", "runtime/core", "runtime/idl", "hw/host"];
  const modules = folders.flatMap(filesBelow).filter((path) => !path.endsWith("_test.ts"));
  await besiege("all", async ({ attempt }) => {
    let classes = 0;
    for (const path of modules) {
      const [count = "", ...open] = await attempt(
        "samgrd",
        "parts of the kernel",
        path,
      ) as string[];
      deepEqual(open, [], path);
      classes += Number.parseInt(count) || 0;
    }
    ok(classes >= 20, `${classes} classes were looked at`);
    const [, ...open] = await attempt("samgrd", "what ports are made of") as string[];
    deepEqual(open, []);
  });
});

test("a daemon's clock is the kernel's, and nothing else counts or waits", async () => {
  await besiege("all", async ({ attempt }) => {
    const grain = Number(await attempt("samgrd", "the clock's grain"));
    ok(grain >= 100, `${grain} ns`);
    deepEqual(await attempt("samgrd", "other clocks"), ["load", "load", "store", "store"]);
  });
});
