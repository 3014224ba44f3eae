/**
 * Bytes and round trips from one caller of netstackd to another: two nodes with whole machines,
 * kernel and IPC included, on one wire in this process.
 *
 *     deno run -A tests/bench/netstackd_bench.ts        MB/s and round trips/s as a table
 *
 * @module
 */

import { hostClock } from "@hw/host/clock.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { assert } from "@runtime/core/assert.ts";
import { STREAM_INLINE_MAX, STREAM_LENGTH_MAX } from "@services/netstackd/protocol.ts";
import { linkPair, type NetNode, netNode } from "../fakes/net_node.ts";

const PORT = 7401;
const NEVER = { timeoutMs: "never" } as const;
const FOREVER = { timeoutMs: 0 };

interface Ends {
  readonly nodes: readonly [NetNode, NetNode];
  /** Handles of the connection at either end. */
  readonly handles: readonly [number, number];
}

async function joined(mtu: number): Promise<Ends> {
  const clock = hostClock();
  const host = { ...clock, ...hostTurns(clock) };
  const [left, right] = linkPair(mtu);
  const args = (station: number) => ({ address: `10.0.2.${station}/24` });
  const server = await netNode({ host, link: left, station: 15, args: args(15) });
  const dialer = await netNode({ host, link: right, station: 16, args: args(16) });
  const listening = await server.client.listen({ ip: "0.0.0.0", port: PORT });
  assert(listening.status === "ok", "the server listens");
  const accepting = server.client.accept({ handle: listening.handle, ...FOREVER }, NEVER);
  const connected = await dialer.client.connect({ ip: "10.0.2.15", port: PORT, ...FOREVER }, NEVER);
  const accepted = await accepting;
  assert(accepted.status === "ok" && connected.status === "ok", "the nodes are connected");
  return { nodes: [server, dialer], handles: [accepted.handle, connected.handle] };
}

/** Writes that may be under way at a time. */
const WRITES_IN_FLIGHT = 4;

async function send(ends: Ends, chunk: number, total: number): Promise<void> {
  const { client, caller } = ends.nodes[1];
  const handle = ends.handles[1];
  const inline = new Uint8Array(chunk <= STREAM_INLINE_MAX ? chunk : 0);
  let left = total;
  const writer = async () => {
    while (left > 0) {
      left -= chunk;
      const object = inline.length > 0 ? undefined : caller.vmoCreate(chunk);
      const move = object?.status === "ok" ? object.slot : undefined;
      const write = { handle, length: chunk, bytes: inline, ...FOREVER };
      const reply = await client.write(write, { ...NEVER, move });
      assert(reply.status === "ok" && reply.written === chunk, "a write is taken whole");
    }
  };
  await Promise.all(Array.from({ length: WRITES_IN_FLIGHT }, writer));
}

async function receive(ends: Ends, min: number, total: number): Promise<void> {
  const { client, caller } = ends.nodes[0];
  const handle = ends.handles[0];
  for (let left = total; left > 0;) {
    const read = { handle, min: Math.min(min, left), max: STREAM_LENGTH_MAX, ...FOREVER };
    const reply = await client.read(read, NEVER);
    assert(reply.status === "ok", "a read gets bytes");
    left -= reply.length;
    if (reply.move !== undefined) caller.capClose(reply.move);
  }
}

async function throughput(mtu: number, chunk: number, bytes: number): Promise<number> {
  const ends = await joined(mtu);
  const chunks = Math.ceil(bytes / chunk);
  const run = async (count: number) => {
    const min = Math.min(chunk, 65_536);
    await Promise.all([send(ends, chunk, count * chunk), receive(ends, min, count * chunk)]);
  };
  await run(Math.ceil(chunks / 5));
  const start = performance.now();
  await run(chunks);
  const seconds = (performance.now() - start) / 1e3;
  for (const node of ends.nodes) node.stop();
  return chunks * chunk / 1e6 / seconds;
}

async function echo(ends: Ends, side: 0 | 1, count: number): Promise<void> {
  const { client } = ends.nodes[side];
  const handle = ends.handles[side];
  const bytes = new Uint8Array(64);
  const write = { handle, length: 64, bytes, ...FOREVER };
  for (let round = 0; round < count; round++) {
    if (side === 1) await client.write(write, NEVER);
    const reply = await client.read({ handle, min: 64, max: 64, ...FOREVER }, NEVER);
    assert(reply.status === "ok" && reply.length === 64, "an echo is whole");
    if (side === 0) await client.write(write, NEVER);
  }
}

async function roundTrips(mtu: number, count: number): Promise<number> {
  const ends = await joined(mtu);
  const run = (rounds: number) => Promise.all([echo(ends, 0, rounds), echo(ends, 1, rounds)]);
  await run(Math.ceil(count / 5));
  const start = performance.now();
  await run(count);
  const seconds = (performance.now() - start) / 1e3;
  for (const node of ends.nodes) node.stop();
  return count / seconds;
}

if (import.meta.main) {
  for (const mtu of [1500, 65_535]) {
    for (const chunk of [STREAM_INLINE_MAX, 65_536, 1 << 20]) {
      const rate = await throughput(mtu, chunk, 96e6);
      console.log(`mtu ${mtu}, writes of ${chunk} B: ${rate.toFixed(0)} MB/s`);
    }
    console.log(`mtu ${mtu}, 64 B: ${(await roundTrips(mtu, 10_000)).toFixed(0)} round trips/s`);
  }
}
