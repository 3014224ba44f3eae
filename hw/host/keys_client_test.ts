import { createServer, type Socket } from "node:net";
import type { FrameStream } from "@runtime/core/program_ports.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { keysEngine } from "@tests/fakes/keys_engine.ts";
import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { controlSockets } from "./frame_stream.ts";
import { connectKeys, KeysUnavailable, NodeUnreachable } from "./keys_client.ts";
import { unixSockets } from "./sockets.ts";

const LETTERS = { app: "mail", key: "letters" };

/** Answers each frame as `answer` says, on a socket of a folder of its own. */
async function listening(
  answer: (stream: FrameStream, frame: Uint8Array) => void,
  work: (socket: string, streams: readonly FrameStream[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "nx-keys-" });
  const socket = `${folder}/control.sock`;
  const streams: FrameStream[] = [];
  const listener = await controlSockets(unixSockets(), FRAME_LENGTH_MAX).listen(
    socket,
    (stream) => {
      streams.push(stream);
      stream.observe({
        opened() {},
        frame: (bytes) => answer(stream, bytes.slice()),
        closed() {},
      });
    },
  );
  try {
    await work(socket, streams);
  } finally {
    await listener.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** A node whose keys are those of an engine in memory. */
async function beside(
  work: (socket: string, streams: readonly FrameStream[]) => Promise<void>,
): Promise<void> {
  const { channel } = await keysEngine();
  const exchange = { nonce: undefined, move: undefined, timeoutMs: undefined };
  await listening((stream, frame) => {
    channel.exchange({ ...exchange, frame }).then((reply) => {
      if (reply.status === "ok") stream.send(reply.frame);
    });
  }, work);
}

function unavailable(reason: string): (error: unknown) => boolean {
  return (error) => error instanceof KeysUnavailable && error.reason === reason;
}

test("connectKeys carries calls, many at a time, until it is closed", async () => {
  await beside(async (socket, streams) => {
    const { keys, close } = await connectKeys({ socket });
    await keys.create({ app: "mail", purpose: "letters", algorithm: "ed25519" });
    const message = Uint8Array.of(1, 2, 3);
    const signed = await Promise.all(Array.from({ length: 50 }, () => keys.sign(LETTERS, message)));
    equal(new Set(signed.map(({ signature }) => signature.join())).size, 1);
    close();
    await rejects(() => keys.get(LETTERS), unavailable("gone"));
    equal(streams.length, 1);
    close();
  });
});

test("connectKeys says of a call that its node is gone", async () => {
  const { promise, resolve } = Promise.withResolvers<() => Promise<void>>();
  await beside(async (socket, streams) => {
    const { keys, close } = await connectKeys({ socket });
    streams[0]?.reset();
    resolve(async () => {
      await rejects(() => keys.get(LETTERS), unavailable("gone"));
      await rejects(() => keys.get(LETTERS), unavailable("gone"));
      close();
    });
    await Promise.resolve();
  });
  await (await promise)();
});

test("connectKeys connects anew when the node has ended the connection in the meantime", async () => {
  await beside(async (socket, streams) => {
    const { keys, close } = await connectKeys({ socket });
    await keys.create({ app: "mail", purpose: "letters", algorithm: "ed25519" });
    streams[0]?.reset();
    // Until the end is noticed a call may still go the old way, and is gone.
    const again = async () => {
      for (let attempt = 0; attempt < 50; attempt++) {
        try {
          return await keys.get(LETTERS);
        } catch (error) {
          if (!(error instanceof KeysUnavailable)) throw error;
        }
      }
      throw new TypeError("never connected anew");
    };
    equal((await again()).state, "active");
    equal(streams.length, 2);
    close();
  });
});

test("connectKeys says that nobody accepts, and why", async () => {
  const failed = (code: string) => (error: unknown) =>
    error instanceof NodeUnreachable && error.code === code && error.message.includes("nx nodes");
  await rejects(() => connectKeys({ socket: "/nowhere/control.sock" }), failed("not_found"));
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/file`, "");
    await rejects(() => connectKeys({ socket: `${folder}/file` }), failed("refused"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("a reply of another protocol, or to another request, ends the connection", async () => {
  for (const garbled of ["not a reply", "NK\u0001\u00ff", ""]) {
    const answer = (stream: FrameStream) => void stream.send(new TextEncoder().encode(garbled));
    await listening(answer, async (socket) => {
      const { keys, close } = await connectKeys({ socket });
      await rejects(() => keys.get(LETTERS), unavailable("gone"), garbled);
      close();
    });
  }
});

test("a reply that does not come is told in time", async () => {
  await listening(() => {}, async (socket, streams) => {
    const { keys, close } = await connectKeys({ socket, callTimeoutMs: 20 });
    await rejects(() => keys.get(LETTERS), unavailable("no_reply"));
    deepEqual(streams.length, 1);
    close();
  });
});

test("close() does not wait for a node that never ends its side", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-keys-" });
  const socket = `${folder}/control.sock`;
  const stuck: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (one) => {
    stuck.push(one.on("error", () => {}).resume());
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const { close } = await connectKeys({ socket });
  const ended = new Promise((resolve) => stuck[0]?.once("end", resolve));
  close();
  await ended;
  // Half a second behind that the sanitizers would find a connection that is left.
  await new Promise((resolve) => setTimeout(resolve, 700));
  const left = new Promise<boolean>((resolve) => stuck[0]?.write("x", (e) => resolve(e === null)));
  equal(await left, false);
  stuck[0]?.destroy();
  await new Promise((resolve) => server.close(resolve));
  await Deno.remove(folder, { recursive: true });
});
