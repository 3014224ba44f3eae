import type { TcpSocket } from "@net/stack/stack.ts";
import { ANY_IPV4 } from "@services/netstackd/protocol.ts";
import { ok } from "./assert.ts";
import { type NetPair, testOwnAddress } from "./net_pair.ts";

/** The port that {@linkcode joined} listens on. */
export const TALK_PORT = 7401;

/** Watches a request that may wait. */
export function watched<R>(request: Promise<R>): { answered: boolean; reply: R | undefined } {
  const seen: { answered: boolean; reply: R | undefined } = { answered: false, reply: undefined };
  request.then((reply) => {
    seen.answered = true;
    seen.reply = reply;
  });
  return seen;
}

/** A connection from the peer, accepted: its handle here, its socket there. */
export async function joined(net: NetPair): Promise<{ handle: number; socket: TcpSocket }> {
  const client = net.v2();
  const listening = await client.listen({ ip: ANY_IPV4, port: TALK_PORT });
  ok(listening.status === "ok");
  const socket = net.peer.connectTcp({ remote: { address: testOwnAddress, port: TALK_PORT } });
  ok(typeof socket !== "string");
  await net.settle();
  const accepted = await client.accept({ handle: listening.handle, timeoutMs: 0 });
  ok(accepted.status === "ok");
  return { handle: accepted.handle, socket };
}

/** Bytes that tell their place. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

/** Everything that the peer can read now and after more of it came. */
export async function drained(
  net: NetPair,
  socket: TcpSocket,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let count = 0;
  for (let round = 0; round < 1000 && count < length; round++) {
    await net.settle();
    count += socket.read(bytes.subarray(count));
    net.card.interrupt();
  }
  return bytes.subarray(0, count);
}
