import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { testAddress, testStack } from "@tests/fakes/link.ts";
import { TcpPeer } from "@tests/fakes/tcp_peer.ts";
import { test } from "@tests/fakes/test.ts";
import { CHALLENGE_ACKS_MAX } from "./segment_rules.ts";
import type { StackOptions, TcpListener } from "./stack.ts";

const PEER_START = 1000;
/** One past the peer's FIN. */
const PEER_END = PEER_START + 2;
const WAIT_MS = 10_000;

function listening(options: Partial<StackOptions> = {}) {
  const stack = testStack(1, { limits: { timeWaitMs: WAIT_MS }, ...options });
  const listener = stack.listenTcp({ port: 80, backlog: 8 });
  ok(typeof listener !== "string");
  const peer = new TcpPeer(stack, {
    address: testAddress(9),
    stackAddress: testAddress(1),
    stackMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
  return { stack, listener, peer };
}

/** Brings a connection from `port` to TIME-WAIT. `end` is one past our FIN. */
function waiting(peer: TcpPeer, listener: TcpListener, port = 5000) {
  peer.port = port;
  peer.send({ flags: "S", sequence: PEER_START, mss: 1460 });
  const start = (peer.only().sequence + 1) >>> 0;
  peer.send({ flags: "A", sequence: PEER_START + 1, acknowledgement: start });
  const socket = listener.accept();
  ok(socket !== undefined);
  socket.end();
  peer.only();
  const end = (start + 1) >>> 0;
  peer.send({ flags: "AF", sequence: PEER_START + 1, acknowledgement: end });
  peer.only();
  equal(socket.state, "TIME-WAIT");
  return { socket, end };
}

test("tcp in TIME-WAIT ends when its time is over, and the application sees it", () => {
  const { stack, listener, peer } = listening();
  const { socket } = waiting(peer, listener);
  equal(stack.nextTimerMs(), peer.nowMs + WAIT_MS);
  peer.advance(WAIT_MS - 1);
  deepEqual([socket.state, stack.sockets()], ["TIME-WAIT", 2]);
  peer.advance(1);
  deepEqual([socket.state, socket.failure, stack.sockets()], ["CLOSED", undefined, 1]);
  equal(stack.nextTimerMs(), undefined);
});

test("tcp in TIME-WAIT says in every ACK what the last one said", () => {
  const { listener, peer } = listening();
  const { end } = waiting(peer, listener);
  const payload = new Uint8Array(1);
  const sent = { acknowledgement: end, sequence: PEER_START + 1 };
  peer.send({ ...sent, flags: "AF" });
  const first = peer.only();
  peer.send({ ...sent, flags: "A", payload });
  const second = peer.only();
  for (const { flags, sequence, acknowledgement, window } of [first, second]) {
    deepEqual([flags, sequence, acknowledgement], ["A", end, PEER_END]);
    equal(window, 0xfffe, "a window that was offered is not taken back");
  }
});

test("tcp in TIME-WAIT challenges what cannot be the peer's, at a bounded rate", () => {
  const { stack, listener, peer } = listening();
  const { socket, end } = waiting(peer, listener);
  const strange = [
    { flags: "S", sequence: PEER_END - 100 },
    { flags: "SA", sequence: PEER_END, acknowledgement: end },
    { flags: "A", sequence: PEER_END, acknowledgement: end + 1 },
    { flags: "A", sequence: PEER_END - 100, acknowledgement: end },
  ];
  for (const segment of strange) {
    peer.send(segment);
    deepEqual(peer.seen().map(({ flags }) => flags), ["A"], segment.flags);
  }
  for (let round = 0; round < 2 * CHALLENGE_ACKS_MAX; round++) {
    peer.send({ flags: "SA", sequence: PEER_END, acknowledgement: end });
  }
  equal(peer.seen().length, CHALLENGE_ACKS_MAX - strange.length);
  equal(stack.counters().tcpChallengeAcks, CHALLENGE_ACKS_MAX);
  peer.advance(1000);
  peer.send({ flags: "SA", sequence: PEER_END, acknowledgement: end });
  deepEqual([peer.seen().length, socket.state], [1, "TIME-WAIT"]);
});

test("tcp in TIME-WAIT ignores RST wherever it stands, and bare ACKs", () => {
  const { listener, peer } = listening();
  const { socket, end } = waiting(peer, listener);
  for (const sequence of [PEER_END, PEER_END + 1, PEER_END - 1, PEER_END + 100_000]) {
    peer.send({ flags: "R", sequence });
    peer.send({ flags: "RA", sequence, acknowledgement: end });
  }
  peer.send({ flags: "A", sequence: PEER_END, acknowledgement: end });
  peer.send({ flags: "", sequence: PEER_END });
  deepEqual([peer.seen().length, socket.state], [0, "TIME-WAIT"]);
});

test("tcp in TIME-WAIT that begins anew ends after those that began before", () => {
  const { stack, listener, peer } = listening();
  const older = waiting(peer, listener, 5000);
  peer.advance(1000);
  const newer = waiting(peer, listener, 5001);
  peer.advance(1000);
  peer.port = 5000;
  peer.send({ flags: "AF", sequence: PEER_START + 1, acknowledgement: older.end });
  peer.only();
  peer.advance(WAIT_MS - 1000);
  deepEqual([older.socket.state, newer.socket.state], ["TIME-WAIT", "CLOSED"]);
  peer.advance(1000);
  deepEqual([older.socket.state, stack.sockets()], ["CLOSED", 1]);
});

test("tcp in TIME-WAIT can be aborted, and what was read last stays readable", () => {
  const { stack, listener, peer } = listening();
  peer.send({ flags: "S", sequence: PEER_START, mss: 1460 });
  const start = (peer.only().sequence + 1) >>> 0;
  const payload = new TextEncoder().encode("late");
  peer.send({ flags: "A", sequence: PEER_START + 1, acknowledgement: start });
  const socket = listener.accept();
  socket?.end();
  peer.only();
  const acknowledgement = (start + 1) >>> 0;
  peer.send({ flags: "AF", sequence: PEER_START + 1, acknowledgement, payload });
  peer.only();
  socket?.abort();
  deepEqual(peer.seen(), [], "there is nobody left to reset");
  deepEqual([socket?.state, socket?.readable, stack.sockets()], ["CLOSED", 4, 1]);
  equal(socket?.read(new Uint8Array(9)), 4);
  equal(socket?.readEnded, true);
  socket?.abort();
  equal(stack.sockets(), 1);
});

test("tcp sends its last ACK even to a neighbour that must be asked for first", () => {
  const { listener, peer } = listening();
  const { socket, end } = waiting(peer, listener);
  peer.advance(WAIT_MS - 1);
  const many = 7;
  for (let turn = 0; turn < many; turn++) {
    peer.send({ flags: "AF", sequence: PEER_START + 1, acknowledgement: end });
    equal(peer.only().acknowledgement, PEER_END);
    peer.advance(WAIT_MS - 1);
  }
  equal(socket.state, "TIME-WAIT", "longer than a neighbour is remembered");
});
