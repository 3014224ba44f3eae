import type { FrameStream } from "@runtime/core/program_ports.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import type { Exchange, RawChannel } from "@runtime/idl/channel.ts";
import { createClient } from "@runtime/idl/client.ts";
import { encodeReply, encodeRequest, parseRequest } from "@runtime/idl/packed_frame.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { memoryControl } from "@tests/fakes/memory_control.ts";
import { memoryFiles } from "@tests/fakes/memory_files.ts";
import { test } from "@tests/fakes/test.ts";
import { controld } from "../controld/protocol.ts";
import { keys } from "../keystored/client/keys_protocol.ts";
import { CONNECTIONS_MAX, IDLE_TIMEOUT_MS, serveControl, WAITING_MAX } from "./control_bridge.ts";
import { connectControl } from "./control_client.ts";

const PATH = "/node/control.sock";

interface Held {
  readonly nonce: bigint | undefined;
  readonly frame: Uint8Array;
  answer(closed: number): void;
}

/** A bridge whose requests a test answers by hand: `stop` with a number of its choice. */
async function bridge() {
  const files = memoryFiles();
  const control = memoryControl(files);
  const clock = manualClock();
  const held: Held[] = [];
  const channel: RawChannel = {
    exchange: ({ frame, nonce }: Exchange) =>
      new Promise((resolve) => {
        const answer = (closed: number) => {
          const values = { closed };
          const frame = encodeReply(controld, { opName: "stop", nonce, status: "ok", values });
          resolve({ status: "ok", frame, moved: undefined });
        };
        held.push({ nonce, frame: frame.slice(), answer });
      }),
  };
  const ports = { control, clock, turns: clock, routes: [{ service: controld, channel }] };
  const server = await serveControl(ports, PATH);
  return { ports, control, clock, held, server };
}

/** A connection that a test writes frames to by hand. */
async function rawConnection(control: { connect(path: string): FrameStream }) {
  const stream = control.connect(PATH);
  const frames: Uint8Array[] = [];
  const state = { stream, frames, over: false };
  stream.observe({
    opened() {},
    frame: (bytes) => void frames.push(bytes.slice()),
    closed: () => state.over = true,
  });
  await settled();
  return state;
}

