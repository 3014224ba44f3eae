import type { Client } from "@runtime/idl/client.ts";
import { PEER_STATES } from "@services/dsoftbusd/protocol.ts";
import type { netstackd } from "@services/netstackd/protocol.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { bootNode, type LooseGiven, peerAt, type TestNode } from "@tests/fakes/node.ts";
import { repeated, type SoakCheck } from "./check.ts";

/** Connections of one address that the long-lived node admits: few, so that a lost one shows. */
const PER_ADDRESS = 8;
/** How long a node may take for what it needs no clock for, and to come back after a cut. */
const PATIENCE_MS = 15_000;
const POLL_MS = 5;
const PINGS = { count: 8, size: 64, window: 2, timeoutMs: 5_000 };
const ESTABLISHED = PEER_STATES.indexOf("established");
const LOOPBACK = "127.0.0.1";
/** Cycles after which every lazily made thing exists. */
const WARM_UP = 2;

/**
 * A node that stays, and nodes that come, ask, are cut off, come back, ask again and leave. What the
 * staying node holds is the same after every cycle.
 */
export const sessions: SoakCheck = {
  name: "sessions",
  share: 7,
  fullCases: 150,
  oneCase: "a cycle: boot, session, ping both ways, cut, session again, ping, stop; and strangers",
  async run(budget) {
    const before = hostSockets();
    const stay = await watchedNode();
    let start: Held | undefined;
    const result = await repeated(budget, async (index) => {
      const endMs = index < WARM_UP ? 2 : 1;
      for (let cycle = 0; cycle < endMs; cycle++) await visit(stay);
      const now = await settled(stay, start);
      start ??= now;
    });
    await stay.node.stop();
    if (result.failures.length > 0) return result;
    const left = await until(() => hostSockets() <= before);
    if (left) return result;
    return { ...result, failures: [`${hostSockets() - before} sockets are left at the end`] };
  },
};

/** A node with its bus daemon's own way to the network. */
interface Watched {
  readonly node: TestNode;
  readonly network: Client<typeof netstackd>;
}

/** What a node holds, in counts that do not depend on when garbage is collected. */
interface Held {
  /** Capability slots in use, by daemon: endpoints, mapped memory and payloads under way. */
  readonly slots: Readonly<Record<string, number>>;
  /** Endpoints of all daemons. */
  readonly endpoints: number;
  /** The bus daemon's sockets, and its requests that wait. */
  readonly handles: number;
  readonly parked: number;
  /** Sessions and dials. */
  readonly peers: number;
  /** Sockets of this process. */
  readonly sockets: number;
}

async function watchedNode(): Promise<Watched> {
  let network: Client<typeof netstackd> | undefined;
  const node = await bootNode({
    perAddress: PER_ADDRESS,
    components: (own) =>
      own.map((component) => ({
        ...component,
        create(given: never) {
          const seen = given as LooseGiven;
          if (component.name === "dsoftbusd") {
            network = seen.call["netstackd"] as Client<typeof netstackd>;
          }
          return component.create(given);
        },
      })),
  });
  ok(network !== undefined);
  return { node, network };
}

/** One node comes, asks, is cut off, comes back, asks and leaves; strangers come beside it. */
async function visit(stay: Watched): Promise<void> {
  const line = cuttable(stay.node.port);
  const guest = await bootNode({ peers: [peerAt(line.port)] });
  try {
    const strangers = intrude(stay.node.port);
    await converse(guest, stay.node);
    line.cut();
    await until(async () => (await establishedOf(guest)).length === 0);
    await converse(guest, stay.node);
    await strangers;
    deepEqual([guest.faults, stay.node.faults], [[], []]);
  } finally {
    await guest.stop();
    line.close();
  }
}

/** Waits for the session and pings over it, from either end. */
async function converse(...nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) {
    ok(await until(async () => (await establishedOf(node)).length === 1), "a session stands");
  }
  for (const node of nodes) {
    const reply = await node.control.ping({ peer: "any", ...PINGS });
    equal(reply.status, "ok");
  }
}

