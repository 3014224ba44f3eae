import { hostSockets, tcpBackEnds, unixSockets } from "@hw/host/sockets.ts";
import {
  type HostSocketError,
  HostSocketFailure,
  type HostSockets,
  type HostStream,
  type HostTcp,
} from "@runtime/core/ports.ts";
import { deepEqual, equal, ok, rejects } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };
/** 2.4.2 knows no RST from `resetAndDestroy`: the peer sees an orderly end. */
const RESETS = !Deno.version.deno.startsWith("2.4.");

/** One stream with everything that it told, and promises for what a test waits for. */
class Recorder {
  readonly stream: HostStream;
  readonly received: number[] = [];
  readonly opened = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<void>();
  readonly closed = Promise.withResolvers<HostSocketError | undefined>();
  /** Most bytes to take in all; raise it and call `resume` to take more. */
  takeMax = Infinity;
  length = 0;
  writable = Promise.withResolvers<void>();
  #waiting: { length: number; resolve: () => void } | undefined;

  constructor(stream: HostStream) {
    this.stream = stream;
    stream.observe({
      opened: () => this.opened.resolve(),
      data: (bytes) => this.#take(bytes),
      ended: () => this.ended.resolve(),
      writable: () => this.writable.resolve(),
      closed: (error) => this.closed.resolve(error),
    });
  }

  /** Resolves when `length` bytes have come in all. */
  have(length: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { length, resolve };
    if (this.length >= length) resolve();
    return promise;
  }

  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.received));
  }

  #take(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, Math.max(0, this.takeMax - this.length));
    for (const byte of taken) this.received.push(byte);
    this.length += taken.length;
    if (this.#waiting !== undefined && this.length >= this.#waiting.length) {
      this.#waiting.resolve();
    }
    return taken.length;
  }
}

/** Both ends of one TCP connection over the host's loopback. */
async function tcpPair(
  sockets: HostSockets,
): Promise<{ client: Recorder; server: Recorder; close(): Promise<void> }> {
  const accepted = Promise.withResolvers<Recorder>();
  const listener = await sockets.listenTcp(LOOPBACK, (tcp) => accepted.resolve(new Recorder(tcp)));
  const client = new Recorder(sockets.connectTcp(listener.local));
  const server = await accepted.promise;
  await client.opened.promise;
  return { client, server, close: () => listener.close() };
}

