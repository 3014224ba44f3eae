import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { netPair } from "@tests/fakes/net_pair.ts";
import { drained, joined, pattern, watched } from "@tests/fakes/net_talk.ts";
import { test } from "@tests/fakes/test.ts";
import { LINGER_BYTES_MAX } from "./linger.ts";

const SOON = { timeoutMs: 0 };

test("netstackd close ends in order, delivers what was written and frees the handle", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const reading = watched(client.read({ handle, min: 1, max: 1, ...SOON }));
  await client.write({ handle, length: 2, bytes: Uint8Array.of(1, 2), ...SOON });
  deepEqual(await client.close({ handle }), { status: "ok" });
  await net.settle();
  deepEqual(reading.reply, { status: "not_found" });
  deepEqual(await drained(net, socket, 2), Uint8Array.of(1, 2));
  ok(socket.readEnded && socket.failure === undefined);
  deepEqual(await client.close({ handle }), { status: "not_found" });
});

test("netstackd resets a closed connection whose peer never ends its stream", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  await net.v2().close({ handle });
  await net.advance(29_000);
  equal(socket.failure, undefined);
  await net.advance(2_000);
  socket.write(Uint8Array.of(1));
  await net.advance(1_000);
  equal(socket.failure, "reset");
});

test("netstackd lets a peer that had bytes under way at the close end in order", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  equal(socket.write(pattern(LINGER_BYTES_MAX - 1)), LINGER_BYTES_MAX - 1);
  await net.v2().close({ handle });
  await net.settle();
  ok(socket.readEnded);
  socket.end();
  await net.advance(1_000);
  deepEqual([socket.failure, socket.state, socket.unacknowledged], [undefined, "CLOSED", 0]);
});

test("netstackd resets a peer that sends on after the close, and takes few bytes of it", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  await net.v2().close({ handle });
  await net.settle();
  ok(socket.readEnded);
  let written = 0;
  while (socket.failure === undefined && written <= 2 * LINGER_BYTES_MAX) {
    written += socket.write(pattern(8_192));
    await net.settle();
  }
  equal(socket.failure, "reset");
  ok(written >= LINGER_BYTES_MAX);
});

test("netstackd close delivers what was written to a peer that sends on, and then resets it", async () => {
  const ring = 2 * LINGER_BYTES_MAX;
  const net = netPair({ limits: { receiveRingBytes: ring, sendRingBytes: 2 * ring } });
  const { handle, socket } = await joined(net);
  const bytes = pattern(ring + 10_000);
  const made = net.task.vmoCreate(bytes.length);
  ok(made.status === "ok");
  net.task.vmoMap(made.slot)?.set(bytes);
  const write = { handle, length: bytes.length, bytes: new Uint8Array(0), ...SOON };
  equal((await net.v2().write(write, { move: made.slot })).status, "ok");
  await net.v2().close({ handle });
  let taken = 0;
  for (let round = 0; round < 100; round++) {
    taken += socket.write(pattern(8_192));
    await net.settle();
  }
  // Nothing was read yet: our end is not delivered, and the peer's window is closed instead.
  equal(socket.failure, undefined);
  ok(taken - socket.unacknowledged <= LINGER_BYTES_MAX + ring);
  deepEqual(await drained(net, socket, bytes.length), bytes);
  await net.settle();
  equal(socket.failure, "reset");
});

test("netstackd takes what a peer still sends on a closed handle, up to its end", async () => {
  const net = netPair({ limits: { sendRingBytes: 4096, receiveRingBytes: 4096 } });
  const { handle, socket } = await joined(net);
  socket.write(pattern(4096));
  await net.settle();
  await net.v2().close({ handle });
  for (let sent = 0; sent < 40_000;) {
    const count = socket.write(pattern(4096));
    sent += count;
    await net.advance(10);
    ok(count > 0, "the window stays open");
  }
  socket.end();
  await net.advance(100);
  deepEqual([socket.failure, socket.unacknowledged], [undefined, 0]);
});
