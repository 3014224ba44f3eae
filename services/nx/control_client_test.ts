import type { FrameStream } from "@runtime/core/program_ports.ts";
import { createClient } from "@runtime/idl/client.ts";
import { encodeReply, parseRequest } from "@runtime/idl/packed_frame.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { memoryControl } from "@tests/fakes/memory_control.ts";
import { memoryFiles } from "@tests/fakes/memory_files.ts";
import { test } from "@tests/fakes/test.ts";
import { controld } from "../controld/protocol.ts";
import { CONNECT_TIMEOUT_MS, connectControl, reachable } from "./control_client.ts";

const PATH = "/node/control.sock";

/** A node that answers `stop` as `answer` says. */
async function connected(answer: (stream: FrameStream, nonce: bigint) => void) {
  const control = memoryControl(memoryFiles());
  const clock = manualClock();
  const state = { over: false };
  await control.listen(PATH, (stream) => {
    stream.observe({
      opened() {},
      frame(bytes) {
        const request = parseRequest(controld, bytes);
        answer(stream, request.nonce ?? 0n);
      },
      closed: () => state.over = true,
    });
  });
  const connection = await connectControl({ control, clock, turns: clock }, PATH);
  ok(connection !== undefined);
  return { clock, connection, state, client: createClient(controld, connection) };
}

function stopped(nonce: bigint, closed: number): Uint8Array {
  return encodeReply(controld, { opName: "stop", nonce, status: "ok", values: { closed } });
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

test("connectControl carries calls and leaves no timer behind", async () => {
  let count = 0;
  const { client, clock, connection } = await connected((stream, nonce) =>
    stream.send(stopped(nonce, ++count))
  );
  deepEqual(await client.stop({}), { status: "ok", closed: 1 });
  deepEqual(await client.stop({}), { status: "ok", closed: 2 });
  connection.close();
  equal(clock.nextNs(), undefined);
  deepEqual(await client.stop({}), { status: "gone" });
});

test("connectControl gives up on a call at its deadline, and with it on the connection", async () => {
  const { client, clock, state } = await connected(() => {});
  const late = client.stop({}, { timeoutMs: 500 });
  const behind = client.stop({}, { timeoutMs: 9_000 });
  clock.advanceMs(500);
  deepEqual(await late, { status: "no_reply" });
  deepEqual(await behind, { status: "gone" });
  await settled();
  equal(state.over, true);
  equal(clock.nextNs(), undefined);
});

test("connectControl takes no answer to another request, and none unasked", async () => {
  const wrong = await connected((stream, nonce) => stream.send(stopped(nonce + 1n, 1)));
  deepEqual(await wrong.client.stop({}), { status: "gone" });
  await settled();
  equal(wrong.state.over, true);
  const twice = await connected((stream, nonce) => {
    stream.send(stopped(nonce, 1));
    stream.send(stopped(nonce, 2));
  });
  deepEqual(await twice.client.stop({}), { status: "ok", closed: 1 });
  await settled();
  equal(twice.state.over, true);
});

test("connectControl ends with the node", async () => {
  const { client, clock } = await connected((stream) => stream.end());
  deepEqual(await client.stop({}), { status: "gone" });
  equal(clock.nextNs(), undefined);
});

test("connectControl tells that nobody accepts, and does not wait for ever", async () => {
  const files = memoryFiles();
  const control = memoryControl(files);
  const clock = manualClock();
  equal(await reachable({ control, clock, turns: clock }, PATH), false);
  equal(clock.nextNs(), undefined);
  const dumb: FrameStream = { observe() {}, send: () => true, end() {}, reset() {} };
  const silent = { ...control, connect: () => dumb };
  const waiting = reachable({ control: silent, clock, turns: clock }, PATH);
  clock.advanceMs(CONNECT_TIMEOUT_MS);
  equal(await waiting, false);
});
