/**
 * Daemons that are ended from inside while two nodes hold a session: each comes back, its callers go
 * on, and the device stays who it is.
 *
 * @module
 */

import { RESTARTS_MAX } from "@runtime/boot/restart.ts";
import { ANY_PEER } from "@services/dsoftbusd/protocol.ts";
import { RING } from "@services/logd/protocol.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { bootNode, peerAt, type TestNode, together, type Trap, trapped } from "../fakes/node.ts";
import { test } from "../fakes/test.ts";

/** Longest wait for a session. */
const SESSION_TIMEOUT_MS = 15_000;
/** Every daemon but the selftest, which serves nobody. */
const RESTARTED = [
  "logd",
  "policyd",
  "rngd",
  "statefsd",
  "keystored",
  "identityd",
  "samgrd",
  "netstackd",
  "dsoftbusd",
  "controld",
] as const;

interface Pair {
  readonly listener: TestNode;
  readonly dialler: TestNode;
  readonly traps: Readonly<Record<string, Trap>>;
  /** Waits for a session of the dialler's and pings over it. */
  exchange(): Promise<void>;
  stop(): Promise<void>;
}

/** Two nodes, one of which dials the other; the daemons of one of them can be ended. */
async function pair(names: readonly string[], where: "listener" | "dialler"): Promise<Pair> {
  const traps = Object.fromEntries(names.map((name) => [name, trapped(name)] as const));
  const components = together(...Object.values(traps).map(({ replace }) => replace));
  const own = (side: typeof where) => side === where ? { components } : {};
  const listener = await bootNode(own("listener"));
  const peer = peerAt(listener.port);
  const dialler = await bootNode({ peers: [peer], ...own("dialler") });
  const exchange = async () => {
    const address = await dialler.placeOf(peer);
    if (address === undefined) throw new TypeError("the host's loopback has a place");
    const place = { address, port: peer.address.port, timeoutMs: SESSION_TIMEOUT_MS };
    const whoever = { ...place, deviceId: "", noiseStatic: new Uint8Array(0) };
    const { deviceId } = await ready(listener.control);
    for (;;) {
      equal((await dialler.control.connect(whoever)).status, "ok");
      const plan = { count: 1, size: 8, window: 1, timeoutMs: SESSION_TIMEOUT_MS };
      const { status } = await dialler.control.ping({ peer: deviceId, ...plan });
      if (status === "ok") return;
      // The session that was there ended with the daemon, just now: the next one will do.
      ok(["closed", "not_found", "timed_out"].includes(status), status);
    }
  };
  const stop = async () => {
    await dialler.stop();
    await listener.stop();
  };
  return { listener, dialler, traps, exchange, stop };
}

async function ready(control: TestNode["control"]) {
  const reply = await control.identity({});
  if (reply.status !== "ok") throw new TypeError(reply.status);
  return reply;
}

/** Ends each daemon of one node, and has the two talk after each. */
async function eachComesBack(where: "dialler" | "listener", t: Deno.TestContext): Promise<void> {
  const nodes = await pair(RESTARTED, where);
  const node = nodes[where];
  try {
    await nodes.exchange();
    const before = await ready(node.control);
    for (const name of RESTARTED) {
      await t.step(name, async () => {
        nodes.traps[name]?.spring();
        await node.printed(`init: restarted ${name}`);
        await nodes.exchange();
        const after = await ready(node.control);
        deepEqual(after.verifyingKey, before.verifyingKey);
        equal(after.deviceId, before.deviceId);
      });
    }
    deepEqual(node.faults, RESTARTED.map((name) => ({ name, reason: "TypeError" })));
    for (const { lines } of [nodes.dialler, nodes.listener]) {
      deepEqual(lines.filter((line) => /^degraded|clone|FAIL|mismatch/.test(line)), []);
    }
  } finally {
    await nodes.stop();
  }
}

test("each daemon of the dialler comes back: peers, pings and identity afterwards", (t) =>
  eachComesBack("dialler", t));

test("each daemon of the listener comes back: peers, pings and identity afterwards", (t) =>
  eachComesBack("listener", t));

test("keystored comes back with the key that it kept, and no second one is drawn", async () => {
  const nodes = await pair(["keystored", "identityd"], "dialler");
  const { dialler, traps } = nodes;
  try {
    await nodes.exchange();
    const before = await ready(dialler.control);
    for (const name of ["keystored", "identityd"]) {
      traps[name]?.spring();
      await dialler.printed(`init: restarted ${name}`);
    }
    await nodes.exchange();
    deepEqual((await ready(dialler.control)).verifyingKey, before.verifyingKey);
    const asked = { ring: RING.journal, afterId: 0n, countMax: 99, scope: "keystored" };
    const log = await dialler.control.log(asked);
    ok(log.status === "ok");
    deepEqual(log.records.map(({ message }) => message.split(" (")[0]), [
      "device key drawn, and kept in /state",
      "device key as it was kept in /state",
    ]);
  } finally {
    await nodes.stop();
  }
});

test("a daemon that goes on faulting stays down, and the node goes on without it", async () => {
  const nodes = await pair(["samgrd"], "dialler");
  const { dialler, traps } = nodes;
  try {
    for (let time = 1; time <= RESTARTS_MAX; time++) {
      traps["samgrd"]?.spring();
      await dialler.restarted("samgrd", time);
    }
    traps["samgrd"]?.spring();
    await dialler.printed("degraded: restarts spent samgrd");
    await nodes.exchange();
    equal(dialler.faults.length, RESTARTS_MAX + 1);
  } finally {
    await nodes.stop();
  }
});

test("samgrd knows the node's daemons again after its restart", async () => {
  const nodes = await pair(["samgrd"], "listener");
  const { dialler, listener, traps } = nodes;
  const found = async () => {
    const request = { peer: ANY_PEER, service: "dsoftbusd", timeoutMs: SESSION_TIMEOUT_MS };
    const reply = await dialler.control.resolve(request);
    return reply.status === "ok" ? reply.found : reply.status;
  };
  try {
    await nodes.exchange();
    equal(await found(), 1);
    traps["samgrd"]?.spring();
    await listener.printed("init: restarted samgrd");
    equal(await found(), 1);
  } finally {
    await nodes.stop();
  }
});

test("policyd audits again after logd's restart, and its log says who was started again", async () => {
  const nodes = await pair(["logd"], "listener");
  const { listener, traps } = nodes;
  const page = async (ring: number) => {
    const reply = await listener.control.log({ ring, afterId: 0n, countMax: 100, scope: "" });
    ok(reply.status === "ok", reply.status);
    return reply.records;
  };
  try {
    ok((await page(RING.audit)).length > 10);
    traps["logd"]?.spring();
    await listener.printed("init: restarted logd");
    await ready(listener.control);
    const audit = await page(RING.audit);
    // All of it is of this life of logd's: the question for the identity, and for the log itself.
    ok(audit.length > 0 && audit.length < 10, `${audit.length}`);
    const journal = await page(RING.journal);
    const own = journal.filter(({ scope }) => scope === "init").map(({ message }) => message);
    deepEqual(own, ["fault", "restarted"]);
  } finally {
    await nodes.stop();
  }
});
