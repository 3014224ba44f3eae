/**
 * One end of js-libp2p (tcp, noise, yamux) for the session benchmark.
 *
 * @module
 */

import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { type Contender, type Job, measure, tell, untilParentEnds } from "./measure.ts";

const ECHO = "/bench/echo/1";
const SINK = "/bench/sink/1";

type Stream = Awaited<ReturnType<Libp2p["dialProtocol"]>>;

function node(listen: string[]): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: Infinity, maxConnections: 4096 },
  });
}

async function send(stream: Stream, bytes: Uint8Array): Promise<void> {
  if (!stream.send(bytes)) await stream.onDrain();
}

async function serve(): Promise<void> {
  const server = await node(["/ip4/127.0.0.1/tcp/0"]);
  await server.handle(ECHO, async (stream) => {
    for await (const part of stream) await send(stream, part.subarray());
    await stream.close();
  });
  await server.handle(SINK, async (stream) => {
    for await (const part of stream) if (part.subarray().at(-1) === 1) break;
    await send(stream, Uint8Array.of(1));
    await stream.close();
  });
  tell({ port: String(server.getMultiaddrs()[0]) });
}

/** Dials at a time: each from a node of its own, for one node joins dials to the same peer. */
const DIALLERS = 4;

async function contender(address: string): Promise<Contender> {
  const client = await node([]);
  const idle = [client];
  while (idle.length < DIALLERS) idle.push(await node([]));
  const to = multiaddr(address);
  return {
    async dial() {
      const dialler = idle.pop() ?? client;
      const connection = await dialler.dial(to, { force: true });
      // Its muxer may find the socket closing already, which is an end too.
      await connection.close().catch(() => {});
      idle.push(dialler);
    },
    async echo({ count, size, window }) {
      const stream = await client.dialProtocol(to, ECHO);
      const message = new Uint8Array(size);
      const total = count * size;
      let received = 0;
      let wake: (() => void) | undefined;
      const writer = async () => {
        for (let sent = 0; sent < total; sent += size) {
          while (sent - received >= window * size) await new Promise<void>((go) => wake = go);
          await send(stream, message);
        }
      };
      const reader = async () => {
        for await (const part of stream) {
          received += part.byteLength;
          wake?.();
          if (received >= total) break;
        }
      };
      await Promise.all([writer(), reader()]);
    },
    async oneWay({ count, size }) {
      const stream = await client.dialProtocol(to, SINK);
      const message = new Uint8Array(size);
      for (let sent = 0; sent < count - 1; sent++) await send(stream, message);
      await send(stream, message.slice().fill(1, size - 1));
      for await (const _ of stream) break;
    },
  };
}

if (import.meta.main) {
  const [job, address] = Deno.args;
  if (job === "serve") {
    await serve();
    untilParentEnds();
  } else {
    tell({ value: await measure(await contender(address ?? ""), job as Job) });
    Deno.exit(0);
  }
}