/** Lets everything run that is ready: events of the fakes are promises. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

function stopFrame(nonce: bigint): Uint8Array {
  return encodeRequest(controld, { opName: "stop", nonce, values: {} });
}

test("serveControl gives each connection its own answers under its own nonces", async () => {
  const { ports, held, server } = await bridge();
  const [one, two] = [await connectControl(ports, PATH), await connectControl(ports, PATH)];
  ok(one !== undefined && two !== undefined);
  const first = createClient(controld, one).stop({});
  const second = createClient(controld, two).stop({});
  await settled();
  const [a, b] = held;
  ok(a !== undefined && b !== undefined);
  equal(a.nonce === b.nonce, false);
  deepEqual([a, b].map(({ frame, nonce }) => "nonce" in parseRequest(controld, frame) && nonce), [
    a.nonce,
    b.nonce,
  ]);
  b.answer(2);
  a.answer(1);
  deepEqual(await first, { status: "ok", closed: 1 });
  deepEqual(await second, { status: "ok", closed: 2 });
  one.close();
  two.close();
  await server.close();
});

test("serveControl has one request of a connection under way, and keeps their order", async () => {
  const { control, held, server } = await bridge();
  const { stream, frames } = await rawConnection(control);
  for (const nonce of [7n, 8n, 9n]) stream.send(stopFrame(nonce));
  for (let count = 1; count <= 3; count++) {
    await settled();
    equal(held.length, count);
    held[count - 1]?.answer(count);
  }
  await settled();
  const replies = [7n, 8n, 9n].map((nonce, index) =>
    encodeReply(controld, { opName: "stop", nonce, status: "ok", values: { closed: index + 1 } })
  );
  deepEqual(frames.map((frame) => [...frame]), replies.map((frame) => [...frame]));
  await server.close();
});

test("serveControl ends a connection whose frame is no request of controld", async () => {
  const request = stopFrame(1n);
  const bad = [
    new Uint8Array(0),
    request.subarray(0, 11),
    new Uint8Array(FRAME_LENGTH_MAX + 1).fill(0x43),
    request.with(0, 0x00),
    request.with(2, 2),
    new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
  ];
  for (const frame of bad) {
    const { control, held, server } = await bridge();
    const connection = await rawConnection(control);
    connection.stream.send(frame);
    await settled();
    deepEqual([connection.over, held.length], [true, 0], `${frame.length} bytes`);
    await server.close();
  }
});

test("serveControl leaves the other connections alone when one is ended", async () => {
  const { control, held, server } = await bridge();
  const good = await rawConnection(control);
  good.stream.send(stopFrame(1n));
  const bad = await rawConnection(control);
  bad.stream.send(new Uint8Array(3));
  await settled();
  held[0]?.answer(4);
  await settled();
  deepEqual([bad.over, good.over, good.frames.length], [true, false, 1]);
  await server.close();
});

test("serveControl ends a connection that sends more than may wait", async () => {
  const { control, held, server } = await bridge();
  const connection = await rawConnection(control);
  for (let count = 0; count <= WAITING_MAX; count++) connection.stream.send(stopFrame(1n));
  await settled();
  equal(connection.over, false);
  connection.stream.send(stopFrame(1n));
  await settled();
  deepEqual([connection.over, held.length], [true, 1]);
  await server.close();
});

test("serveControl holds a bounded number of connections, and takes new ones for ended ones", async () => {
  const { control, server } = await bridge();
  const all = [];
  for (let count = 0; count < CONNECTIONS_MAX; count++) all.push(await rawConnection(control));
  const refused = await rawConnection(control);
  await settled();
  deepEqual([refused.over, all.some(({ over }) => over)], [true, false]);
  all[0]?.stream.end();
  await settled();
  const taken = await rawConnection(control);
  await settled();
  equal(taken.over, false);
  await server.close();
});

test("serveControl ends a connection that says nothing, but none that waits for its answer", async () => {
  const { control, clock, held, server } = await bridge();
  const idle = await rawConnection(control);
  const busy = await rawConnection(control);
  busy.stream.send(stopFrame(1n));
  await settled();
  clock.advanceMs(IDLE_TIMEOUT_MS - 1);
  await settled();
  equal(idle.over, false);
  clock.advanceMs(1);
  await settled();
  deepEqual([idle.over, busy.over], [true, false]);
  held[0]?.answer(0);
  await settled();
  clock.advanceMs(IDLE_TIMEOUT_MS);
  await settled();
  equal(busy.over, true);
  await server.close();
});

test("serveControl ends a connection whose request controld never answers", async () => {
  const files = memoryFiles();
  const control = memoryControl(files);
  const clock = manualClock();
  const channel = { exchange: () => Promise.resolve({ status: "no_reply" } as const) };
  const server = await serveControl(
    { control, clock, turns: clock, routes: [{ service: controld, channel }] },
    PATH,
  );
  const connection = await rawConnection(control);
  connection.stream.send(stopFrame(1n));
  await settled();
  equal(connection.over, true);
  await server.close();
});

test("serveControl drops the answer of a connection that has ended", async () => {
  const { control, held, server } = await bridge();
  const connection = await rawConnection(control);
  connection.stream.send(stopFrame(1n));
  await settled();
  connection.stream.reset();
  await settled();
  held[0]?.answer(1);
  await settled();
  equal(connection.frames.length, 0);
  await server.close();
});

test("serveControl closes: no connection is left, and no socket", async () => {
  const { ports, control, clock, server } = await bridge();
  const connection = await rawConnection(control);
  await server.close();
  await settled();
  equal(connection.over, true);
  equal(await connectControl(ports, PATH), undefined);
  equal(clock.nextNs(), undefined);
});

test("serveControl carries each protocol to who serves it, over one connection", async () => {
  const control = memoryControl(memoryFiles());
  const clock = manualClock();
  const heard: string[] = [];
  const answering = (name: string, frameOf: (nonce: bigint | undefined) => Uint8Array) => ({
    exchange({ nonce }: Exchange) {
      heard.push(name);
      return Promise.resolve({ status: "ok", frame: frameOf(nonce), moved: undefined } as const);
    },
  });
  const stopped = (nonce: bigint | undefined) =>
    encodeReply(controld, { opName: "stop", nonce, status: "ok", values: { closed: 3 } });
  const refused = (nonce: bigint | undefined) =>
    encodeReply(keys, { opName: "revoke", nonce, status: "ENOENT", values: {} });
  const routes = [
    { service: controld, channel: answering("controld", stopped) },
    { service: keys, channel: answering("keys", refused) },
  ];
  const ports = { control, clock, turns: clock, routes };
  const server = await serveControl(ports, PATH);
  const connection = await connectControl(ports, PATH);
  ok(connection !== undefined);
  const revoked = createClient(keys, connection).revoke({ app: "a", key: "b" });
  const closed = createClient(controld, connection).stop({});
  deepEqual(await revoked, { status: "ENOENT" });
  deepEqual(await closed, { status: "ok", closed: 3 });
  deepEqual(heard, ["keys", "controld"]);
  connection.close();
  await server.close();
});
