/**
 * Two stacks in one process, joined by nothing but `transmit` and `receive`: bulk throughput and
 * ping-pong round trips of TCP.
 *
 * Run: `deno run -A tests/bench/stack_bench.ts [seconds per row]`.
 *
 * @module
 */

import { createStack, type Stack, type TcpSocket } from "@net/stack/stack.ts";
import { dice } from "../fakes/link.ts";

const CLIENT = 0x0a000001;
const SERVER = 0x0a000002;
const CHUNK_LENGTH = 65536;

/** Two joined stacks with one connection between them. */
interface Pair {
  readonly client: TcpSocket;
  readonly server: TcpSocket;
  /** Carries frames both ways until both stacks are silent. Returns how many. */
  carry(): number;
}

function stackAt(address: number, mtu: number): Stack {
  const numbers = dice(address);
  return createStack({
    mac: Uint8Array.of(2, 0, 0, 0, 0, address & 0xff),
    mtu,
    addresses: [address],
    prefixLength: 24,
    random32: () => numbers.next(),
  });
}

function connectedPair(mtu: number, shared: boolean): Pair {
  const stacks = [stackAt(CLIENT, mtu), stackAt(SERVER, mtu)] as const;
  const size = mtu + 14;
  const frame = new Uint8Array(shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
  const frames = subarrays(frame);
  const carry = () => {
    let count = 0;
    for (let moved = true; moved;) {
      moved = false;
      for (let from = 0; from < 2; from++) {
        const [source, target] = from === 0 ? stacks : [stacks[1], stacks[0]];
        while (source.pending) {
          const nowMs = performance.now();
          const length = source.transmit(frame, nowMs);
          if (length === 0) break;
          target.receive(frames(length), nowMs);
          count++;
          moved = true;
        }
      }
    }
    return count;
  };
  const listener = stacks[1].listenTcp({ port: 80, backlog: 1 });
  const client = stacks[0].connectTcp({ remote: { address: SERVER, port: 80 } });
  if (typeof listener === "string" || typeof client === "string") throw new TypeError("no socket");
  carry();
  const server = listener.accept();
  if (server === undefined) throw new TypeError("no connection");
  return { client, server, carry };
}

/** Views of the frame buffer by length, made once each. */
function subarrays(frame: Uint8Array): (length: number) => Uint8Array {
  const views: Uint8Array[] = [];
  return (length) => views[length] ??= frame.subarray(0, length);
}

/** Megabytes (10^6) a second and frames per megabyte, one way. */
function bulk(mtu: number, shared: boolean, seconds: number): { rate: number; frames: number } {
  const { client, server, carry } = connectedPair(mtu, shared);
  const chunk = new Uint8Array(CHUNK_LENGTH).fill(0x5a);
  const sink = new Uint8Array(CHUNK_LENGTH);
  let frames = 0;
  const move = (untilMs: number) => {
    let bytes = 0;
    while (performance.now() < untilMs) {
      while (client.write(chunk) > 0);
      frames += carry();
      for (let count = server.read(sink); count > 0; count = server.read(sink)) bytes += count;
      frames += carry();
    }
    return bytes;
  };
  move(performance.now() + 300);
  frames = 0;
  const startMs = performance.now();
  const bytes = move(startMs + seconds * 1000);
  const rate = bytes / 1000 / (performance.now() - startMs);
  return { rate, frames: frames / (bytes / 1e6) };
}

/** Microseconds per round trip of `length` bytes each way. */
function pingPong(length: number, seconds: number): number {
  const { client, server, carry } = connectedPair(1500, false);
  const message = new Uint8Array(length).fill(7);
  const into = new Uint8Array(length);
  const endMs = performance.now() + seconds * 1000;
  const startMs = performance.now();
  let rounds = 0;
  while (performance.now() < endMs) {
    client.write(message);
    carry();
    server.read(into);
    server.write(into);
    carry();
    client.read(into);
    rounds++;
  }
  return (performance.now() - startMs) * 1000 / rounds;
}

function main(): void {
  const seconds = Number(Deno.args[0] ?? "1");
  console.log(`Deno ${Deno.version.deno}, ${seconds} s a row`);
  for (const shared of [false, true]) {
    for (const mtu of [1500, 9000, 65535]) {
      const { rate, frames } = bulk(mtu, shared, seconds);
      const buffer = shared ? "shared" : "plain ";
      console.log(
        `bulk  mtu ${String(mtu).padStart(5)} ${buffer}  ${rate.toFixed(0).padStart(5)} MB/s  ${
          frames.toFixed(0).padStart(4)
        } frames/MB`,
      );
    }
  }
  for (const length of [64, 1024]) {
    console.log(`ping-pong ${length} bytes  ${pingPong(length, seconds).toFixed(2)} us`);
  }
}

if (import.meta.main) main();
