import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { testAddress, testStack } from "@tests/fakes/link.ts";
import { TcpPeer } from "@tests/fakes/tcp_peer.ts";
import { test } from "@tests/fakes/test.ts";
import type { PendingTcp, Stack, StackOptions } from "./stack.ts";

const FAR = 0x5db8d822;

function peerOf(stack: Stack, stackAddress = testAddress(1)): TcpPeer {
  const stackMac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  return new TcpPeer(stack, { address: testAddress(9), stackAddress, stackMac });
}

/** A stack in the gateway's role, what it was asked, and a guest that calls a far address. */
function gateway(options: Partial<StackOptions> = {}) {
  const stack = testStack(1, { addresses: "any", notMine: [testAddress(9)], ...options });
  const requests: PendingTcp[] = [];
  stack.onTcpSyn((request) => void requests.push(request));
  return { stack, requests, peer: peerOf(stack, FAR) };
}

test("tcp bounds a flood of SYNs, counts it, and lets later callers in", () => {
  const stack = testStack(1, { limits: { synBacklog: 16, tcpSockets: 64 } });
  const listener = stack.listenTcp({ port: 80, backlog: 1000 });
  ok(typeof listener !== "string");
  const peer = peerOf(stack);
  for (let port = 1; port <= 5000; port++) {
    peer.send({ flags: "S", sequence: port, mss: 1460, sourcePort: port });
    peer.seen();
  }
  equal(stack.sockets(), 16 + 1);
  equal(stack.counters().tcpSynsDropped, 5000 - 16);
  peer.send({ flags: "S", sequence: 9, mss: 1460, sourcePort: 60_000 });
  const answer = peer.only();
  peer.send({
    flags: "A",
    sequence: 10,
    acknowledgement: answer.sequence + 1,
    sourcePort: 60_000,
  });
  equal(listener.accept()?.state, "ESTABLISHED");
  listener.close();
  for (let round = 0; round < 200 && stack.sockets() > 1; round++) {
    peer.seen();
    peer.advance(1000);
  }
  equal(stack.sockets(), 1, "half-open connections end by themselves");
});

test("tcp listener takes no more than its backlog, and none replaces one that waits", () => {
  const stack = testStack(1);
  const listener = stack.listenTcp({ port: 80, backlog: 2 });
  ok(typeof listener !== "string");
  const peer = peerOf(stack);
  for (const sourcePort of [5001, 5002]) {
    peer.send({ flags: "S", sequence: 1, mss: 1460, sourcePort });
    const { sequence } = peer.only();
    peer.send({ flags: "A", sequence: 2, acknowledgement: sequence + 1, sourcePort });
  }
  equal(listener.waiting, 2);
  peer.send({ flags: "S", sequence: 1, mss: 1460, sourcePort: 5003 });
  deepEqual(peer.seen(), []);
  ok(listener.accept() !== undefined);
  peer.send({ flags: "S", sequence: 1, mss: 1460, sourcePort: 5003 });
  equal(peer.only().flags, "SA");
});

test("tcp listeners and connections say when a port or a place is taken", () => {
  const stack = testStack(1, { limits: { listeners: 2, tcpSockets: 2 } });
  ok(typeof stack.listenTcp({ port: 80, backlog: 1 }) !== "string");
  equal(stack.listenTcp({ port: 80, backlog: 1, address: testAddress(1) }), "in_use");
  ok(typeof stack.listenTcp({ port: 81, backlog: 1 }) !== "string");
  equal(stack.listenTcp({ port: 82, backlog: 1 }), "limit");
  const remote = { address: testAddress(9), port: 1 };
  ok(typeof stack.connectTcp({ remote, local: { port: 7 } }) !== "string");
  equal(stack.connectTcp({ remote, local: { port: 7 } }), "in_use");
  ok(typeof stack.connectTcp({ remote }) !== "string");
  equal(stack.connectTcp({ remote }), "limit");
  equal(testStack(2).connectTcp({ remote: { address: FAR, port: 1 } }), "unreachable");
  equal(testStack(2).connectTcp({ remote: { address: testAddress(2), port: 1 } }), "unreachable");
});

