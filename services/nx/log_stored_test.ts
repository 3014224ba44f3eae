import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { BOOT_ID, recordDraft, segmentsOf, storedChain } from "@tests/fakes/log_chain.ts";
import { nxWorld } from "@tests/fakes/nx_ports.ts";
import { withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import { checkpointPath } from "../statefsd/client/log_checkpoint.ts";
import type { LogDraft } from "../statefsd/client/log_entry.ts";
import { segmentPath } from "../statefsd/client/log_segment.ts";
import type { StoredChain } from "../statefsd/client/verify_chain.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const DIR = "/s";
const ABOUT = { subject: "statefsd", purpose: "log", timestamp: 0n };
const SECOND_BOOT = new Uint8Array(16).fill(0xb1);
/** When the first record was said; each further one a minute later. */
const FIRST_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;

/** Record n is of level n modulo 5, by one of two daemons in turn; the last four are of another boot. */
function draft(at: number): LogDraft {
  return {
    kind: "record",
    ...{ recordId: BigInt(at), timestampNs: 1_000n * BigInt(at), sid: 5n, message: `m${at}` },
    bootId: at > 8 ? SECOND_BOOT : BOOT_ID,
    unixMs: BigInt(FIRST_MS + (at - 1) * MINUTE_MS),
    level: at % 5,
    sender: at % 2 === 0 ? "rngd" : "netstackd",
    scope: at % 3 === 0 ? "third" : "",
    fields: at === 7 ? "subject=eve\n" : "",
  };
}

const RECORDS: readonly LogDraft[] = Array.from({ length: 12 }, (_, at) => draft(at + 1));

/** A world whose directory keeps these rings, and whose clock stands at the last record. */
async function keeping(chains: readonly StoredChain[]) {
  const world = nxWorld();
  world.files.writeText(`${DIR}/state.json`, "", 0o600);
  await withState(world.ports.state, DIR, async (store) => {
    for (const { ring, segments, checkpoint } of chains) {
      for (const { first, value } of segments) {
        equal(await store.put(segmentPath(ring, first), value ?? BOOT_ID, ABOUT), "ok");
      }
      if (checkpoint === undefined) continue;
      equal(await store.put(checkpointPath(ring), checkpoint, ABOUT), "ok");
    }
  });
  const clock = { ...world.ports.clock, unixMs: () => FIRST_MS + 11 * MINUTE_MS };
  const ports = { ...world.ports, clock };
  const nx = async (...argv: readonly string[]) => {
    const before = world.out().length;
    const code = await runNx(["log", "--state", DIR, ...argv], ports);
    const lines = world.out().slice(before).split("\n").slice(0, -1);
    return { code, lines, error: world.error() };
  };
  const messages = async (...argv: readonly string[]) =>
    (await nx("--json", ...argv)).lines.map((line) => JSON.parse(line).message);
  return { nx, messages, ports, held: () => world.state.holds.length };
}

function chainOf(drafts: readonly LogDraft[], ring = 0): StoredChain {
  return storedChain(segmentsOf(drafts, 5, ring));
}

test("nx log --state shows what a stopped node kept, with the time of each record", async () => {
  const { nx } = await keeping([chainOf(RECORDS)]);
  const { code, lines } = await nx("--limit", "2");
  deepEqual([code, lines], [EXIT.ok, [
    "2023-11-14T22:23:20.000Z warn  netstackd: m11",
    "2023-11-14T22:24:20.000Z info  rngd/third: m12",
  ]]);
  const json = await nx("--json", "--limit", "1");
  deepEqual(JSON.parse(json.lines[0] ?? ""), {
    ...{ recordId: 12, timestampNs: 12_000, level: "info", sender: "rngd", scope: "third" },
    ...{ message: "m12", fields: {}, bootId: "b1".repeat(16) },
    unixMs: FIRST_MS + 11 * MINUTE_MS,
  });
});

test("nx log --state takes the conditions that a node that runs takes", async () => {
  const { messages } = await keeping([chainOf(RECORDS)]);
  equal((await messages()).length, 12);
  deepEqual(await messages("--service", "rngd", "--limit", "2"), ["m10", "m12"]);
  deepEqual(await messages("--level", "error"), ["m5", "m10"]);
  deepEqual(await messages("--subject", "eve"), ["m7"]);
  deepEqual(await messages("--scope", "third", "--since", "5m"), ["m9", "m12"]);
  deepEqual(await messages("--since", "2m"), ["m10", "m11", "m12"]);
  deepEqual(await messages("--since", "2m", "--limit", "1"), ["m12"]);
  deepEqual(await messages("--since", "2023-11-14T22:23:20Z"), ["m11", "m12"]);
  deepEqual(await messages("--since", "2024-01-01"), []);
});

test("nx log --state shows fifty records unless it is told otherwise, and --since shows all", async () => {
  const { messages } = await keeping([
    chainOf(Array.from({ length: 60 }, (_, at) => draft(at + 1))),
  ]);
  equal((await messages()).length, 50);
  equal((await messages("--since", "1h")).length, 60);
});

test("nx log --audit --state shows the decisions and no word of the journal", async () => {
  const { messages } = await keeping([
    chainOf(RECORDS),
    chainOf([recordDraft(1n, "audit v1")], 1),
  ]);
  deepEqual(await messages("--audit"), ["audit v1"]);
});

test("nx log --state says where records were lost before they were kept", async () => {
  const gap: LogDraft = {
    ...{ kind: "gap", bootId: BOOT_ID, firstId: 3n, count: 4n },
    unixMs: BigInt(FIRST_MS),
  };
  const { nx } = await keeping([chainOf([draft(1), gap, draft(2)])]);
  const { lines } = await nx();
  deepEqual(lines.length, 3);
  equal(
    lines[1],
    "2023-11-14T22:13:20.000Z 4 records were lost: logd let them go before they were kept",
  );
  const json = await nx("--json");
  const when = { bootId: "b0".repeat(16), unixMs: FIRST_MS };
  deepEqual(JSON.parse(json.lines[1] ?? ""), { lost: 4, ...when });
  equal((await nx("--limit", "1")).lines.length, 1, "a gap before what is shown is not");
});

test("nx log --state of a log that does not hold shows what there is, and fails", async () => {
  const chain = chainOf(RECORDS);
  const { nx } = await keeping([{ ...chain, segments: chain.segments.slice(1) }]);
  const { code, lines, error } = await nx();
  deepEqual([code, lines.length], [EXIT.failed, 7]);
  ok(error.includes("this log does not hold; see nx log verify"), error);
  const unsigned = await keeping([{ ...chain, checkpoint: undefined }]);
  equal((await unsigned.nx()).code, EXIT.ok);
});

test("nx log --follow of a node that does not run is wrong usage, and opens nothing", async () => {
  const { nx, held } = await keeping([chainOf(RECORDS)]);
  const before = held();
  const { code, lines, error } = await nx("--follow");
  deepEqual([code, lines, held()], [EXIT.usage, [], before]);
  ok(error.includes("--follow needs a node that runs"), error);
});

test("nx log --state stops where nobody reads any more", async () => {
  const { ports } = await keeping([chainOf(RECORDS)]);
  let printed = 0;
  const terminal = { ...ports.terminal, out: () => ++printed < 3 };
  equal(await runNx(["log", "--state", DIR], { ...ports, terminal }), EXIT.ok);
  equal(printed, 3);
});
