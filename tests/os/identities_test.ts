/**
 * Who a node is, and whom it takes for a peer: nodes of this process, over loopback TCP.
 *
 * @module
 */

import { toHex } from "@runtime/core/hex.ts";
import { PEER_STATES } from "@services/dsoftbusd/protocol.ts";
import { RING } from "@services/logd/protocol.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { bootNode, peerAt, type TestNode } from "../fakes/node.ts";
import { test } from "../fakes/test.ts";
import { freePort } from "./nx_process.ts";

const SESSION = "dsoftbusd: os session ok";
const CLONE = /^dsoftbusd: clone of this device seen peer=[0-9a-f]{64}$/;
const POLLS_MAX = 1_000;

/** Runs `body` with a function that boots nodes, and stops them all. */
async function withNodes(body: (boot: typeof bootNode) => Promise<void>): Promise<void> {
  const nodes: TestNode[] = [];
  try {
    await body(async (options) => {
      const node = await bootNode(options);
      nodes.push(node);
      return node;
    });
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
  }
}

async function idOf({ control }: TestNode): Promise<string> {
  const reply = await control.identity({});
  return reply.status === "ok" ? reply.deviceId : reply.status;
}

async function idOfSeed(seed: string): Promise<string> {
  let id = "";
  await withNodes(async (boot) => {
    id = await idOf(await boot({ profile: "test", seed }));
  });
  return id;
}

/** Reasons of a node's dials, asked for again until there is one. */
async function dialReasons({ control }: TestNode): Promise<readonly string[]> {
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    const reply = await control.peers({ first: 0 });
    const reasons = reply.status === "ok" ? reply.peers.map(({ reason }) => reason) : [];
    if (reasons.some((reason) => reason !== "")) return reasons;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return [];
}

async function journal({ control }: TestNode): Promise<readonly string[]> {
  const page = { ring: RING.journal, afterId: 0n, countMax: 240, scope: "dsoftbusd" };
  const reply = await control.log(page);
  return reply.status === "ok" ? reply.records.map(({ message }) => message) : [];
}

test("startNode with a seed is the same device each time, and another for another seed", async () => {
  const [one, again, other] = [await idOfSeed("a"), await idOfSeed("a"), await idOfSeed("b")];
  ok(/^[0-9a-f]{64}$/.test(one));
  equal(again, one);
  ok(other !== one);
});

test("startNode without a seed is another device each time", async () => {
  await withNodes(async (boot) => {
    ok(await idOf(await boot()) !== await idOf(await boot()));
  });
});

test("dsoftbusd names itself when it dials its own port, and dials no more", async () => {
  await withNodes(async (boot) => {
    const port = freePort();
    const node = await boot({ listen: { host: "127.0.0.1", port }, peers: [peerAt(port)] });
    deepEqual(await dialReasons(node), ["own_identity"]);
    ok((await journal(node)).includes("refused own_identity"));
    ok(!node.lines.includes(SESSION));
  });
});

test("dsoftbusd says so on both sides when another boot has this device's identity", async () => {
  await withNodes(async (boot) => {
    const seeded = { profile: "test", seed: "twin" } as const;
    const first = await boot(seeded);
    const second = await boot({ ...seeded, peers: [peerAt(first.port)] });
    equal(await idOf(first), await idOf(second));
    await Promise.all([first.printed(CLONE), second.printed(CLONE)]);
    for (const node of [first, second]) {
      ok((await journal(node)).includes("refused clone"), "the journal names it");
      const reply = await node.control.peers({ first: 0 });
      const states = reply.status === "ok" ? reply.peers.map(({ state }) => state) : [];
      ok(!states.some((state) => PEER_STATES[state] === "established"));
    }
  });
});

test("dsoftbusd takes the pinned identity and no other", async () => {
  await withNodes(async (boot) => {
    const first = await boot();
    const deviceId = await idOf(first);
    const right = await boot({ peers: [peerAt(first.port, { deviceId })] });
    await right.printed(`dsoftbusd: identity bound peer=${deviceId}`);
    const wrong = await boot({ peers: [peerAt(first.port, { deviceId: "ab".repeat(32) })] });
    deepEqual(await dialReasons(wrong), ["pin_mismatch"]);
    ok((await journal(wrong)).includes("refused pin_mismatch"));
    ok(!wrong.lines.some((line) => line.startsWith("dsoftbusd: identity bound")));
  });
});

test("dsoftbusd dials a pinned static key without asking for an announce", async () => {
  await withNodes(async (boot) => {
    const first = await boot();
    const reply = await first.control.identity({});
    ok(reply.status === "ok");
    const noiseStatic = toHex(reply.noiseStatic);
    const pinned = { deviceId: reply.deviceId, noiseStatic };
    const second = await boot({ peers: [peerAt(first.port, pinned)] });
    await second.printed(SESSION);
    const stats = await first.control.stats({});
    deepEqual(stats.status === "ok" ? stats.announces : stats.status, 0);
  });
});
