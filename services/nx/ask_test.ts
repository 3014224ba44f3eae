import type { Gate } from "@runtime/idl/policy.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { fakeNode, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import type { controld } from "../controld/protocol.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const ID = "0123456789abcdef".repeat(4);
const OTHER = "fedcba9876543210".repeat(4);
const PEERS_COUNT = 70;
const RECORDS_COUNT = 500;

const TIMES = { minNs: 1_000_000n, meanNs: 2_000_000n, maxNs: 3_000_000n, totalNs: 2_000_000n };

function peerRecord(index: number) {
  return {
    deviceId: index === 1 ? "" : OTHER,
    direction: index % 2,
    state: 3,
    address: 0x0a000202,
    port: 7000 + index,
    ageMs: 61_000n,
    records: 9n,
    reason: index === 1 ? "dial_refused" : "",
    typed: index === 2 ? "[::1]:7002" : "",
  };
}

function logRecord(recordId: bigint) {
  return {
    recordId,
    timestampNs: recordId * 1_000_000_000n,
    level: 1,
    sid: 5n,
    sender: "policyd",
    scope: "policyd.audit",
    message: "audit v1 op=decide decision=deny",
    fields: `subject=${recordId % 2n === 0n ? "eve" : "nx-cli"}\ntarget=a\u001bb\n`,
  };
}

const HANDLERS: Handlers<typeof controld> = {
  provoke: () => ({ status: "refused" }),
  ps: () => ({ status: "unavailable" }),
  identity: () => ({
    status: "ok",
    deviceId: ID,
    verifyingKey: new Uint8Array(32).fill(0x11),
    noiseStatic: new Uint8Array(32).fill(0x22),
    bootId: new Uint8Array(16).fill(0x33),
    port: 7401,
  }),
  peers: ({ first }) => {
    const all = Array.from({ length: PEERS_COUNT }, (_, index) => peerRecord(index));
    return { status: "ok", total: PEERS_COUNT, peers: all.slice(first, first + 20) };
  },
  stats: () => ({
    status: "ok",
    accepted: 9,
    sessions: 4,
    announces: 3,
    refused: [{ reason: "not_granted", count: 1 }, { reason: "proof_bad", count: 12 }],
  }),
  connect: () => ({ status: "refused" }),
  ping({ peer, count, window, timeoutMs }) {
    if (peer === "aaaa") return { status: "not_found" };
    if (peer === "bbbb") return { status: "ambiguous" };
    if (peer === "cccc") return { status: "timed_out" };
    if (peer === "dddd") return { status: "peer_denied" };
    equal(timeoutMs, window === 1 ? 5_000 : 60_000);
    return { status: "ok", deviceId: OTHER, count, ...TIMES };
  },
  resolve: ({ service }) => ({
    status: "ok",
    deviceId: OTHER,
    found: service === "samgrd" ? 1 : 0,
    endpoint: 7,
  }),
  log({ ring, afterId, countMax }) {
    const all = Array.from({ length: ring === 1 ? RECORDS_COUNT : 0 }, (_, n) => BigInt(n + 1));
    const page = all.filter((id) => id > afterId).slice(0, Math.min(countMax, 50));
    const lastId = page.at(-1) ?? afterId;
    return {
      status: "ok",
      total: BigInt(all.length),
      dropped: 0n,
      lastId,
      nowNs: 501_000_000_000n,
      records: page.map(logRecord),
    };
  },
  logSegment: () => ({ status: "unavailable" }),
  logCheckpoint: () => ({ status: "unavailable" }),
  quotas: () => ({ status: "unavailable" }),
  setQuota: () => ({ status: "unavailable" }),
  clearQuota: () => ({ status: "unavailable" }),
  checkPolicy: ({ subject }) => ({ status: "ok", allowed: subject === "rngd" ? 1 : 0 }),
  placePeer: () => ({ status: "not_found" }),
  stop: () => ({ status: "ok", closed: 0 }),
};

