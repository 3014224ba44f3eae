import type { StopSignal } from "@runtime/core/program_ports.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { controllerOf, fakeNode, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import type { controld } from "../controld/protocol.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const SECOND_NS = 1_000_000_000n;
const PAGE = 60;
const SENDERS = ["rngd", "netstackd"] as const;

/** Record n was kept in second n, at level n modulo 5, by one of two daemons in turn. */
function record(recordId: bigint) {
  const at = Number(recordId);
  return {
    recordId,
    timestampNs: recordId * SECOND_NS,
    level: at % 5,
    sid: 5n,
    sender: SENDERS[at % 2] ?? "",
    scope: at % 3 === 0 ? "third" : "",
    message: `m${at}`,
    fields: at === 7 ? "subject=eve\n" : "",
  };
}

/** A node whose journal holds what a test says. */
function journal(count: number) {
  let total = BigInt(count);
  const log: Handlers<typeof controld>["log"] = ({ afterId, scope }) => {
    const ids = Array.from({ length: Number(total) }, (_, at) => BigInt(at + 1))
      .filter((id) => id > afterId);
    const page = ids.slice(0, PAGE);
    const records = page.map(record).filter((each) => each.scope.startsWith(scope));
    const lastId = page.at(-1) ?? afterId;
    const nowNs = total * SECOND_NS;
    return { status: "ok", total, dropped: 0n, lastId, nowNs, records };
  };
  return { log, say: (more: number) => void (total += BigInt(more)) };
}

/** Runs commands against a node that runs beside them. */
async function besideNode(
  log: Handlers<typeof controld>["log"],
  work: (
    world: ReturnType<typeof nxWorld>,
    node: { readonly printed: () => readonly string[]; readonly stopNode: () => void },
  ) => Promise<void>,
  readers = { left: Infinity },
) {
  const handlers = { ...controllerOf({ deviceId: "ab".repeat(32) }), log };
  const node = fakeNode({ host: "127.0.0.1", port: 7401 }, { handlers });
  const world = nxWorld({ startNode: () => Promise.resolve(node) });
  const { out } = world.ports.terminal;
  const terminal = {
    ...world.ports.terminal,
    out: (text: string) => out(text) && --readers.left > 0,
  };
  const up = runNx(["up", "--no-supervise", "--json"], world.ports);
  await settled();
  const before = world.out().length;
  const printed = () => world.out().slice(before).split("\n").filter((line) => line !== "");
  const stops = new Set<(signal: StopSignal) => void>();
  const processes = {
    ...world.ports.processes,
    onStop(stop: (signal: StopSignal) => void) {
      stops.add(stop);
      return () => void stops.delete(stop);
    },
  };
  const signal = (which: StopSignal) => stops.forEach((stop) => stop(which));
  const ports = { ...world.ports, terminal, processes };
  await work({ ...world, ports, signal }, { printed, stopNode: () => world.signal("SIGINT") });
  world.signal("SIGINT");
  await up;
  equal(world.clock.nextNs(), undefined);
  equal(stops.size, 0);
}

/** Messages that one command shows, of twelve records. */
async function shown(...argv: readonly string[]): Promise<readonly string[]> {
  const messages: string[] = [];
  await besideNode(journal(12).log, async ({ ports }, { printed }) => {
    equal(await runNx(["log", "--json", ...argv], ports), EXIT.ok);
    messages.push(...printed().map((line) => JSON.parse(line).message));
  });
  return messages;
}

test("nx log shows the records of one daemon, of a level, about a subject, since a time", async () => {
  deepEqual(await shown("--service", "rngd", "--limit", "2"), ["m10", "m12"]);
  deepEqual(await shown("--service", "rng"), []);
  deepEqual(await shown("--level", "warn"), ["m1", "m5", "m6", "m10", "m11"]);
  deepEqual(await shown("--level", "error"), ["m5", "m10"]);
  deepEqual(await shown("--subject", "eve"), ["m7"]);
  deepEqual(await shown("--subject", "netstackd", "--level", "error"), ["m5"]);
  deepEqual(await shown("--since", "2"), ["m10", "m11", "m12"]);
  deepEqual(await shown("--since", "2", "--limit", "1"), ["m12"]);
  deepEqual(await shown("--scope", "third", "--since", "5s"), ["m9", "m12"]);
});

test("nx log --since takes a time of the calendar", async () => {
  // The world's clock stands at one second of 1970, the node's at twelve seconds of its own.
  deepEqual(await shown("--since", "1970-01-01T00:00:00Z"), ["m11", "m12"]);
  equal((await shown("--since", "1969-12-31T23:59:59Z")).length, 3);
  deepEqual(await shown("--since", "1970-01-01T00:00:02Z"), []);
});