test("tcp listener close() aborts what was not accepted", () => {
  const stack = testStack(1);
  const listener = stack.listenTcp({ port: 80, backlog: 2 });
  ok(typeof listener !== "string");
  const peer = peerOf(stack);
  peer.send({ flags: "S", sequence: 1, mss: 1460 });
  const { sequence } = peer.only();
  peer.send({ flags: "A", sequence: 2, acknowledgement: sequence + 1 });
  listener.close();
  ok(peer.only().flags.includes("R"));
  equal(stack.sockets(), 0);
});

test("onTcpSyn: an accepted request becomes a connection with the address that was called", () => {
  const { stack, requests, peer } = gateway();
  peer.send({ flags: "S", sequence: 1, mss: 1460 });
  deepEqual(peer.seen(), [], "nothing is said before the decision");
  const [request] = requests;
  ok(request !== undefined);
  deepEqual(request.local, { address: FAR, port: 80 });
  deepEqual(request.remote, { address: testAddress(9), port: 5000 });
  const socket = request.accept();
  const answer = peer.only();
  deepEqual([answer.flags, answer.acknowledgement], ["SA", 2]);
  peer.send({ flags: "A", sequence: 2, acknowledgement: answer.sequence + 1 });
  equal(socket.state, "ESTABLISHED");
  equal(request.open, false);
  equal(request.accept().state, "CLOSED", "only the first decision counts");
  equal(stack.sockets(), 1);
});

test("onTcpSyn: a repeated SYN makes no second request, and the latest one is answered", () => {
  const { requests, peer } = gateway();
  for (const sequence of [1, 1, 700]) peer.send({ flags: "S", sequence, mss: 1460 });
  equal(requests.length, 1);
  requests[0]?.accept();
  equal(peer.only().acknowledgement, 701);
});

test("onTcpSyn: refuse sends RST, drop nothing, and a withdrawn or late one is closed", () => {
  const { stack, requests, peer } = gateway({ limits: { pendingSynMs: 5000 } });
  const ask = (sourcePort: number) => peer.send({ flags: "S", sequence: 1, mss: 1460, sourcePort });
  ask(1);
  requests[0]?.refuse();
  const reset = peer.only();
  deepEqual([reset.flags, reset.acknowledgement, reset.targetPort], ["AR", 2, 1]);
  ask(2);
  requests[1]?.drop();
  ask(3);
  peer.send({ flags: "R", sequence: 2, sourcePort: 3 });
  equal(requests[2]?.open, false);
  ask(4);
  equal(stack.sockets(), 1);
  peer.advance(5000);
  equal(requests[3]?.open, false);
  deepEqual([stack.sockets(), stack.nextTimerMs(), peer.seen()], [0, undefined, []]);
  equal(requests[3]?.accept().failure, "reset");
});

test("onTcpSyn: undecided requests are bounded", () => {
  const { stack, requests, peer } = gateway({ limits: { pendingSyns: 5 } });
  for (let port = 1; port <= 50; port++) {
    peer.send({ flags: "S", sequence: 1, mss: 1460, sourcePort: port });
  }
  deepEqual([requests.length, stack.sockets()], [5, 5]);
  equal(stack.counters().tcpSynsDropped, 45);
});

test("a gateway connects from any address it is told, and resolves the guest", () => {
  const { stack, peer } = gateway();
  const remote = { address: testAddress(9), port: 80 };
  const socket = stack.connectTcp({ remote, local: { address: 0xc0000201, port: 4444 } });
  ok(typeof socket !== "string");
  equal(socket.local.address, 0xc0000201);
  const [syn] = peer.seen();
  deepEqual([syn?.flags, syn?.sourcePort], ["S", 4444]);
});

test("connectTcp fails as unreachable when nobody answers for the next hop", () => {
  const stack = testStack(1);
  const socket = stack.connectTcp({ remote: { address: testAddress(77), port: 80 } });
  ok(typeof socket !== "string");
  let told = 0;
  socket.onChange = () => void told++;
  const into = new Uint8Array(1600);
  let requests = 0;
  for (let nowMs = 0; nowMs < 20_000; nowMs += 500) {
    stack.poll(nowMs);
    while (stack.transmit(into, nowMs) > 0) requests++;
  }
  deepEqual([socket.failure, told, requests], ["unreachable", 1, 6]);
  deepEqual([stack.sockets(), stack.nextTimerMs()], [0, undefined]);
});
