import { initTasks } from "@runtime/boot/protocol.ts";
import { createClient } from "@runtime/idl/client.ts";
import type { Ask } from "@runtime/idl/policy.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { directClient, watchedGate } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { logdQuery } from "../logd/protocol.ts";
import { policydV2 } from "../policyd/protocol.ts";
import { statefsd } from "../statefsd/protocol.ts";
import { type KeptLog, keptLogOf } from "./kept_log.ts";
import component from "./mod.ts";
import { CLI_SUBJECT, CONTROL_PRINCIPAL, controld } from "./protocol.ts";
import { type Quotas, quotasOf } from "./quotas.ts";
import { type ControldPorts, createControld } from "./service.ts";

const ID = "ab".repeat(32);
const TIMES = { minNs: 1n, meanNs: 2n, maxNs: 3n, totalNs: 6n };
const PEER = {
  deviceId: ID,
  direction: 0,
  state: 3,
  address: 0x0a000202,
  port: 7401,
  ageMs: 5n,
  records: 8n,
  reason: "",
  typed: "peer:7401",
};

/** Daemons behind controld that answer at once and remember what they were asked. */
const signer = { sign: () => Promise.resolve() };

function daemons() {
  const relays: string[] = [];
  const told = <T>(name: string, answer: T): T => {
    relays.push(name);
    return answer;
  };
  const asked: Ask[] = [];
  const bus = directClient(dsoftbusd, {
    identity: () =>
      told("identity", {
        status: "ok",
        deviceId: ID,
        verifyingKey: new Uint8Array(32).fill(1),
        noiseStatic: new Uint8Array(32).fill(2),
        bootId: new Uint8Array(16).fill(3),
        port: 7401,
      }),
    connect: () => told("connect", { status: "limit" }),
    awaitPeer: () => ({ status: "closed" }),
    peers: ({ first }) => told("peers", { status: "ok", total: first + 1, peers: [PEER] }),
    ping: ({ count }) => told("ping", { status: "ok", deviceId: ID, count, ...TIMES }),
    resolve: () => told("resolve", { status: "ambiguous" }),
    placePeer: ({ typed }) =>
      told("placePeer", { status: typed === "peer:1" ? "ok" : "not_found" }),
    closeAll: () => told("closeAll", { status: "ok", closed: 2 }),
    stats: () =>
      told("stats", { status: "ok", accepted: 1, sessions: 1, announces: 0, refused: [] }),
  });
  const log = directClient(logdQuery, {
    query: () => ({ status: "unsupported" }),
    stats: () => ({ status: "unsupported" }),
    queryAfter: ({ afterId }) =>
      told("log", {
        status: "ok",
        total: 9n,
        dropped: 0n,
        lastId: afterId + 1n,
        nowNs: 5n,
        records: [],
      }),
  });
  const policy = directClient(policydV2, {
    route: () => ({ status: "denied" }),
    exec: () => ({ status: "denied" }),
    checkDelegated: () => ({ status: "denied" }),
    decide(ask) {
      asked.push(ask);
      return told("decide", { status: ask.subject === "rngd" ? "ok" : "denied" });
    },
  });
  const init = directClient(initTasks, {
    provoke: () => told("provoke", { status: "refused" }),
    tasks: () =>
      told("tasks", {
        status: "ok",
        ...{ placement: "inline", inspector: "", degraded: [], tasks: [], queues: [] },
      }),
  });
  return { relays, asked, ports: { bus, log, ...stateBehind(relays), signer, policy, init } };
}

/** What statefsd keeps. */
function stateBehind(relays: string[]): Pick<ControldPorts, "kept" | "quotas"> {
  return { kept: keptLog(relays), quotas: noQuotas(relays) };
}