test("nx log --since shows all, and not the newest few", async () => {
  await besideNode(journal(200).log, async ({ ports }, { printed }) => {
    await runNx(["log", "--since", "1h"], ports);
    equal(printed().length, 200);
  });
});

test("nx log refuses what is no level, no time and no name", async () => {
  const world = nxWorld();
  for (
    const argv of [["--level", "loud"], ["--since", "soon"], ["--service", ""], ["--subject", ""]]
  ) {
    equal(await runNx(["log", ...argv], world.ports), EXIT.usage);
  }
  equal(world.out(), "");
});

test("nx log --follow shows what comes once, and ends in order at a signal", async () => {
  const { log, say } = journal(3);
  await besideNode(log, async ({ ports, clock, signal }, { printed }) => {
    const following = runNx(["log", "--follow", "--json", "--limit", "1"], ports);
    await settled();
    const messages = () => printed().map((line) => JSON.parse(line).message);
    deepEqual(messages(), ["m3"]);
    clock.advanceMs(500);
    await settled();
    deepEqual(messages(), ["m3"]);
    say(2);
    clock.advanceMs(499);
    await settled();
    deepEqual(messages(), ["m3"]);
    clock.advanceMs(1);
    await settled();
    deepEqual(messages(), ["m3", "m4", "m5"]);
    signal("SIGINT");
    equal(await following, EXIT.ok);
  });
});

test("nx log --follow holds to its conditions", async () => {
  const { log, say } = journal(0);
  await besideNode(log, async ({ ports, clock, signal }, { printed }) => {
    const argv = ["log", "--follow", "--scope", "third", "--level", "warn", "--json"];
    const following = runNx(argv, ports);
    await settled();
    say(12);
    clock.advanceMs(500);
    await settled();
    deepEqual(printed().map((line) => JSON.parse(line).message), ["m6"]);
    signal("SIGTERM");
    equal(await following, EXIT.ok);
  });
});

test("nx log --follow says what was lost, and that logd began anew", async () => {
  for (const json of [true, false]) {
    const { log, say } = journal(2);
    let lost = 0n;
    const lossy: typeof log = async (request, call) => {
      const page = await log(request, call);
      if (page.status !== "ok") return page;
      return { ...page, records: page.records.filter(({ recordId }) => recordId > lost) };
    };
    await besideNode(lossy, async ({ ports, clock, signal }, { printed }) => {
      const following = runNx(["log", "--follow", ...json ? ["--json"] : []], ports);
      await settled();
      say(4);
      lost = 5n;
      clock.advanceMs(500);
      await settled();
      const [, , told, last] = printed();
      if (json) deepEqual(JSON.parse(told ?? ""), { lost: 3 });
      else ok(told?.startsWith("3 records were lost"), told);
      ok(last?.includes("m6"));
      say(-5);
      lost = 0n;
      clock.advanceMs(500);
      await settled();
      const restarted = printed()[4] ?? "";
      if (json) deepEqual(JSON.parse(restarted), { restarted: true });
      else ok(restarted.startsWith("logd was started again"), restarted);
      ok(printed()[5]?.includes("m1"));
      signal("SIGINT");
      equal(await following, EXIT.ok);
    });
  }
});

test("nx log --follow ends when nobody reads it any more", async () => {
  const { log, say } = journal(2);
  await besideNode(log, async ({ ports, clock }, { printed }) => {
    const following = runNx(["log", "--follow"], ports);
    await settled();
    say(5);
    clock.advanceMs(500);
    equal(await following, EXIT.ok);
    equal(printed().length, 5);
  }, { left: 5 });
});

test("nx log --follow fails when the node ends", async () => {
  const { log } = journal(1);
  let gone = false;
  const dying: typeof log = (request, call) =>
    gone ? { status: "unavailable" } : log(request, call);
  await besideNode(dying, async ({ ports, clock, error }) => {
    const following = runNx(["log", "--follow"], ports);
    await settled();
    gone = true;
    clock.advanceMs(500);
    equal(await following, EXIT.failed);
    ok(error().includes("the node could not answer"));
  });
});

test("nx log --follow hears a signal also while it asks, and when the node stops with it", async () => {
  for (const both of [false, true]) {
    const { log } = journal(1);
    let asking = () => {};
    const interrupting: typeof log = (request, call) => {
      asking();
      return log(request, call);
    };
    await besideNode(interrupting, async ({ ports, clock, signal }, { stopNode }) => {
      const following = runNx(["log", "--follow"], ports);
      await settled();
      asking = () => {
        signal("SIGINT");
        if (both) stopNode();
      };
      clock.advanceMs(500);
      await settled();
      equal(clock.nextNs(), undefined, "it waits no more");
      equal(await following, EXIT.ok);
    });
  }
});
