import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { endpointBetween, manualKernel, vmoOf } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import type { FrameHandler, ReplyFrame } from "../idl/server.ts";
import { Load } from "./load.ts";
import { REPLY_TIMEOUT_MS, serveEndpoint } from "./serve.ts";

const FRAME = Uint8Array.of(1);
const MS = 1e6;

/** Answers with the request's own bytes. */
const ECHO: FrameHandler = (frame) => Promise.resolve({ frame, move: undefined });

function served(
  handler: FrameHandler,
  { concurrency = 1, depth = 64, replyDepth = 64, replyTo }: {
    concurrency?: number;
    depth?: number;
    replyDepth?: number;
    replyTo?: ReadonlyMap<number, number>;
  } = {},
) {
  const manual = manualKernel();
  const { kernel } = manual;
  const [server, client] = [kernel.spawn("server"), kernel.spawn("client")];
  const there = endpointBetween(kernel, { owner: server, client, depth, badge: 5 });
  const back = endpointBetween(kernel, { owner: client, client: server, depth: replyDepth });
  const faults: unknown[] = [];
  serveEndpoint({
    syscalls: server,
    receive: there.receive,
    handler,
    replyTo: replyTo ?? new Map([[5, back.send]]),
    concurrency,
    load: new Load(),
    fault: (error) => void faults.push(error),
  });
  const ask = (number: number) => client.trySend(there.send, Uint8Array.of(number));
  const replies = async () => {
    const got: (number | undefined)[] = [];
    for (;;) {
      const next = manual.outcome(client.receive(back.receive, manual.clock.nowNs()));
      manual.clock.advanceNs(0);
      const message = await next();
      if (message?.status !== "ok") return got;
      got.push(message.frame[0]);
    }
  };
  return { ...manual, server, client, there, back, faults, ask, replies };
}

/** A handler whose requests end when the test says so. */
function held() {
  const running = new Map<number, (reply: ReplyFrame) => void>();
  const started: number[] = [];
  const handler: FrameHandler = (frame) => {
    const number = frame[0] ?? 0;
    started.push(number);
    return new Promise((resolve) => running.set(number, resolve));
  };
  const end = (number: number) =>
    running.get(number)?.({ frame: Uint8Array.of(number), move: undefined });
  return { handler, started, end };
}

test("serveEndpoint runs one request at a time unless told", async () => {
  const { handler, started, end } = held();
  const { ask, quiet, replies } = served(handler);
  for (const number of [1, 2, 3]) ask(number);
  await quiet();
  deepEqual(started, [1]);
  end(1);
  await quiet();
  deepEqual(started, [1, 2]);
  deepEqual(await replies(), [1]);
});

test("serveEndpoint runs as many requests as it may and takes the next when one ends", async () => {
  const { handler, started, end } = held();
  const { ask, quiet, replies } = served(handler, { concurrency: 2 });
  for (const number of [1, 2, 3, 4]) ask(number);
  await quiet();
  deepEqual(started, [1, 2]);
  end(2);
  await quiet();
  deepEqual(started, [1, 2, 3]);
  end(1);
  end(3);
  await quiet();
  deepEqual(started, [1, 2, 3, 4]);
  deepEqual(await replies(), [2, 1, 3]);
});

test("serveEndpoint loses no reply of a burst that finds its client's queue full", async () => {
  const { handler, end } = held();
  const { ask, quiet, replies } = served(handler, { concurrency: 40, replyDepth: 2 });
  const numbers = Array.from({ length: 20 }, (_, index) => index);
  for (const number of numbers) ask(number);
  await quiet();
  for (const number of numbers) end(number);
  await quiet();
  deepEqual(await replies(), numbers);
});

