import type { TcpListener, TcpSocket } from "@net/stack/stack.ts";
import type { Client } from "@runtime/idl/client.ts";
import { ANY_IPV4, netstackd, netstackV1 } from "@services/netstackd/protocol.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { principal } from "../fakes/direct.ts";
import { type NetPair, netPair, PEER_IP, testOwnAddress } from "../fakes/net_pair.ts";
import { Choices } from "./choices.ts";

/**
 * Requests of several callers, of both versions, in any order, while a peer does what it likes:
 * nobody touches a handle that is somebody else's, every request ends, and nothing is left.
 */
export const name = "netstackd";

const OWNERS = ["alice", "bob", "carol"] as const;
const LIMITS = { receiveRingBytes: 4096, sendRingBytes: 4096, timeWaitMs: 1_000, tcpSockets: 24 };
const STEPS = 60;
/** Ports that both sides listen on, so that requests meet. */
const PORTS = [7400, 7401, 9] as const;
/** Nobody listens here at the peer. */
const SILENT_PORT = 81;
/** Everything that waits has been given up after this long. */
const AGE_MS = 400_000;

type V1 = Client<typeof netstackV1>;
type V2 = Client<typeof netstackd>;
type Owner = typeof OWNERS[number];

interface World {
  readonly choices: Choices;
  readonly net: NetPair;
  readonly v1: Readonly<Record<Owner, V1>>;
  readonly v2: Readonly<Record<Owner, V2>>;
  /** Every handle that was ever told, by whom it belongs to. */
  readonly handles: Map<number, Owner>;
  readonly peers: TcpSocket[];
  readonly listeners: TcpListener[];
  /** Requests without a reply yet. */
  waiting: number;
  /** What was answered to requests that name somebody else's handle, where it was no refusal. */
  readonly trespasses: string[];
}

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  const net = netPair({ limits: LIMITS, handleBefore: choices.pick([0, 0xffff_fffa]) });
  const world: World = {
    choices,
    net,
    v1: byOwner((owner) => net.v1(owner)),
    v2: byOwner((owner) => net.v2(owner)),
    handles: new Map(),
    peers: [],
    listeners: [],
    waiting: 0,
    trespasses: [],
  };
  const listener = net.peer.listenTcp({ port: PORTS[0], backlog: 4 });
  ok(typeof listener !== "string");
  world.listeners.push(listener);
  for (let step = 0; step < STEPS; step++) {
    if (choices.oneIn(3)) usePeer(world);
    else request(world, choices.pick(OWNERS));
    if (choices.oneIn(2)) await net.settle();
    if (choices.oneIn(8)) await net.advance(choices.pick([1, 50, 2_000]));
  }
  await trespass(world);
  await letGo(world);
}

function byOwner<T>(make: (owner: Owner) => T): Readonly<Record<Owner, T>> {
  return { alice: make("alice"), bob: make("bob"), carol: make("carol") };
}

/** Sends one request and keeps the handle that its reply may tell. */
function request(world: World, owner: Owner): void {
  const { choices, v1, v2 } = world;
  const handle = chosenHandle(world);
  const foreign = world.handles.has(handle) && world.handles.get(handle) !== owner;
  const asked = choices.oneIn(2)
    ? askV1(choices, v1[owner], handle)
    : askV2(choices, v2[owner], handle);
  world.waiting += 1;
  asked.reply.then((reply) => {
    world.waiting -= 1;
    if ("handle" in reply && typeof reply.handle === "number") {
      world.handles.set(reply.handle, owner);
    }
    const refused = reply.status === "not_found" || reply.status === "malformed" ||
      reply.status === "limit";
    if (asked.named && foreign && !refused) world.trespasses.push(reply.status);
  });
}

/** Mostly one that was given to somebody. */
function chosenHandle({ choices, handles }: World): number {
  const known = [...handles.keys()];
  const handle = known[choices.below(known.length + 1)];
  return handle ?? choices.pick([0, 1, 2, 0xffff_ffff, choices.u32()]);
}

interface Asked {
  readonly reply: Promise<{ readonly status: string; readonly handle?: unknown }>;
  /** Whether the request names a handle. */
  readonly named: boolean;
}

function askV1(choices: Choices, client: V1, handle: number): Asked {
  const port = choices.pick(PORTS);
  const max = choices.below(600);
  const to = { ip: PEER_IP, port };
  switch (choices.below(9)) {
    case 0:
      return { reply: client.listen({ ip: ANY_IPV4, port }), named: false };
    case 1:
      return { reply: client.connect(to), named: false };
    case 2:
      return { reply: client.udpBind({ ip: ANY_IPV4, port }), named: false };
    case 3:
      return { reply: client.accept({ handle }), named: true };
    case 4:
      return { reply: client.read({ handle, max }), named: true };
    case 5:
      return { reply: client.write({ handle, bytes: choices.bytes(max % 503) }), named: true };
    case 6: {
      const payload = choices.bytes(choices.below(460));
      return { reply: client.udpSendTo({ handle, ...to, payload }), named: true };
    }
    case 7:
      return { reply: client.udpRecvFrom({ handle, max }), named: true };
    default:
      return { reply: closing(choices, () => client.close({ handle }), client), named: true };
  }
}