async function establishedOf({ control }: TestNode): Promise<readonly unknown[]> {
  const reply = await control.peers({ first: 0 });
  return reply.status === "ok" ? reply.peers.filter(({ state }) => state === ESTABLISHED) : [];
}

/** Connections that send nonsense, nothing, or a request for the announce. */
async function intrude(port: number): Promise<void> {
  const firsts = ["GET / HTTP/1.1\r\n\r\n", "", "NXSB\0", "\0\x01\0\x01"];
  for (const first of firsts) {
    const connection = await Deno.connect({ hostname: LOOPBACK, port });
    await connection.write(new TextEncoder().encode(first));
    connection.close();
  }
}

/** Waits until the node holds what it did at the start, and says what it holds. */
async function settled(stay: Watched, start: Held | undefined): Promise<Held> {
  await until(async () => (await establishedOf(stay.node)).length === 0);
  let last = await heldBy(stay);
  const wanted = start ?? last;
  await until(async () => {
    last = await heldBy(stay);
    return start !== undefined && JSON.stringify(last) === JSON.stringify(wanted);
  }, start === undefined ? 500 : PATIENCE_MS);
  if (start !== undefined) deepEqual(last, start);
  return last;
}

async function heldBy({ node, network }: Watched): Promise<Held> {
  const ps = await node.control.ps({});
  ok(ps.status === "ok");
  const slots = Object.fromEntries(
    ps.tasks.map(({ name, send, receive, vmo, mmio }) => [name, send + receive + vmo + mmio]),
  );
  // Each endpoint has one receive right, and its owner holds it.
  const endpoints = ps.tasks.reduce((sum, { receive }) => sum + receive, 0);
  const stats = await network.stats({});
  const peers = await node.control.peers({ first: 0 });
  ok(stats.status === "ok" && peers.status === "ok");
  const { handles, parked } = stats;
  return { slots, endpoints, handles, parked, peers: peers.total, sockets: hostSockets() };
}

/** TCP and UDP sockets that this process has open; 0 where the host does not tell. */
function hostSockets(): number {
  if (Deno.build.os !== "linux") return 0;
  const network = new Set(["tcp", "tcp6", "udp", "udp6"].flatMap(inodesOf));
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/self/fd/${name}`))?.[1];
    if (inode !== undefined && network.has(inode)) count += 1;
  }
  return count;
}

/** Sockets of this host by their numbers: the runtime has some of its own that are no network's. */
function inodesOf(table: string): string[] {
  const [, ...lines] = Deno.readTextFileSync(`/proc/net/${table}`).trim().split("\n");
  return lines.map((line) => line.trim().split(/\s+/)[9] ?? "");
}

/** Empty when the descriptor is gone by now, as the one of the listing itself. */
function linkOf(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Resolves with whether `done` came true in time. */
async function until(
  done: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<boolean> {
  const endMs = performance.now() + patienceMs;
  while (!(await done())) {
    if (performance.now() > endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}

/** A port that leads to another one of this host, until it is cut. */
function cuttable(target: number): { readonly port: number; cut(): void; close(): void } {
  const listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const ends = new Set<Deno.TcpConn>();
  const join = async (near: Deno.TcpConn) => {
    const far = await Deno.connect({ hostname: LOOPBACK, port: target });
    for (const end of [near, far]) ends.add(end);
    const ignore = () => {};
    await Promise.all([
      near.readable.pipeTo(far.writable).catch(ignore),
      far.readable.pipeTo(near.writable).catch(ignore),
    ]);
    for (const end of [near, far]) ends.delete(end);
  };
  const accept = async () => {
    for await (const near of listener) join(near);
  };
  accept();
  const cut = () => {
    for (const end of ends) {
      try {
        end.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    }
    ends.clear();
  };
  return {
    port: listener.addr.port,
    cut,
    close() {
      listener.close();
      cut();
    },
  };
}