test("serveEndpoint serves on while a client takes no replies, and drops them in the end", async () => {
  const { ask, quiet, clock, replies, faults } = served(ECHO, { replyDepth: 1 });
  for (const number of [1, 2, 3]) ask(number);
  await quiet();
  clock.advanceNs(REPLY_TIMEOUT_MS * MS);
  await quiet();
  ask(4);
  await quiet();
  deepEqual(await replies(), [1, 4]);
  deepEqual(faults, []);
});

test("serveEndpoint faults with what a handler throws", async () => {
  const { ask, quiet, faults } = served(() => Promise.reject(new TypeError("bug")));
  ask(1);
  await quiet();
  equal(faults[0] instanceof TypeError, true);
});

test("serveEndpoint answers to the right that came along, and closes it", async () => {
  const { client, server, there, quiet, replies, kernel } = served(ECHO);
  const own = endpointBetween(kernel, { owner: client, client });
  const before = server.table.used;
  equal(await client.send(there.send, FRAME, { move: own.ownSend }), "ok");
  await quiet();
  equal((await client.receive(own.receive)).status, "ok");
  deepEqual(await replies(), []);
  equal(server.table.used, before);
});

test("serveEndpoint does not answer a right whose badge it does not know", async () => {
  const { server, there, quiet, replies, faults, kernel } = served(ECHO);
  const stranger = kernel.spawn("stranger");
  const right = kernel.mintSend(server, there.receive, stranger, 6) ?? -1;
  equal(stranger.trySend(right, FRAME), "ok");
  await quiet();
  deepEqual([await replies(), faults], [[], []]);
});

test("serveEndpoint closes a payload that no handler took, and leaves one that it did", async () => {
  const taken: (number | undefined)[] = [];
  const { client, server, there, quiet } = served((frame, call) => {
    if (frame[0] === 2) taken.push(call.moved);
    return Promise.resolve({ frame, move: undefined });
  });
  const before = server.table.used;
  await client.send(there.send, Uint8Array.of(1), { move: vmoOf(client, 4) });
  await quiet();
  equal(server.table.used, before);
  await client.send(there.send, Uint8Array.of(2), { move: vmoOf(client, 4) });
  await quiet();
  equal(server.table.used, before + 1);
  equal(server.vmoMap(taken[0] ?? -1)?.length, 4);
});

test("serveEndpoint sends a reply's payload, and closes it when nobody takes it", async () => {
  const { client, server, there, back, quiet, clock } = served(
    (frame) => Promise.resolve({ frame, move: vmoOf(server, 4) }),
    { replyDepth: 1 },
  );
  const before = server.table.used;
  client.trySend(there.send, FRAME);
  client.trySend(there.send, FRAME);
  await quiet();
  equal(server.table.used, before + 1);
  clock.advanceNs(REPLY_TIMEOUT_MS * MS);
  await quiet();
  equal(server.table.used, before);
  const message = await client.receive(back.receive);
  equal(message.status === "ok" && client.vmoMap(message.moved ?? -1)?.length, 4);
});

test("serveEndpoint faults a daemon that lets its table fill up", async () => {
  const { client, server, there, quiet, faults } = served(ECHO);
  while (!server.table.full) vmoOf(server, 1);
  await client.send(there.send, FRAME, { move: vmoOf(client, 1) });
  await quiet();
  equal(faults.length, 1);
});

test("serveEndpoint ends with its endpoint", async () => {
  const { server, there, quiet, faults, ask } = served(ECHO);
  server.capClose(there.receive);
  await quiet();
  equal(ask(1), "no_such_endpoint");
  deepEqual(faults, []);
});

test("serveEndpoint runs no request of a caller that has ended meanwhile, and drops its payload", async () => {
  const started: number[] = [];
  const replyTo = new Map<number, number>();
  const { client, server, there, quiet } = served((frame) => {
    started.push(frame[0] ?? 0);
    return undefined;
  }, { replyTo });
  await quiet();
  const before = server.table.used;
  await client.send(there.send, FRAME, { move: vmoOf(client, 8) });
  await quiet();
  deepEqual([started, server.table.used], [[], before]);
});