/** A kept log of one byte and no checkpoint. */
function keptLog(relays: string[]): KeptLog {
  return {
    logSegment({ from }) {
      relays.push("logSegment");
      const chunk = Uint8Array.of(7);
      return Promise.resolve({ status: "ok", first: from, length: 1, chunk });
    },
    logCheckpoint() {
      relays.push("logCheckpoint");
      return Promise.resolve({ status: "not_found" });
    },
  };
}

/** Owners of a node that has none. */
function noQuotas(relays: string[]): Quotas {
  const told = <T>(name: string, answer: T): Promise<T> => {
    relays.push(name);
    return Promise.resolve(answer);
  };
  return {
    quotas: () => told("quotas", { status: "ok", owners: [] }),
    setQuota: () => told("setQuota", { status: "ok" }),
    clearQuota: () => told("clearQuota", { status: "not_found" }),
  };
}

const PING = { peer: "ab", count: 3, size: 64, window: 1, timeoutMs: 1_000 };
const CALLS = [
  ["identity", {}, "identity.read", ""],
  ["peers", { first: 0 }, "dsoftbus.peers", ""],
  ["stats", {}, "dsoftbus.peers", ""],
  [
    "connect",
    { address: 1, port: 2, deviceId: "", noiseStatic: new Uint8Array(), timeoutMs: 0 },
    "dsoftbus.connect",
    "",
  ],
  ["ping", PING, "dsoftbus.ping", "ab"],
  ["resolve", { peer: "ab", service: "samgrd", timeoutMs: 0 }, "dsoftbus.resolve", "samgrd"],
  ["log", { ring: 1, afterId: 0n, countMax: 1, scope: "" }, "log.query", "1"],
  ["logSegment", { ring: 1, from: 0n, offset: 0 }, "log.query", "1"],
  ["logCheckpoint", { ring: 1 }, "log.query", "1"],
  ["quotas", { after: "" }, "statefs.quota.read", ""],
  ["setQuota", { owner: "app:x", soft: 1n, hard: 2n }, "statefs.quota.set", "app:x"],
  ["clearQuota", { owner: "app:x" }, "statefs.quota.set", "app:x"],
  [
    "checkPolicy",
    { subject: "rngd", capability: "rng.entropy", target: "" },
    "policy.check",
    "rngd",
  ],
  ["placePeer", { typed: "peer:1", address: 1 }, "dsoftbus.connect", ""],
  ["provoke", { daemon: "rngd", how: 0 }, "node.provoke", "rngd"],
  ["ps", {}, "node.ps", ""],
  ["stop", {}, "node.stop", ""],
] as const;

type AnyClient = Readonly<
  Record<string, (request: object) => Promise<{ readonly status: string }>>
>;

/** Every operation through one door; the requests above fit their operations. */
function client(ports: ControldPorts, options: Parameters<typeof directClient>[2]): AnyClient {
  return directClient(controld, createControld(ports), options) as unknown as AnyClient;
}

test("controld asks policy about nx-cli, with capability and target, before every relay", async () => {
  for (const [opName, request, capability, target] of CALLS) {
    const { relays, ports } = daemons();
    const { gate, asks } = watchedGate((ask) => {
      deepEqual(relays, []);
      return ask.subject === CLI_SUBJECT;
    });
    await client(ports, { sender: CONTROL_PRINCIPAL, gate })[opName]?.(request);
    deepEqual(asks, [
      { subject: CLI_SUBJECT, capability, operation: `controld.${opName}`, target },
    ]);
    equal(relays.length, 1, opName);
  }
});

test("controld relays nothing when nx-cli is denied", async () => {
  for (const [opName, request] of CALLS) {
    const { relays, ports } = daemons();
    const { gate } = watchedGate(({ subject }) => subject !== CLI_SUBJECT);
    const reply = await client(ports, { sender: CONTROL_PRINCIPAL, gate })[opName]?.(request);
    deepEqual({ opName, reply, relays }, { opName, reply: { status: "denied" }, relays: [] });
  }
});

