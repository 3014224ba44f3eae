import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { deviceKey, recordDraft, segmentsOf, storedChain } from "@tests/fakes/log_chain.ts";
import { controllerOf, fakeNode, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import type { StoredChain, StoredSegment } from "../statefsd/client/verify_chain.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type KeptLogClient, readKeptLog, SEGMENTS_READ_MAX } from "./kept_log.ts";
import { runNx } from "./nx.ts";

const CHUNK = 1_000;
const KEY = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";

/** Nine entries in three segments of three, signed to the end. */
function chain(ring: number): StoredChain {
  const drafts = Array.from({ length: 9 }, (_, at) => recordDraft(BigInt(at + 1), "m".repeat(200)));
  return storedChain(segmentsOf(drafts, 3, ring));
}

type SegmentAsk = Parameters<KeptLogClient["logSegment"]>[0];

/** A node's answers out of a chain, a thousand bytes at a time. */
function answering(chains: readonly StoredChain[], change: (ask: SegmentAsk) => void = () => {}) {
  const segmentsOfRing = (ring: number): readonly StoredSegment[] => chains[ring]?.segments ?? [];
  return {
    logSegment(ask: SegmentAsk) {
      change(ask);
      const { ring, from, offset } = ask;
      const found = segmentsOfRing(ring).find(({ first }) => first >= from);
      if (found === undefined) return { status: "not_found" } as const;
      const value = found.value ?? new Uint8Array(0);
      const chunk = value.slice(offset, offset + CHUNK);
      return { status: "ok", first: found.first, length: value.length, chunk } as const;
    },
    logCheckpoint({ ring }: { readonly ring: number }) {
      const checkpoint = chains[ring]?.checkpoint;
      return checkpoint === undefined
        ? { status: "not_found" } as const
        : { status: "ok", checkpoint } as const;
    },
  };
}

/** The same as a client has them. */
function clientOf({ logSegment, logCheckpoint }: ReturnType<typeof answering>): KeptLogClient {
  return {
    logSegment: (ask) => Promise.resolve(logSegment(ask)),
    logCheckpoint: (ask) => Promise.resolve(logCheckpoint(ask)),
  };
}

/** Runs a command against a node that keeps these chains. */
async function nx(
  argv: readonly string[],
  chains: readonly StoredChain[] | undefined,
  files: Readonly<Record<string, string>> = {},
) {
  const own = controllerOf({ deviceId: "ab".repeat(32) });
  const identity = async (...asked: Parameters<typeof own.identity>) => ({
    ...await own.identity(...asked),
    verifyingKey: deviceKey().verifyingKey,
  });
  const kept = chains === undefined ? {} : answering(chains);
  const handlers = { ...own, identity, ...kept } as typeof own;
  const node = fakeNode({ host: "127.0.0.1", port: 7401 }, { handlers });
  const world = nxWorld({ startNode: () => Promise.resolve(node) });
  for (const [path, text] of Object.entries(files)) world.files.writeText(path, text, 0o600);
  const up = runNx(["up", "--no-supervise", "--json"], world.ports);
  await settled();
  const before = world.out().length;
  const code = await runNx(argv, world.ports);
  const out = world.out().slice(before);
  world.signal("SIGINT");
  await up;
  return { code, out, lines: out.split("\n").slice(0, -1), error: world.error() };
}

test("readKeptLog puts a chain together from its pieces", async () => {
  const stored = chain(1);
  deepEqual(await readKeptLog(clientOf(answering([chain(0), stored])), 1), stored);
  const nothing = { ring: 0, segments: [], checkpoint: undefined };
  deepEqual(await readKeptLog(clientOf(answering([])), 0), nothing);
});

test("readKeptLog takes a segment as long as it was when it began", async () => {
  const stored = chain(0);
  const chains = [stored];
  const grown = answering(chains, ({ offset }) => {
    if (offset === 0) return;
    const segments = stored.segments.map(({ first, value }) => ({
      first,
      value: Uint8Array.of(...value ?? [], 1, 2, 3),
    }));
    chains[0] = { ...stored, segments };
  });
  const { segments } = await readKeptLog(clientOf(grown), 0);
  deepEqual(segments[0], stored.segments[0]);
});

test("readKeptLog goes on behind a segment that was deleted while it was read", async () => {
  const stored = chain(0);
  const chains = [stored];
  const shrinking = answering(chains, ({ offset }) => {
    if (offset > 0) chains[0] = { ...stored, segments: stored.segments.slice(1) };
  });
  const { segments } = await readKeptLog(clientOf(shrinking), 0);
  deepEqual(segments, stored.segments.slice(1));
  chains[0] = { ...stored, segments: stored.segments.slice(0, 1) };
  const gone = answering(chains, ({ offset }) => {
    if (offset > 0) chains[0] = { ...stored, segments: [] };
  });
  deepEqual((await readKeptLog(clientOf(gone), 0)).segments, []);
});

test("readKeptLog ends, whatever a node answers", async () => {
  const answers = answering([chain(0)]);
  const piece = (first: bigint, length: number, chunk: number) =>
    clientOf({
      ...answers,
      logSegment: ({ from, offset }: SegmentAsk) => ({
        status: "ok" as const,
        first: first + from + BigInt(offset),
        length,
        chunk: new Uint8Array(chunk),
      }),
    });
  // A piece of nothing, one that is too long, one that lies before what was asked for, and others.
  await rejects(readKeptLog(piece(0n, 10, 0), 0), CommandFailure);
  await rejects(readKeptLog(piece(0n, 100_000, 10), 0), /makes no sense/);
  await rejects(readKeptLog(piece(-1n, 10, 10), 0), CommandFailure);
  await rejects(readKeptLog(piece(0n, 10, 5), 0), CommandFailure);
  const { segments } = await readKeptLog(piece(0n, 10, 20), 0);
  deepEqual([segments.length, segments[0]?.value?.length], [SEGMENTS_READ_MAX, 10]);
});

test("nx log verify says of both rings that they hold, and who signed", async () => {
  const { code, lines } = await nx(["log", "verify"], [chain(0), chain(1)]);
  deepEqual([code, lines], [EXIT.ok, [
    `journal: records 1 to 9 hold, signed up to 9 by ${KEY}`,
    `audit: records 1 to 9 hold, signed up to 9 by ${KEY}`,
  ]]);
  const json = await nx(["log", "verify", "--json"], [chain(0)]);
  deepEqual(json.lines.map((line) => JSON.parse(line)), [
    {
      ...{ ring: "journal", entries: 9, first: 1, last: 9, signedTo: 9, signer: KEY },
      ...{ unsignedCount: 0, holds: true, faults: [] },
    },
    {
      ...{ ring: "audit", entries: 0, first: 0, last: 0, signedTo: 0, signer: null },
      ...{ unsignedCount: 0, holds: true, faults: [] },
    },
  ]);
});

test("nx log verify names the record that was tampered with, and exits with 1", async () => {
  const stored = chain(0);
  const [first, , third] = stored.segments;
  ok(first !== undefined && third !== undefined);
  const dropped = { ...stored, segments: [first, third] };
  const { code, lines } = await nx(["log", "verify"], [dropped]);
  deepEqual([code, lines], [EXIT.failed, [
    "journal: records 4 to 6 are missing",
    `journal: records 1 to 9 do not hold, signed up to 9 by ${KEY}`,
    "audit: no records",
  ]]);
  const json = await nx(["log", "verify", "--json"], [dropped]);
  deepEqual(JSON.parse(json.lines[0] ?? "").faults, [
    { kind: "missing", index: 4, count: 3, text: "records 4 to 6 are missing" },
  ]);
  const cut = await nx(["log", "verify"], [{ ...stored, segments: [] }]);
  deepEqual(cut.lines[0], "journal: the chain was cut off: records 1 to 9 are signed, and gone");
});

test("nx log verify takes no signature but the device's, or the one that is named", async () => {
  const other = "22".repeat(32);
  const { code, lines } = await nx(["log", "verify", "--key", other], [chain(0)]);
  equal(code, EXIT.failed);
  equal(lines[0], "journal: the checkpoint is signed by another key than this device's");
  equal(lines[1], "journal: records 1 to 9 do not hold, nothing signed, 9 behind that not signed");
});

test("nx log export writes what nx log verify --in verifies, line by line", async () => {
  const { code, out, lines } = await nx(["log", "export"], [chain(0)]);
  deepEqual([code, lines.length], [EXIT.ok, 10]);
  deepEqual(JSON.parse(lines[3] ?? "").index, "4");
  deepEqual(JSON.parse(lines[9] ?? "").checkpoint.verifyingKey, KEY);
  const verify = (text: string, ...argv: readonly string[]) =>
    nx(["log", "verify", "--in", "/tmp/log", ...argv], undefined, { "/tmp/log": text });
  const sound = await verify(out, "--key", KEY);
  deepEqual([sound.code, sound.lines], [EXIT.ok, [
    `journal: records 1 to 9 hold, signed up to 9 by ${KEY}`,
  ]]);
  const edited = await verify(lines.with(3, (lines[3] ?? "").replace("mmm", "mnm")).join("\n"));
  deepEqual([edited.code, edited.lines[0]], [
    EXIT.failed,
    "journal: line 4: record 4 was edited",
  ]);
  const dropped = await verify(lines.toSpliced(3, 1).join("\n"), "--json");
  deepEqual(JSON.parse(dropped.out).faults, [
    { kind: "missing", index: 4, count: 1, line: 4, text: "record 4 is missing" },
  ]);
  const nothing = await verify("");
  deepEqual([nothing.code, nothing.lines], [EXIT.failed, [
    "log: line 1: there is no last line: the export was cut off",
  ]]);
  const none = await nx(["log", "verify", "--in", "/nowhere"], undefined);
  deepEqual([none.code, none.out], [EXIT.failed, ""]);
});

test("nx log export of a log that does not hold writes what there is, and says so", async () => {
  const stored = chain(1);
  const broken = { ...stored, segments: stored.segments.slice(1) };
  const { code, lines, error } = await nx(["log", "export", "--audit"], [chain(0), broken]);
  deepEqual([code, lines.length], [EXIT.failed, 7]);
  equal(JSON.parse(lines[0] ?? "").ring, "audit");
  ok(error.includes("see nx log verify"));
});

test("nx log export of a log that nobody signed yet is no failure", async () => {
  const { code, lines } = await nx(["log", "export"], [{ ...chain(0), checkpoint: undefined }]);
  deepEqual([code, JSON.parse(lines.at(-1) ?? "").checkpoint], [EXIT.ok, null]);
});

test("nx log verify and export say that a node keeps no log", async () => {
  for (const command of ["verify", "export"]) {
    const { code, out, error } = await nx(["log", command], undefined);
    deepEqual([code, out], [EXIT.failed, ""]);
    ok(error.includes("the node keeps no log"), error);
  }
});

test("nx log verify refuses what is no key, and a node beside a file", async () => {
  const world = nxWorld();
  const file = ["log", "verify", "--in", "x"];
  for (const argv of [[...file, "--key", "ab"], [...file, "--node", "7401"]]) {
    equal(await runNx(argv, world.ports), EXIT.usage);
  }
  equal(world.out(), "");
});
