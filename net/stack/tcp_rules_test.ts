import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { testAddress, testStack } from "@tests/fakes/link.ts";
import { TcpPeer } from "@tests/fakes/tcp_peer.ts";
import { test } from "@tests/fakes/test.ts";
import type { Stack, StackOptions, TcpSocket } from "./stack.ts";
import { CHALLENGE_ACKS_MAX } from "./segment_rules.ts";
import { DELAYED_ACK_MS } from "./tcp_input.ts";
import { PROBES_MAX, RETRANSMITS_MAX, SYN_RETRANSMITS_MAX } from "./tcp_timers.ts";

const PEER_START = 1000;
const TEXT = new TextEncoder().encode("hello, stack");

function peerOf(stack: Stack): TcpPeer {
  return new TcpPeer(stack, {
    address: testAddress(9),
    stackAddress: testAddress(1),
    stackMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
}

/** A connection that the peer opened, with the stack's next sequence number. */
interface Opened {
  readonly stack: Stack;
  readonly peer: TcpPeer;
  readonly socket: TcpSocket;
  readonly start: number;
}

function opened(options: Partial<StackOptions> = {}, mss = 1460): Opened {
  const stack = testStack(1, options);
  const listener = stack.listenTcp({ port: 80, backlog: 4 });
  ok(typeof listener !== "string");
  const peer = peerOf(stack);
  peer.send({ flags: "S", sequence: PEER_START, mss });
  const { sequence } = peer.only();
  const start = (sequence + 1) >>> 0;
  peer.send({ flags: "A", sequence: PEER_START + 1, acknowledgement: start });
  const socket = listener.accept();
  ok(socket !== undefined);
  listener.close();
  deepEqual(peer.seen(), []);
  return { stack, peer, socket, start };
}

/** A connection that the stack opens, before the peer's answer. */
function dialled(options: Partial<StackOptions> = {}): Opened {
  const stack = testStack(1, options);
  const socket = stack.connectTcp({ remote: { address: testAddress(9), port: 5000 } });
  ok(typeof socket !== "string");
  const peer = peerOf(stack);
  const { flags, sequence, sourcePort } = peer.only();
  equal(flags, "S");
  peer.stackPort = sourcePort;
  return { stack, peer, socket, start: (sequence + 1) >>> 0 };
}

test("tcp opens passively with MSS, window scale and its own number", () => {
  const stack = testStack(1);
  ok(typeof stack.listenTcp({ port: 80, backlog: 1 }) !== "string");
  const peer = peerOf(stack);
  peer.send({ flags: "S", sequence: PEER_START, mss: 1460, windowShift: 7 });
  const answer = peer.only();
  deepEqual([answer.flags, answer.acknowledgement, answer.mss], ["SA", PEER_START + 1, 1460]);
  equal(answer.windowShift, 3);
  equal(answer.window, 0xffff, "the window of a SYN is not scaled");
});

test("tcp leaves the window scale out when the peer did not offer it", () => {
  const stack = testStack(1);
  ok(typeof stack.listenTcp({ port: 80, backlog: 1 }) !== "string");
  const peer = peerOf(stack);
  peer.send({ flags: "S", sequence: PEER_START, mss: 1460 });
  const { sequence, windowShift } = peer.only();
  equal(windowShift, -1);
  const acknowledgement = sequence + 1;
  peer.send({ flags: "A", sequence: PEER_START + 1, acknowledgement, payload: TEXT });
  peer.advance(DELAYED_ACK_MS);
  equal(peer.only().window, 0xffff - TEXT.length, "though the ring has more room than that");
});

test("tcp opens actively, and acknowledges the SYN-ACK", () => {
  const { peer, socket, start } = dialled();
  equal(socket.state, "SYN-SENT");
  peer.send({ flags: "SA", sequence: PEER_START, acknowledgement: start, mss: 1460 });
  const answer = peer.only();
  deepEqual([answer.flags, answer.sequence, answer.acknowledgement], [
    "A",
    start,
    PEER_START + 1,
  ]);
  equal(socket.state, "ESTABLISHED");
});

test("tcp completes a simultaneous open", () => {
  const { peer, socket, start } = dialled();
  peer.send({ flags: "S", sequence: PEER_START, mss: 1460 });
  const answer = peer.only();
  deepEqual([answer.flags, answer.sequence], ["SA", start - 1]);
  equal(socket.state, "SYN-RECEIVED");
  peer.send({ flags: "SA", sequence: PEER_START, acknowledgement: start, mss: 1460 });
  equal(peer.only().flags, "A");
  peer.send({ flags: "A", sequence: PEER_START + 1, acknowledgement: start });
  equal(socket.state, "ESTABLISHED");
});

test("tcp is refused by RST only when it acknowledges the SYN", () => {
  const { peer, socket, start } = dialled();
  peer.send({ flags: "R", sequence: 0 });
  peer.send({ flags: "RA", sequence: 0, acknowledgement: start + 5 });
  equal(socket.state, "SYN-SENT");
  peer.send({ flags: "RA", sequence: 0, acknowledgement: start });
  deepEqual([socket.state, socket.failure], ["CLOSED", "refused"]);
});

test("tcp answers a SYN-ACK for another SYN with RST, and goes on", () => {
  const { peer, socket, start } = dialled();
  peer.send({ flags: "SA", sequence: PEER_START, acknowledgement: start + 9, mss: 1460 });
  const answer = peer.only();
  deepEqual([answer.flags, answer.sequence], ["R", start + 9]);
  equal(socket.state, "SYN-SENT");
});

test("tcp gives a SYN up after its tries", () => {
  const { stack, peer, socket } = dialled();
  let syns = 0;
  for (let round = 0; round < 1000 && socket.state !== "CLOSED"; round++) {
    peer.advance(1000);
    syns += peer.seen().length;
  }
  deepEqual([syns, socket.failure], [SYN_RETRANSMITS_MAX, "timed_out"]);
  equal(stack.sockets(), 0);
});

test("tcp answers segments for no connection as RFC 9293 says", () => {
  const stack = testStack(1);
  const peer = peerOf(stack);
  peer.send({ flags: "S", sequence: 500, mss: 1460 });
  deepEqual(summary(peer), ["AR 0 501"]);
  peer.send({ flags: "A", sequence: 500, acknowledgement: 77 });
  deepEqual(summary(peer), ["R 77 0"]);
  peer.send({ flags: "F", sequence: 500, payload: TEXT });
  deepEqual(summary(peer), [`AR 0 ${501 + TEXT.length}`]);
  peer.send({ flags: "R", sequence: 500 });
  deepEqual(summary(peer), []);
  equal(stack.sockets(), 0);
});

/** What the stack sends, as `flags sequence acknowledgement`. */
function summary(peer: TcpPeer): string[] {
  return peer.seen().map((one) => `${one.flags} ${one.sequence} ${one.acknowledgement}`);
}

test("tcp takes an RST at exactly the next number, and challenges one in the window", () => {
  const { stack, peer, socket, start } = opened();
  const next = PEER_START + 1;
  peer.send({ flags: "R", sequence: next + 10 });
  deepEqual(summary(peer), [`A ${start} ${next}`]);
  peer.send({ flags: "R", sequence: next - 1 });
  peer.send({ flags: "R", sequence: next + 70_000 });
  deepEqual(summary(peer), []);
  equal(socket.state, "ESTABLISHED");
  peer.send({ flags: "R", sequence: next });
  deepEqual([socket.state, socket.failure, stack.sockets()], ["CLOSED", "reset", 0]);
});

test("tcp challenges a SYN on a connection, at a bounded rate", () => {
  const { peer, socket, start } = opened();
  let challenges = 0;
  for (let count = 0; count < 100; count++) {
    peer.send({ flags: "S", sequence: PEER_START + 50 + count, mss: 1460 });
    challenges += summary(peer).filter((line) => line === `A ${start} ${PEER_START + 1}`).length;
  }
  equal(challenges, CHALLENGE_ACKS_MAX);
  peer.nowMs += 1000;
  peer.send({ flags: "S", sequence: PEER_START + 50, mss: 1460 });
  equal(summary(peer).length, 1);
  equal(socket.state, "ESTABLISHED");
});

test("tcp does not believe an ACK of what was never sent, and none far behind", () => {
  const { peer, socket, start } = opened();
  const sequence = PEER_START + 1;
  for (const acknowledgement of [start + 1, start - 200_000]) {
    peer.send({ flags: "A", sequence, acknowledgement, payload: TEXT });
    equal(summary(peer).length, 1);
  }
  equal(socket.readable, 0);
});

test("tcp sends data, takes the answer, and acknowledges with its own data", () => {
  const { peer, socket, start } = opened();
  equal(socket.write(TEXT), TEXT.length);
  const request = peer.only();
  deepEqual([request.flags, request.payload], ["AP", TEXT]);
  const acknowledgement = start + TEXT.length;
  peer.send({ flags: "AP", sequence: PEER_START + 1, acknowledgement, payload: TEXT });
  const into = new Uint8Array(64);
  equal(socket.read(into), TEXT.length);
  socket.write(TEXT);
  const reply = peer.only();
  equal(reply.acknowledgement, PEER_START + 1 + TEXT.length);
  equal(socket.unacknowledged, TEXT.length);
});

test("tcp takes overlapping and repeated segments once", () => {
  const { peer, socket, start } = opened();
  const at = (from: number, to: number) =>
    peer.send({
      flags: "A",
      sequence: PEER_START + 1 + from,
      acknowledgement: start,
      payload: TEXT.slice(from, to),
    });
  at(4, 8);
  equal(socket.readable, 0);
  at(6, 12);
  at(0, 5);
  at(0, 12);
  const into = new Uint8Array(64);
  equal(socket.read(into), 12);
  deepEqual(into.slice(0, 12), TEXT);
});

test("tcp waits at a closed window, probes, and goes on when it opens", () => {
  const { stack, peer, socket, start } = opened();
  const sequence = PEER_START + 1;
  peer.send({ flags: "A", sequence, acknowledgement: start, window: 0 });
  socket.write(TEXT);
  deepEqual(peer.seen(), []);
  for (let probes = 1; probes <= 3 * PROBES_MAX; probes++) {
    peer.advance(61_000);
    const probe = peer.only();
    deepEqual([probe.payload.length, probe.sequence], [1, start]);
    peer.send({ flags: "A", sequence, acknowledgement: start, window: 0 });
  }
  equal(socket.state, "ESTABLISHED", "a peer that answers may stay closed for ever");
  equal(stack.counters().tcpZeroWindowProbes, 3 * PROBES_MAX);
  peer.send({ flags: "A", sequence, acknowledgement: start, window: 500 });
  deepEqual(peer.only().payload, TEXT);
});

test("tcp does not give up a peer that closed its window over data in flight", () => {
  const { peer, socket, start } = opened();
  socket.write(TEXT);
  peer.only();
  for (let round = 0; round < 3 * RETRANSMITS_MAX; round++) {
    peer.send({ flags: "A", sequence: PEER_START + 1, acknowledgement: start, window: 0 });
    peer.advance(61_000);
    equal(peer.seen().length > 0, true, "it is sent again");
  }
  equal(socket.state, "ESTABLISHED");
});

test("tcp gives up probing a peer that is gone", () => {
  const { stack, peer, socket, start } = opened();
  peer.send({ flags: "A", sequence: PEER_START + 1, acknowledgement: start, window: 0 });
  socket.write(TEXT);
  for (let round = 0; round < 2000 && socket.state !== "CLOSED"; round++) {
    peer.seen();
    peer.advance(1000);
  }
  deepEqual([socket.failure, stack.sockets()], ["timed_out", 0]);
});

test("tcp gives up data that is never acknowledged, with growing pauses", () => {
  const { stack, peer, socket } = opened();
  socket.write(TEXT);
  const times: number[] = [];
  for (let round = 0; round < 20_000 && socket.state !== "CLOSED"; round++) {
    for (const { payload } of peer.seen()) if (payload.length > 0) times.push(peer.nowMs);
    peer.advance(100);
  }
  equal(times.length, 1 + RETRANSMITS_MAX);
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  ok(pauses.every((pause, index) => index === 0 || pause >= (pauses[index - 1] ?? 0)));
  deepEqual([socket.failure, stack.sockets(), stack.nextTimerMs()], ["timed_out", 0, undefined]);
});

test("tcp closes its window when nobody reads, and tells when there is room again", () => {
  const ring = 4096;
  const { peer, socket, start } = opened({ limits: { receiveRingBytes: ring } });
  let sequence = PEER_START + 1;
  let window = ring;
  while (window > 0) {
    const payload = new Uint8Array(Math.min(1000, window));
    peer.send({ flags: "A", sequence, acknowledgement: start, payload });
    sequence += payload.length;
    const answers = peer.seen();
    window = answers.at(-1)?.window ?? window - payload.length;
  }
  equal(socket.readable, ring);
  peer.send({ flags: "A", sequence, acknowledgement: start, payload: Uint8Array.of(1) });
  const closed = peer.only();
  deepEqual([closed.acknowledgement, closed.window], [sequence, 0]);
  socket.consume(100);
  deepEqual(peer.seen(), [], "a window that small is not worth telling");
  socket.consume(ring - 100);
  deepEqual([peer.only().window, socket.readable], [ring, 0]);
});
