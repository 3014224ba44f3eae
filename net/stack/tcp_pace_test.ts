import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { testAddress, testStack } from "@tests/fakes/link.ts";
import { TcpPeer } from "@tests/fakes/tcp_peer.ts";
import { test } from "@tests/fakes/test.ts";
import type { StackLimits } from "./limits.ts";
import { DELAYED_ACK_MS, QUICK_ACK_LENGTH_MIN } from "./tcp_input.ts";

/** A piece of a stream that fills a frame, in bytes. */
const FULL = 1460;
const QUICK_ACKS = 16;

/** A connection that the peer opened with an MSS of 1000, after `count` full segments from it. */
function opened(count = QUICK_ACKS, limits: Partial<StackLimits> = {}) {
  const stack = testStack(1, { limits });
  const listener = stack.listenTcp({ port: 80, backlog: 1 });
  ok(typeof listener !== "string");
  const peer = new TcpPeer(stack, {
    address: testAddress(9),
    stackAddress: testAddress(1),
    stackMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
  peer.send({ flags: "S", sequence: 1000, mss: 1000 });
  const start = (peer.only().sequence + 1) >>> 0;
  peer.send({ flags: "A", sequence: 1001, acknowledgement: start });
  const socket = listener.accept();
  ok(socket !== undefined);
  let sequence = 1001;
  const data = (length: number) => {
    peer.send({ flags: "A", sequence, acknowledgement: start, payload: new Uint8Array(length) });
    sequence += length;
  };
  for (let quick = 0; quick < count; quick++) {
    data(FULL);
    equal(peer.only().flags, "A");
  }
  return { stack, peer, socket, start, data, next: () => sequence };
}

test("tcp acknowledges every second full segment at once, and one alone a little later", () => {
  const { peer, data, next } = opened();
  data(FULL);
  deepEqual(peer.seen(), []);
  data(FULL);
  equal(peer.only().acknowledgement, next());
  data(10);
  deepEqual(peer.seen(), []);
  peer.advance(DELAYED_ACK_MS);
  equal(peer.only().acknowledgement, next());
});

test("tcp acknowledges a message with its answer, from the connection's first on", () => {
  const { peer, socket, data, next } = opened(0);
  for (let round = 0; round < 2 * QUICK_ACKS; round++) {
    data(QUICK_ACK_LENGTH_MIN - 1 - round);
    deepEqual(peer.seen(), []);
    socket.write(new Uint8Array(10));
    const { acknowledgement, payload } = peer.only();
    deepEqual([acknowledgement, payload.length], [next(), 10]);
  }
  data(FULL);
  equal(peer.only().acknowledgement, next(), "messages do not use up what a stream starts with");
});

test("tcp tells of a window only when the peer may wait for it", () => {
  const { peer, socket, data, next } = opened(0, { receiveRingBytes: 65_536 });
  data(100);
  socket.consume(100);
  deepEqual(peer.seen(), [], "what the SYN offered is enough for anything");
  peer.advance(DELAYED_ACK_MS);
  equal(peer.only().window, 0xffff - 100);
  for (let taken = 0; taken < 0x8000; taken += FULL) {
    data(FULL);
    peer.seen();
  }
  equal(socket.readable > 0x7fff, true);
  socket.consume(socket.readable);
  const { window, acknowledgement } = peer.only();
  deepEqual([window, acknowledgement], [0xffff, next()]);
});

test("tcp acknowledges a FIN with its own, and alone a little later when none follows", () => {
  for (const answers of [true, false]) {
    const { peer, socket, start, next } = opened(0);
    peer.send({ flags: "AF", sequence: next(), acknowledgement: start });
    equal(socket.state, "CLOSE-WAIT");
    deepEqual(peer.seen(), []);
    if (answers) socket.end();
    else peer.advance(DELAYED_ACK_MS);
    const { flags, acknowledgement } = peer.only();
    deepEqual([flags, acknowledgement], [answers ? "AF" : "A", next() + 1]);
    peer.advance(DELAYED_ACK_MS);
    deepEqual(peer.seen(), [], "once is enough");
  }
});

test("tcp acknowledges a FIN at once that is repeated, or comes before what it ends", () => {
  const { peer, start, next } = opened(0);
  peer.send({ flags: "AF", sequence: next() + 5, acknowledgement: start });
  equal(peer.only().acknowledgement, next());
  peer.send({
    flags: "AF",
    sequence: next(),
    acknowledgement: start,
    payload: new Uint8Array(5),
  });
  equal(peer.only().acknowledgement, next() + 6);
  peer.send({ flags: "AF", sequence: next() + 5, acknowledgement: start });
  equal(peer.only().acknowledgement, next() + 6);
});

test("tcp acknowledges at once what fills a gap", () => {
  const { peer, start, data, next } = opened();
  const ahead = next() + 100;
  peer.send({ flags: "A", sequence: ahead, acknowledgement: start, payload: new Uint8Array(50) });
  equal(peer.only().acknowledgement, next());
  data(100);
  equal(peer.only().acknowledgement, next() + 50);
});

test("tcp does not cut data into silly pieces to fill a window", () => {
  const { peer, socket, start, next } = opened();
  peer.send({ flags: "A", sequence: next(), acknowledgement: start, window: 1500 });
  socket.write(new Uint8Array(3000));
  deepEqual(peer.seen().map(({ payload }) => payload.length), [1000]);
});

test("tcp takes no round trip from a segment sent twice", () => {
  const { peer, socket, start, next } = opened();
  socket.write(new Uint8Array(10));
  peer.only();
  peer.advance(2000);
  peer.only();
  peer.nowMs += 50_000;
  peer.send({ flags: "A", sequence: next(), acknowledgement: start + 10 });
  socket.write(new Uint8Array(10));
  peer.only();
  const fromMs = peer.nowMs;
  ok((peer.stack.nextTimerMs() ?? Infinity) - fromMs < 5000);
});

test("tcp tells the application nothing of its own doing", () => {
  const { peer, socket } = opened();
  let told = 0;
  socket.onChange = () => void told++;
  socket.end();
  socket.abort();
  peer.seen();
  peer.stack.poll(peer.nowMs);
  equal(told, 0);
});

test("connectTcp from an address that is not the stack's is refused", () => {
  const remote = { address: testAddress(9), port: 80 };
  equal(testStack(1).connectTcp({ remote, local: { address: testAddress(5) } }), "unreachable");
});

test("udp bounds the bytes that wait at a socket", () => {
  const stack = testStack(1, { limits: { udpQueueBytes: 100 } });
  const sender = testStack(9);
  const socket = stack.bindUdp({ port: 7 });
  ok(typeof socket !== "string");
  const into = new Uint8Array(1600);
  const carry = () => {
    for (let turn = 0; turn < 6; turn++) {
      const [from, to] = turn % 2 === 0 ? [sender, stack] : [stack, sender];
      for (let length = from.transmit(into, 0); length > 0; length = from.transmit(into, 0)) {
        to.receive(into.subarray(0, length), 0);
      }
    }
  };
  for (let count = 0; count < 3; count++) {
    const local = { address: testAddress(9), port: 1 };
    sender.sendUdp(local, { address: testAddress(1), port: 7 }, new Uint8Array(60));
    carry();
  }
  deepEqual([socket.waiting, socket.dropped], [1, 2]);
});