test("controld serves no principal but the bridge, and asks nobody about others", async () => {
  for (const sender of ["dsoftbusd", CLI_SUBJECT, "peer", "toString"]) {
    for (const [opName, request] of CALLS) {
      const { relays, ports } = daemons();
      const { gate, asks } = watchedGate(true);
      const reply = await client(ports, { sender, gate })[opName]?.(request);
      deepEqual({ reply, relays, asks }, { reply: { status: "denied" }, relays: [], asks: [] });
    }
  }
});

test("controld hands replies on as they came", async () => {
  const { ports } = daemons();
  const control = directClient(controld, createControld(ports), { sender: CONTROL_PRINCIPAL });
  const identity = await control.identity({});
  deepEqual(identity.status === "ok" && [identity.deviceId, identity.port], [ID, 7401]);
  deepEqual(await control.peers({ first: 6 }), { status: "ok", total: 7, peers: [PEER] });
  deepEqual(await control.ping(PING), { status: "ok", deviceId: ID, count: 3, ...TIMES });
  deepEqual(await control.resolve({ peer: "ab", service: "x", timeoutMs: 0 }), {
    status: "ambiguous",
  });
  deepEqual(await control.stop({}), { status: "ok", closed: 2 });
  const page = await control.log({ ring: 0, afterId: 4n, countMax: 9, scope: "" });
  equal(page.status === "ok" ? page.lastId : 0n, 5n);
});

test("controld passes the kept log on, and says so where there is none", async () => {
  const { ports } = daemons();
  const through = (kept: KeptLog) =>
    directClient(controld, createControld({ ...ports, kept }), { sender: CONTROL_PRINCIPAL });
  const control = through(ports.kept);
  const segment = { status: "ok", first: 5n, length: 1, chunk: Uint8Array.of(7) };
  deepEqual(await control.logSegment({ ring: 0, from: 5n, offset: 0 }), segment);
  deepEqual(await control.logCheckpoint({ ring: 0 }), { status: "not_found" });
  deepEqual(await control.logSegment({ ring: 2, from: 0n, offset: 0 }), { status: "malformed" });
});

test("controld says of the kept log what statefsd says, in its own words", async () => {
  const { ports } = daemons();
  const said = [
    ["unsupported", "unavailable"],
    ["gone", "unavailable"],
    ["not_found", "not_found"],
    ["denied", "denied"],
    ["no_reply", "timed_out"],
  ] as const;
  for (const [status, told] of said) {
    const answer = () => Promise.resolve({ status });
    const kept = keptLogOf({ logSegment: answer, logCheckpoint: answer });
    const control = directClient(controld, createControld({ ...ports, kept }), {
      sender: CONTROL_PRINCIPAL,
    });
    deepEqual(await control.logSegment({ ring: 0, from: 0n, offset: 0 }), { status: told });
    deepEqual(await control.logCheckpoint({ ring: 0 }), { status: told });
  }
});

test("controld passes owners and limits on, and what statefsd refuses in its own words", async () => {
  const { ports } = daemons();
  const owners = [{ owner: "app:x", used: 1n, soft: 2n, hard: 3n, own: 1 }];
  const asked: unknown[] = [];
  const through = (status: "ok" | "gone") => {
    const written = (ask: unknown) => {
      asked.push(ask);
      return Promise.resolve({ status });
    };
    return quotasOf({
      owners: () => Promise.resolve(status === "ok" ? { status, owners } : { status }),
      setLimits: written,
      clearLimits: written,
    });
  };
  const limits = { owner: "app:x", soft: 1n, hard: 2n };
  const control = (quotas: Quotas) =>
    directClient(controld, createControld({ ...ports, quotas }), { sender: CONTROL_PRINCIPAL });
  const good = control(through("ok"));
  deepEqual(await good.quotas({ after: "" }), { status: "ok", owners });
  deepEqual(await good.setQuota(limits), { status: "ok" });
  deepEqual(await good.clearQuota({ owner: "app:x" }), { status: "ok" });
  deepEqual(asked, [limits, { owner: "app:x" }]);
  for (const [status, said] of REFUSED_LIMITS) {
    const answer = () => Promise.resolve({ status });
    const refusing = quotasOf({ owners: answer, setLimits: answer, clearLimits: answer });
    const refused = { status: said };
    deepEqual(await control(refusing).quotas({ after: "" }), refused, status);
    deepEqual(await control(refusing).setQuota(limits), refused, status);
    deepEqual(await control(refusing).clearQuota({ owner: "app:x" }), refused, status);
  }
});