function askV2(choices: Choices, client: V2, handle: number): Asked {
  const port = choices.pick(PORTS);
  const to = { ip: PEER_IP, port };
  const timeoutMs = choices.pick([0, 1, 500]);
  const parked = { timeoutMs: "never" } as const;
  switch (choices.below(12)) {
    case 0:
      return { reply: client.listen({ ip: ANY_IPV4, port }), named: false };
    case 1:
      return { reply: client.connect({ ...to, timeoutMs }, parked), named: false };
    case 2:
      return { reply: client.accept({ handle, timeoutMs }, parked), named: true };
    case 3: {
      const min = choices.below(3);
      const read = { handle, min, max: choices.pick([0, 1, 100, 9_000]), timeoutMs };
      return { reply: client.read(read, parked), named: true };
    }
    case 4: {
      const bytes = choices.bytes(choices.below(5_000));
      const write = { handle, timeoutMs, length: bytes.length, bytes };
      return { reply: client.write(write, parked), named: true };
    }
    case 5:
      return { reply: client.udpRecvFrom({ handle, timeoutMs }, parked), named: true };
    case 6:
      return { reply: client.waitWritable({ handle, timeoutMs }, parked), named: true };
    case 7:
      return { reply: client.shutdown({ handle }), named: true };
    case 8:
      return { reply: client.peerAddr({ handle }), named: true };
    case 9:
      return { reply: closing(choices, () => client.abort({ handle }), client), named: true };
    case 10: {
      const max = choices.pick([0, 1, 9_000]);
      const bytes = choices.bytes(choices.below(5_000));
      return {
        reply: client.exchange({ handle, min: 1, max, timeoutMs, bytes }, parked),
        named: true,
      };
    }
    default:
      return { reply: client.icmpPing({ ip: PEER_IP, timeoutMs: 100 }, parked), named: false };
  }
}

/** Ends a handle half of the time, so that some live long; the other half asks for nothing. */
function closing(
  choices: Choices,
  close: () => Promise<{ readonly status: string }>,
  client: V1 | V2,
): Promise<{ readonly status: string }> {
  if (choices.oneIn(2)) return close();
  return client.localAddr({}).then(() => ({ status: "not_found" }));
}

function usePeer({ choices, net, peers, listeners }: World): void {
  for (const listener of listeners) {
    const accepted = listener.accept();
    if (accepted !== undefined) peers.push(accepted);
  }
  const socket = peers[choices.below(peers.length + 1)];
  if (socket === undefined) {
    const opened = net.peer.connectTcp({
      remote: { address: testOwnAddress, port: choices.pick(PORTS) },
    });
    if (typeof opened !== "string") peers.push(opened);
  } else if (choices.oneIn(10)) socket.abort();
  else if (choices.oneIn(8)) socket.end();
  else if (choices.oneIn(2)) socket.consume(socket.readable);
  else socket.write(choices.bytes(choices.below(3_000)));
}

/** Asks for every handle as everyone whom it does not belong to: each is as absent as none. */
async function trespass({ net, v1, v2, handles }: World): Promise<void> {
  const { table } = net.sockets;
  for (const [handle, owner] of handles) {
    const held = table.any(handle, principal(owner).sid);
    for (const other of OWNERS.filter((each) => each !== owner)) {
      const refused = [
        await v1[other].close({ handle }),
        await v2[other].abort({ handle }),
        await v2[other].shutdown({ handle }),
        await v2[other].peerAddr({ handle }),
        await v2[other].write({ handle, timeoutMs: 1, length: 1, bytes: Uint8Array.of(1) }),
      ];
      deepEqual(refused.map(({ status }) => status), Array(5).fill("not_found"));
    }
    deepEqual(table.any(handle, principal(owner).sid) === held, true);
  }
}

/** Owners close what they have, the peer cuts off, and time passes. */
async function letGo(world: World): Promise<void> {
  const { net, v1, v2, handles, peers, listeners } = world;
  for (const socket of peers) socket.abort();
  for (const listener of listeners) listener.close();
  // Version 1 keeps one dial for each owner until another takes its place or it is told of its end.
  for (const _ of ["begin", "ask"]) {
    for (const owner of OWNERS) await v1[owner].connect({ ip: PEER_IP, port: SILENT_PORT });
    await net.advance(1);
  }
  // Some handles are told only when their requests end.
  for (const waitMs of [0, AGE_MS, 0]) {
    await net.advance(waitMs);
    for (const [handle, owner] of handles) await v2[owner].close({ handle });
  }
  await net.advance(AGE_MS);
  const stats = await Promise.all(OWNERS.map((owner) => v2[owner].stats({})));
  const owned = stats.map((each) => each.status === "ok" ? [each.handles, each.parked] : each);
  deepEqual(owned, OWNERS.map(() => [0, 0]));
  deepEqual(world.trespasses, []);
  deepEqual([world.waiting, net.sockets.table.size, net.sockets.stack.sockets()], [0, 0, 0]);
}
