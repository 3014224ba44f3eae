import type { Stack, TcpSocket } from "@net/stack/interface.ts";
import { createStack } from "@net/stack/stack.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";

/**
 * Two stacks over a link that loses, repeats, swaps and damages frames. Nothing that arrives makes
 * one throw; without damage, what is read is what was written, in order; when all is closed and
 * time has passed, no state is left.
 */
export const name = "stack";

const MTU = 600;
const LIMITS = { receiveRingBytes: 2048, sendRingBytes: 2048, timeWaitMs: 1_000, tcpSockets: 8 };
const PORT = 7400;
const ROUNDS = 120;
const ADDRESSES = [0x0a00_0001, 0x0a00_0002] as const;
/** Longer than every timer of a connection that gives up. */
const AGE_MS = 3_600_000;

interface Net {
  readonly choices: Choices;
  readonly stacks: readonly [Stack, Stack];
  /** Frames under way to each stack. */
  readonly lines: readonly [Uint8Array[], Uint8Array[]];
  readonly damages: boolean;
  nowMs: number;
}

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const net: Net = {
    choices,
    stacks: [stackAt(choices, 0), stackAt(choices, 1)],
    lines: [[], []],
    damages: choices.oneIn(2),
    nowMs: 0,
  };
  const [client, server] = net.stacks;
  const listener = server.listenTcp({ port: PORT, backlog: 4 });
  const socket = client.connectTcp({ remote: { address: ADDRESSES[1], port: PORT } });
  ok(typeof listener !== "string" && typeof socket !== "string");
  const written: number[] = [];
  const read: number[] = [];
  let accepted: TcpSocket | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    accepted ??= listener.accept();
    write(choices, socket, written);
    if (accepted !== undefined) readSome(choices, accepted, read);
    step(net);
  }
  if (!net.damages) deepEqual(read, written.slice(0, read.length));
  for (const stack of net.stacks) ok(stack.sockets() <= 8 + 2);
  listener.close();
  socket.abort();
  accepted?.abort();
  age(net);
  deepEqual(net.stacks.map((stack) => stack.sockets()), [0, 0]);
}

/** Runs bytes of the corpus as one frame into a stack that listens. */
export function replay(bytes: Uint8Array): void {
  const stack = stackAt(new Choices(0), 1);
  ok(typeof stack.listenTcp({ port: PORT, backlog: 4 }) !== "string");
  stack.receive(bytes, 0);
  ok(stack.transmit(new Uint8Array(MTU + 14), 0) <= MTU + 14);
}

function stackAt(choices: Choices, index: 0 | 1): Stack {
  return createStack({
    addresses: [ADDRESSES[index]],
    prefixLength: 24,
    mac: Uint8Array.of(2, 0, 0, 0, 0, index + 1),
    mtu: MTU,
    random32: () => choices.u32(),
    limits: LIMITS,
  });
}

function write(choices: Choices, socket: TcpSocket, written: number[]): void {
  const bytes = choices.bytes(choices.below(400));
  const taken = socket.write(bytes);
  written.push(...bytes.subarray(0, taken));
  if (choices.oneIn(60)) socket.end();
}

function readSome(choices: Choices, socket: TcpSocket, read: number[]): void {
  const into = new Uint8Array(choices.below(700));
  const length = socket.read(into);
  read.push(...into.subarray(0, length));
  if (choices.oneIn(60)) socket.end();
}

/** Moves time on, sends what waits, and delivers what the link lets through. */
function step(net: Net): void {
  const { choices, stacks } = net;
  net.nowMs += choices.pick([0, 1, 10, 200, 3_000]);
  for (const index of [0, 1] as const) {
    stacks[index].poll(net.nowMs);
    send(net, index);
    const line = net.lines[index];
    if (choices.oneIn(10)) line.reverse();
    for (const frame of line.splice(0, choices.below(line.length + 1))) {
      stacks[index].receive(frame, net.nowMs);
    }
  }
}

function send({ choices, stacks, lines, damages, nowMs }: Net, from: 0 | 1): void {
  const into = new Uint8Array(MTU + 14);
  const line = lines[from === 0 ? 1 : 0];
  for (let left = 64; left > 0; left--) {
    const length = stacks[from].transmit(into, nowMs);
    ok(length <= into.length);
    if (length === 0) return;
    const frame = into.slice(0, length);
    if (choices.oneIn(12)) continue;
    line.push(damages && choices.oneIn(8) ? choices.damaged(frame) : frame);
    if (choices.oneIn(12)) line.push(frame);
  }
}

/** Delivers nothing any more and lets every timer run out. */
function age(net: Net): void {
  const into = new Uint8Array(MTU + 14);
  const endMs = net.nowMs + AGE_MS;
  for (const stack of net.stacks) {
    for (let next = stack.nextTimerMs(); next !== undefined && next <= endMs;) {
      stack.poll(next);
      while (stack.transmit(into, next) > 0);
      const later = stack.nextTimerMs();
      ok(later === undefined || later > next || !stack.pending, "a timer that is run goes on");
      next = later;
    }
  }
}