/** Runs one command against a node that runs beside it. */
async function ask(
  argv: readonly string[],
  gate: Gate = () => Promise.resolve(true),
  handlers: Handlers<typeof controld> = HANDLERS,
) {
  const node = fakeNode({ host: "127.0.0.1", port: 7401 }, { handlers, gate });
  const world = nxWorld({ startNode: () => Promise.resolve(node) });
  const up = runNx(["up", "--no-supervise", "--json"], world.ports);
  await settled();
  const before = world.out().length;
  const code = await runNx(argv, world.ports);
  const out = world.out().slice(before);
  world.signal("SIGINT");
  await up;
  equal(world.clock.nextNs(), undefined);
  const lines = out.split("\n").filter((line) => line !== "");
  return { code, out, lines, error: world.error() };
}

test("nx id shows the public facts and nothing else", async () => {
  const { code, lines } = await ask(["id", "--json"]);
  deepEqual([code, JSON.parse(lines[0] ?? "")], [EXIT.ok, {
    deviceId: ID,
    publicKey: "11".repeat(32),
    noiseStatic: "22".repeat(32),
    bootId: "33".repeat(16),
    port: 7401,
    running: true,
  }]);
  ok((await ask(["id"])).out.startsWith(`device id     ${ID}\n`));
});

test("nx id names no port that nobody can reach", async () => {
  const identity: typeof HANDLERS.identity = () => ({
    status: "ok",
    deviceId: ID,
    verifyingKey: new Uint8Array(32),
    noiseStatic: new Uint8Array(32),
    bootId: new Uint8Array(16),
    port: 0,
  });
  const asked = (...argv: readonly string[]) =>
    ask(["id", ...argv], undefined, { ...HANDLERS, identity });
  equal((await asked()).lines.at(-1), "announces     no port: it does not listen");
  equal(JSON.parse((await asked("--json")).out).port, null);
});

test("nx peers pages through all of them, aligned or as JSON", async () => {
  const { lines } = await ask(["peers"]);
  deepEqual(lines.slice(0, 3), [
    "PEER              STATE        DIRECTION  ADDRESS        AGE   RECORDS  REASON",
    "fedcba9876543210  established  outbound   10.0.2.2:7000  1m1s  9",
    "-                 established  inbound    10.0.2.2:7001  1m1s  9        dial_refused",
  ]);
  equal(lines.length, PEERS_COUNT + 1);
  const json = await ask(["peers", "--json", "--node", "7401"]);
  equal(json.lines.length, PEERS_COUNT);
  deepEqual(JSON.parse(json.lines[69] ?? "").address, "10.0.2.2:7069");
  deepEqual(JSON.parse(json.lines[2] ?? "").address, "[::1]:7002");
  ok((await ask(["peers", "--full"])).out.includes(OTHER));
});

test("nx stats counts what was admitted and refused, the commonest cause first", async () => {
  const { code, lines } = await ask(["stats"]);
  deepEqual([code, lines], [EXIT.ok, [
    "accepted   9",
    "sessions   4",
    "announces  3",
    "refused    13",
    "  proof_bad  12",
    "  not_granted  1",
  ]]);
  const json = await ask(["stats", "--json"]);
  deepEqual(json.lines.map((line) => JSON.parse(line)), [
    { accepted: 9, sessions: 4, announces: 3, refused: { proof_bad: 12, not_granted: 1 } },
  ]);
});

test("nx ping reports each answer, and a window only in sum", async () => {
  const { code, lines } = await ask(["ping", "FEDC", "--count", "2", "--size", "8"]);
  deepEqual([code, lines], [EXIT.ok, [
    "8 bytes from fedcba9876543210: seq=1 2.000 ms",
    "8 bytes from fedcba9876543210: seq=2 2.000 ms",
    "2 answered, min 1.000 ms, mean 2.000 ms, max 3.000 ms",
  ]]);
  const many = await ask([
    "ping",
    "fedc",
    "--count",
    "9",
    "--window",
    "4",
    "--json",
    "--timeout",
    "60s",
  ]);
  deepEqual(many.lines.map((line) => JSON.parse(line).count), [9]);
});