/** A test of every way to the host's TCP that this runtime has. */
function tcpTest(what: string, run: (sockets: HostSockets) => Promise<void>): void {
  for (const tcp of tcpBackEnds()) test(`${what} (${tcp.name})`, () => run(hostSockets(tcp)));
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

tcpTest("hostSockets pass bytes and both ends' FIN", async (sockets) => {
  const { client, server, close } = await tcpPair(sockets);
  equal(client.stream.write(bytesOf("ask")), 3);
  client.stream.end();
  await server.ended.promise;
  equal(server.text, "ask");
  server.stream.write(bytesOf("answer after the FIN"));
  server.stream.end();
  deepEqual(await client.closed.promise, undefined);
  deepEqual(await server.closed.promise, undefined);
  equal(client.text, "answer after the FIN");
  await close();
});

tcpTest("hostSockets name both ends of a connection", async (sockets) => {
  const { client, server, close } = await tcpPair(sockets);
  const [near, far] = [client.stream as HostTcp, server.stream as HostTcp]; // as tcpPair made them
  deepEqual(near.local, far.remote);
  deepEqual(near.remote, far.local);
  equal(near.local.host, "127.0.0.1");
  client.stream.end();
  server.stream.end();
  await Promise.all([client.closed.promise, server.closed.promise, close()]);
});

tcpTest("hostSockets reset() is a reset to the peer and aborted here", async (sockets) => {
  const { client, server, close } = await tcpPair(sockets);
  server.stream.reset();
  equal(await server.closed.promise, "aborted");
  if (RESETS) equal(await client.closed.promise, "reset");
  else {
    await client.ended.promise;
    client.stream.end();
    await client.closed.promise;
  }
  await close();
});

tcpTest("hostSockets tell a refused connection", async (sockets) => {
  const listener = await sockets.listenTcp(LOOPBACK, () => {});
  const { local } = listener;
  await listener.close();
  equal(await new Recorder(sockets.connectTcp(local)).closed.promise, "refused");
});

tcpTest("hostSockets listenTcp fails with address_in_use", async (sockets) => {
  const listener = await sockets.listenTcp(LOOPBACK, () => {});
  await rejects(
    sockets.listenTcp(listener.local, () => {}),
    (error) => error instanceof HostSocketFailure && error.code === "address_in_use",
  );
  await listener.close();
});

tcpTest("hostSockets listenTcp fails with address_not_available", async (sockets) => {
  await rejects(
    sockets.listenTcp({ host: "192.0.2.1", port: 0 }, () => {}),
    (error) => error instanceof HostSocketFailure && error.code === "address_not_available",
  );
});

tcpTest("hostSockets stop reading until resume() and lose nothing", async (sockets) => {
  const { client, server, close } = await tcpPair(sockets);
  server.takeMax = 5;
  client.stream.write(bytesOf("0123456789"));
  await server.have(5);
  client.stream.write(bytesOf("abcdef"));
  client.stream.end();
  equal(server.text, "01234");
  server.takeMax = Infinity;
  server.stream.resume();
  await server.ended.promise;
  equal(server.text, "0123456789abcdef");
  server.stream.end();
  await Promise.all([client.closed.promise, server.closed.promise, close()]);
});

tcpTest(
  "hostSockets write() takes a bounded amount and says when there is room",
  async (sockets) => {
    const { client, server, close } = await tcpPair(sockets);
    const chunk = new Uint8Array(1 << 20);
    server.takeMax = 0;
    let sent = 0;
    for (let taken = chunk.length; taken === chunk.length; sent += taken) {
      taken = client.stream.write(chunk);
    }
    ok(sent < 2 * chunk.length, `${sent} bytes were taken`);
    server.takeMax = Infinity;
    server.received.length = 0;
    server.stream.resume();
    await client.writable.promise;
    client.stream.end();
    await server.ended.promise;
    equal(server.length, sent);
    server.stream.end();
    await Promise.all([client.closed.promise, server.closed.promise, close()]);
  },
);

tcpTest("hostSockets accept 500 connections at once", async (sockets) => {
  const servers: Recorder[] = [];
  const all = Promise.withResolvers<void>();
  const listener = await sockets.listenTcp(LOOPBACK, (tcp) => {
    if (servers.push(new Recorder(tcp)) === 500) all.resolve();
  });
  const clients = Array.from(
    { length: 500 },
    () => new Recorder(sockets.connectTcp(listener.local)),
  );
  // Where the backlog overflows, only what a client sends brings its connection back.
  for (const client of clients) client.stream.write(bytesOf("x"));
  await Promise.all([all.promise, ...clients.map((client) => client.opened.promise)]);
  for (const end of [...clients, ...servers]) end.stream.end();
  await Promise.all([...clients, ...servers].map((end) => end.closed.promise));
  await listener.close();
});

test("hostSockets bindUdp passes datagrams with their sender", async () => {
  const sockets = hostSockets();
  const asked = Promise.withResolvers<string>();
  const answered = Promise.withResolvers<string>();
  const server = await sockets.bindUdp(LOOPBACK, (bytes, from) => {
    asked.resolve(new TextDecoder().decode(bytes));
    server.send(bytesOf("answer"), from);
  });
  const client = await sockets.bindUdp(LOOPBACK, (bytes, from) => {
    answered.resolve(`${new TextDecoder().decode(bytes)} ${from.port === server.local.port}`);
  });
  client.send(bytesOf("ask"), server.local);
  equal(await asked.promise, "ask");
  equal(await answered.promise, "answer true");
  await Promise.all([client.close(), server.close()]);
});

test("hostSockets lookup() answers a text address with itself and nonsense with nothing", async () => {
  const sockets = hostSockets();
  deepEqual(await sockets.lookup("192.0.2.7"), ["192.0.2.7"]);
  deepEqual(await sockets.lookup("no.such.name.invalid"), []);
});

test("unixSockets pass bytes, remove their path, and refuse a path in use", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/control.sock`;
  const sockets = unixSockets();
  const accepted = Promise.withResolvers<Recorder>();
  const listener = await sockets.listen(path, (stream) => accepted.resolve(new Recorder(stream)));
  await rejects(sockets.listen(path, () => {}), HostSocketFailure);
  const client = new Recorder(sockets.connect(path));
  client.stream.write(bytesOf("ask"));
  client.stream.end();
  const server = await accepted.promise;
  await server.ended.promise;
  equal(server.text, "ask");
  server.stream.end();
  await Promise.all([client.closed.promise, server.closed.promise, listener.close()]);
  equal(await new Recorder(sockets.connect(path)).closed.promise, "not_found");
  await Deno.remove(folder, { recursive: true });
});