const REFUSED_LIMITS = [
  ["invalid_key", "malformed"],
  ["malformed", "malformed"],
  ["not_found", "not_found"],
  ["unsupported", "no_state"],
  ["no_space", "no_space"],
  ["denied", "denied"],
  ["io_error", "unavailable"],
  ["gone", "unavailable"],
  ["no_reply", "timed_out"],
] as const;

test("controld has the log signed when the node stops, after its sessions are closed", async () => {
  const { ports } = daemons();
  let signed = 0;
  const signer = { sign: () => Promise.resolve(void signed++) };
  const control = directClient(controld, createControld({ ...ports, signer }), {
    sender: CONTROL_PRINCIPAL,
  });
  deepEqual([(await control.stop({})).status, signed], ["ok", 1]);
});

test("controld checkPolicy tells policyd's decision under an operation of its own", async () => {
  const { ports, asked } = daemons();
  const control = directClient(controld, createControld(ports), { sender: CONTROL_PRINCIPAL });
  const ask = { capability: "rng.entropy", target: "x" };
  deepEqual(await control.checkPolicy({ ...ask, subject: "rngd" }), { status: "ok", allowed: 1 });
  deepEqual(await control.checkPolicy({ ...ask, subject: "eve" }), { status: "ok", allowed: 0 });
  deepEqual(asked[0], { ...ask, subject: "rngd", operation: "controld.checkPolicy" });
});

test("controld says that a daemon is gone or silent, and never that nothing is there", async () => {
  for (const [outcome, status] of [["gone", "unavailable"], ["no_reply", "timed_out"]] as const) {
    const channel = { exchange: () => Promise.resolve({ status: outcome }) };
    const ports = {
      bus: createClient(dsoftbusd, channel),
      log: createClient(logdQuery, channel),
      kept: daemons().ports.kept,
      quotas: quotasOf(createClient(statefsd, channel)),
      signer: daemons().ports.signer,
      policy: createClient(policydV2, channel),
      init: createClient(initTasks, channel),
    };
    for (const [opName, request] of CALLS) {
      if (opName === "logSegment" || opName === "logCheckpoint") continue;
      const reply = await client(ports, { sender: CONTROL_PRINCIPAL })[opName]?.(request);
      const expected = opName === "checkPolicy" ? "unavailable" : status;
      deepEqual({ opName, reply }, { opName, reply: { status: expected } });
    }
  }
});

test("controld waits longer than the operation it relays", async () => {
  const waits: (number | undefined)[] = [];
  const { ports } = daemons();
  const bus = createClient(dsoftbusd, {
    exchange({ timeoutMs }) {
      waits.push(timeoutMs);
      return Promise.resolve({ status: "gone" });
    },
  });
  const relay = createControld({ ...ports, bus });
  const control = directClient(controld, relay, { sender: CONTROL_PRINCIPAL });
  await control.ping({ ...PING, timeoutMs: 60_000 });
  deepEqual(waits, [61_000]);
  deepEqual(await control.ping({ ...PING, timeoutMs: 60_001 }), { status: "malformed" });
});

test("controld asks for exactly the capabilities of its operations under nx-cli", () => {
  const needed = [...new Set(Object.values(controld.ops).map(({ capability }) => capability))];
  deepEqual([...component.asksFor?.[CLI_SUBJECT] ?? []].sort(), needed.sort());
});