test("a refusal of the node has its exit code and one line that says what to do", async () => {
  const cases = [
    ["aaaa", EXIT.notFound, /see nx peers/],
    ["bbbb", EXIT.usage, /give more digits/],
    ["cccc", EXIT.timedOut, /no answer in time/],
    ["dddd", EXIT.denied, /peer's policy denies/],
  ] as const;
  for (const [peer, exit, text] of cases) {
    const { code, error, out } = await ask(["ping", peer]);
    deepEqual([code, out], [exit, ""]);
    ok(text.test(error.split("\n").at(-2) ?? ""), error);
  }
});

test("every command that policy denies to nx-cli exits with 4", async () => {
  const commands = [
    ["id"],
    ["peers"],
    ["stats"],
    ["ping", "fedc"],
    ["resolve", "fedc", "samgrd"],
    ["log"],
    ["policy", "check", "rngd", "rng.entropy"],
  ];
  for (const argv of commands) {
    const { code, out, error } = await ask(argv, () => Promise.resolve(false));
    deepEqual({ argv, code, out }, { argv, code: EXIT.denied, out: "" });
    ok(error.includes("policy denies this to nx-cli"), error);
  }
});

test("nx resolve says whether the peer offers the service, also by its exit code", async () => {
  const found = await ask(["resolve", "fedc", "samgrd"]);
  deepEqual([found.code, found.lines], [EXIT.ok, ["samgrd at fedcba9876543210: endpoint 7"]]);
  equal((await ask(["resolve", "fedc", "nonesuch"])).code, EXIT.notFound);
  const json = await ask(["resolve", "fedc", "nonesuch", "--json"]);
  deepEqual([json.code, JSON.parse(json.out).found], [EXIT.notFound, false]);
});

test("nx policy check tells the decision, also by its exit code", async () => {
  const allowed = await ask(["policy", "check", "rngd", "rng.entropy"]);
  deepEqual([allowed.code, allowed.lines], [EXIT.ok, ["allowed: rngd rng.entropy"]]);
  const denied = await ask(["policy", "check", "eve", "rng.entropy", "--json"]);
  deepEqual([denied.code, JSON.parse(denied.out).allowed], [EXIT.denied, false]);
});

test("nx log shows the newest records of the asked ring, oldest first", async () => {
  deepEqual((await ask(["log"])).lines, []);
  const { lines } = await ask(["log", "--audit", "--limit", "2"]);
  deepEqual(lines, [
    "  499.000000 warn  policyd/policyd.audit: audit v1 op=decide decision=deny subject=nx-cli target=a b",
    "  500.000000 warn  policyd/policyd.audit: audit v1 op=decide decision=deny subject=eve target=a b",
  ]);
  const eve = await ask(["log", "--audit", "--limit", "300", "--subject", "eve", "--json"]);
  equal(eve.lines.length, RECORDS_COUNT / 2);
  deepEqual(JSON.parse(eve.lines[0] ?? "").recordId, 2);
  equal((await ask(["log", "--audit", "--subject", "toString"])).lines.length, 0);
});

test("every command for a node finds it by its folder with --state", async () => {
  const commands = [
    ["id"],
    ["peers"],
    ["stats"],
    ["ping", "fedc"],
    ["resolve", "fedc", "samgrd"],
    ["log"],
    ["policy", "check", "rngd", "rng.entropy"],
  ];
  for (const argv of commands) {
    const { code, error } = await ask([...argv, "--state", "/run/me/nexus/7401"]);
    deepEqual({ argv, code, error }, { argv, code: EXIT.ok, error: "" });
    equal((await ask([...argv, "--state", "/nowhere"])).code, EXIT.notFound);
  }
});

test("nx nodes lists the node", async () => {
  const { lines } = await ask(["nodes"]);
  deepEqual(lines, ["NODE  FOLDER", "7401  /run/me/nexus/7401"]);
});
