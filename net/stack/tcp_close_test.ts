import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { LossyLink, testAddress, testStack } from "@tests/fakes/link.ts";
import { TcpPeer } from "@tests/fakes/tcp_peer.ts";
import { test } from "@tests/fakes/test.ts";
import type { Stack, StackOptions, TcpSocket } from "./stack.ts";
import { SILENCE_PROBES_MAX } from "./tcp_timers.ts";

const WORD = new TextEncoder().encode("word");

/** Two stacks with one connection between them. */
function joined(options: Partial<StackOptions> = {}): {
  readonly link: LossyLink;
  readonly stacks: readonly [Stack, Stack];
  readonly client: TcpSocket;
  readonly server: TcpSocket;
} {
  const stacks = [testStack(1, options), testStack(2, options)] as const;
  const link = new LossyLink(stacks, {});
  const listener = stacks[1].listenTcp({ port: 80, backlog: 1 });
  const client = stacks[0].connectTcp({ remote: { address: testAddress(2), port: 80 } });
  ok(typeof listener !== "string" && typeof client !== "string");
  ok(link.run(() => listener.waiting > 0));
  const server = listener.accept();
  ok(server !== undefined);
  listener.close();
  link.advance(100);
  return { link, stacks, client, server };
}

/** A peer of a stack that listens on port 80, and the connection it opened. */
function opened(stack: Stack, port = 5000): { peer: TcpPeer; start: number } {
  const peer = new TcpPeer(stack, {
    address: testAddress(9),
    stackAddress: testAddress(1),
    stackMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
  peer.port = port;
  peer.send({ flags: "S", sequence: 1000, mss: 1460 });
  const start = (peer.only().sequence + 1) >>> 0;
  peer.send({ flags: "A", sequence: 1001, acknowledgement: start });
  return { peer, start };
}

function listening(options: Partial<StackOptions> = {}) {
  const stack = testStack(1, options);
  const listener = stack.listenTcp({ port: 80, backlog: 8 });
  ok(typeof listener !== "string");
  return { stack, listener };
}

test("tcp half-closes: the side that ended still reads, whichever side that is", () => {
  for (const clientEnds of [true, false]) {
    const { link, client, server, stacks } = joined();
    const [ended, open] = clientEnds ? [client, server] : [server, client];
    ended.write(WORD);
    ended.end();
    equal(ended.writable, 0);
    equal(ended.write(WORD), 0);
    link.advance(1000);
    deepEqual([ended.state, open.state], ["FIN-WAIT-2", "CLOSE-WAIT"]);
    deepEqual([open.readable, open.readEnded], [4, false]);
    open.consume(4);
    equal(open.readEnded, true);
    for (let round = 0; round < 5; round++) {
      equal(open.write(WORD), 4);
      link.advance(1000);
      equal(ended.read(new Uint8Array(9)), 4);
    }
    open.end();
    link.advance(1000);
    deepEqual([ended.state, open.state], ["TIME-WAIT", "CLOSED"]);
    equal(ended.readEnded, true);
    ok(link.settle());
    deepEqual(stacks.map((stack) => stack.sockets()), [0, 0]);
  }
});

test("tcp closes from both sides at once through CLOSING", () => {
  const { link, client, server } = joined();
  client.end();
  server.end();
  const states = new Set<string>();
  ok(link.run(() => {
    states.add(client.state).add(server.state);
    return client.state === "TIME-WAIT" && server.state === "TIME-WAIT";
  }));
  ok(states.has("CLOSING"), [...states].join(" "));
  ok(link.settle());
});

test("tcp end() before the handshake is complete closes after it, with the data", () => {
  const stacks = [testStack(1), testStack(2)] as const;
  const link = new LossyLink(stacks, {});
  const listener = stacks[1].listenTcp({ port: 80, backlog: 1 });
  const client = stacks[0].connectTcp({ remote: { address: testAddress(2), port: 80 } });
  ok(typeof listener !== "string" && typeof client !== "string");
  client.write(WORD);
  client.end();
  ok(link.run(() => listener.waiting > 0));
  const server = listener.accept();
  ok(link.run(() => server?.state === "CLOSE-WAIT"));
  equal(server?.readable, 4);
});

test("tcp abort() tells the peer, and leaves nothing on either side", () => {
  const { link, client, server, stacks } = joined();
  client.write(WORD);
  client.abort();
  deepEqual([client.state, client.failure], ["CLOSED", undefined]);
  link.advance(100);
  deepEqual([server.state, server.failure], ["CLOSED", "reset"]);
  deepEqual(stacks.map((stack) => stack.sockets()), [0, 0]);
  ok(link.idle);
});

test("tcp keeps unread bytes readable after the connection is over", () => {
  const { link, client, server } = joined();
  client.write(WORD);
  client.end();
  server.end();
  ok(link.settle());
  equal(server.state, "CLOSED");
  equal(server.read(new Uint8Array(9)), 4);
  equal(server.readEnded, true);
});

test("tcp asks a silent peer in FIN-WAIT-2 whether it is there, and gives it up", () => {
  const { stack, listener } = listening();
  const { peer, start } = opened(stack);
  const socket = listener.accept();
  ok(socket !== undefined);
  listener.close();
  socket.end();
  const fin = peer.only();
  equal(fin.flags, "AF");
  peer.send({ flags: "A", sequence: 1001, acknowledgement: start + 1 });
  equal(socket.state, "FIN-WAIT-2");
  for (let alive = 0; alive < 20; alive++) {
    peer.advance(60_000);
    equal(peer.only().sequence, start, "a number already acknowledged");
    peer.send({ flags: "A", sequence: 1001, acknowledgement: start + 1 });
  }
  equal(socket.state, "FIN-WAIT-2", "a peer that answers may take its time");
  let probes = 0;
  for (let round = 0; round < 1000 && stack.sockets() > 0; round++) {
    probes += peer.seen().length;
    peer.advance(1000);
  }
  deepEqual([probes, socket.failure, stack.sockets()], [SILENCE_PROBES_MAX, "timed_out", 0]);
});

/** Brings a connection of the listener to TIME-WAIT. Returns the peer's next number. */
function toTimeWait(stack: Stack, accepted: () => TcpSocket | undefined, port: number) {
  const { peer, start } = opened(stack, port);
  const socket = accepted();
  ok(socket !== undefined);
  socket.end();
  equal(peer.only().flags, "AF");
  peer.send({ flags: "AF", sequence: 1001, acknowledgement: start + 1 });
  equal(peer.only().acknowledgement, 1002);
  equal(socket.state, "TIME-WAIT");
  return { peer, socket, start };
}

test("tcp answers a repeated FIN in TIME-WAIT, begins the wait anew, and ignores RST", () => {
  const { stack, listener } = listening({ limits: { timeWaitMs: 10_000 } });
  const { peer, socket, start } = toTimeWait(stack, () => listener.accept(), 5000);
  peer.advance(9_000);
  peer.send({ flags: "AF", sequence: 1001, acknowledgement: start + 1 });
  equal(peer.only().acknowledgement, 1002);
  peer.send({ flags: "R", sequence: 1002 });
  peer.advance(9_000);
  equal(socket.state, "TIME-WAIT");
  peer.advance(1_000);
  equal(socket.state, "CLOSED");
});

test("tcp takes a later SYN in TIME-WAIT as a new connection, an older one not", () => {
  const { stack, listener } = listening();
  const { peer, socket } = toTimeWait(stack, () => listener.accept(), 5000);
  peer.send({ flags: "S", sequence: 500, mss: 1460 });
  equal(socket.state, "TIME-WAIT");
  equal(peer.seen().every(({ flags }) => flags === "A"), true);
  peer.send({ flags: "S", sequence: 90_000, mss: 1460 });
  deepEqual([peer.only().flags, socket.state], ["SA", "CLOSED"]);
});

test("connectTcp takes the place of a connection in TIME-WAIT, numbered beyond it", () => {
  for (let seed = 0; seed < 8; seed++) {
    const random32 = () => (seed * 0x2492_4925) >>> 0;
    const { stack, listener } = listening({ random32 });
    const { peer, socket, start } = toTimeWait(stack, () => listener.accept(), 5000);
    const remote = { address: socket.remote.address, port: 5000 };
    const again = stack.connectTcp({ remote, local: { port: 80 } });
    ok(typeof again !== "string");
    deepEqual([socket.state, again.state], ["CLOSED", "SYN-SENT"]);
    const syn = peer.only();
    equal(syn.flags, "S");
    const ahead = (syn.sequence - (start + 1)) | 0;
    ok(ahead > 0, `${ahead}`);
    equal(stack.connectTcp({ remote, local: { port: 80 } }), "in_use");
  }
});

test("tcp keeps a bounded number of connections in TIME-WAIT, the oldest leaves first", () => {
  const { stack, listener } = listening({ limits: { timeWaits: 3 } });
  const sockets: TcpSocket[] = [];
  for (let port = 5000; port < 5006; port++) {
    sockets.push(toTimeWait(stack, () => listener.accept(), port).socket);
  }
  deepEqual(sockets.map(({ state }) => state === "TIME-WAIT"), [
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
  equal(stack.counters().tcpTimeWaitsEvicted, 3);
});
