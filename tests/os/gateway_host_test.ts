import { hostClock } from "@hw/host/clock.ts";
import { hostSockets } from "@hw/host/sockets.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { createGateway, type Gateway, GATEWAY_ADDRESS } from "@net/gateway/gateway.ts";
import type { Stack, TcpListener, TcpSocket } from "@net/stack/stack.ts";
import type { HostAddress, HostListener, HostSockets } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import {
  GuestCable,
  guestStack,
  readText,
  recordStream,
  type StreamRecord,
  textBytes,
} from "../fakes/gateway_guest.ts";
import { test } from "../fakes/test.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };
/** 2.4.2 knows no RST: the host's peer sees an orderly end. */
const RESETS = !Deno.version.deno.startsWith("2.4.");
const DEADLINE_MS = 20_000;
const GUEST_PORT = 7000;

/** A guest behind a gateway on the real loopback, and a way to wait for what happens there. */
interface RealWorld {
  readonly sockets: HostSockets;
  readonly gateway: Gateway;
  readonly guest: Stack;
  /** Drives everything until the condition holds. */
  until(what: string, condition: () => boolean): Promise<void>;
}

/** Runs a test in a world of its own, and takes it down. */
function inWorld(work: (world: RealWorld) => Promise<void>): () => Promise<void> {
  return async () => {
    const clock = hostClock();
    const turns = hostTurns(clock);
    const sockets = hostSockets();
    const random32 = () => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const gateway = createGateway({ sockets, clock, turns, random32, mtu: 65_535 });
    const guest = guestStack(65_535);
    const nowMs = () => clock.nowNs() / 1e6;
    const cable = new GuestCable(gateway, guest, nowMs);
    const until = async (what: string, condition: () => boolean) => {
      const deadlineMs = nowMs() + DEADLINE_MS;
      while (!condition()) {
        ok(nowMs() < deadlineMs, `${what}: did not happen`);
        guest.poll(nowMs());
        if (!cable.exchange()) await new Promise<void>((resolve) => turns.later(resolve));
      }
    };
    try {
      await work({ sockets, gateway, guest, until });
    } finally {
      await gateway.close();
    }
  };
}

/** A server on the host's loopback. */
async function serve(
  world: RealWorld,
): Promise<{ at: HostAddress; ends: StreamRecord[]; listener: HostListener }> {
  const ends: StreamRecord[] = [];
  const listener = await world.sockets.listenTcp(LOOPBACK, (tcp) => ends.push(recordStream(tcp)));
  return { at: listener.local, ends, listener };
}

function dial(world: RealWorld, port: number): TcpSocket {
  const socket = world.guest.connectTcp({ remote: { address: GATEWAY_ADDRESS, port } });
  ok(typeof socket !== "string");
  return socket;
}

/** The guest connected to a server of the host, both ends. */
async function outward(
  world: RealWorld,
): Promise<{ socket: TcpSocket; server: StreamRecord; listener: HostListener }> {
  const { at, ends, listener } = await serve(world);
  const socket = dial(world, at.port);
  await world.until("connected", () => socket.state === "ESTABLISHED" && ends.length === 1);
  const [server] = ends;
  ok(server !== undefined);
  return { socket, server, listener };
}

function listen(world: RealWorld): TcpListener {
  const listener = world.guest.listenTcp({ port: GUEST_PORT, backlog: 600 });
  ok(typeof listener !== "string");
  return listener;
}

const closed = (record: StreamRecord) => record.events.at(-1) === "closed";

test(
  "createGateway over real sockets refuses what the host refuses",
  inWorld(async (world) => {
    const { at, listener } = await serve(world);
    await listener.close();
    const socket = dial(world, at.port);
    await world.until("refused", () => socket.failure === "refused");
  }),
);

test(
  "createGateway over real sockets half-closes from either side",
  inWorld(async (world) => {
    for (const guestFirst of [true, false]) {
      const { socket, server, listener } = await outward(world);
      const ends = [() => socket.end(), () => server.stream.end()];
      const seen = [() => server.events.includes("ended"), () => socket.readEnded];
      const first = guestFirst ? 0 : 1;
      ends[first]?.();
      await world.until("the first FIN", () => seen[first]?.() ?? false);
      (guestFirst ? server.stream : socket).write(textBytes("after the FIN"));
      ends[1 - first]?.();
      let got = "";
      await world.until("the rest", () => {
        got += guestFirst ? readText(socket) : "";
        return closed(server) && (guestFirst ? got : server.text()) === "after the FIN";
      });
      equal(server.error(), undefined);
      await listener.close();
    }
  }),
);

test(
  "createGateway over real sockets passes resets both ways",
  inWorld(async (world) => {
    const first = await outward(world);
    first.socket.abort();
    await world.until("the host's end", () => closed(first.server) || !RESETS);
    if (RESETS) equal(first.server.error(), "reset");
    else first.server.stream.end();
    const second = await outward(world);
    second.server.stream.reset();
    await world.until("the guest's end", () => second.socket.failure === "reset" || !RESETS);
    second.socket.abort();
    await world.until("both over", () => closed(first.server) && closed(second.server));
    await Promise.all([first.listener.close(), second.listener.close()]);
  }),
);

test(
  "createGateway over real sockets moves megabytes both ways at once",
  inWorld(async (world) => {
    const { socket, server, listener } = await outward(world);
    const total = 8 << 20;
    const chunk = new Uint8Array(100_000);
    let [up, down, read] = [0, 0, 0];
    const into = new Uint8Array(1 << 20);
    await world.until("all bytes", () => {
      up += socket.write(chunk.subarray(0, Math.min(chunk.length, total - up)));
      down += server.stream.write(chunk.subarray(0, Math.min(chunk.length, total - down)));
      read += socket.read(into);
      return server.length() === total && read === total;
    });
    socket.end();
    server.stream.end();
    await world.until("both over", () => closed(server));
    await listener.close();
  }),
);

test(
  "createGateway over real sockets stops a guest whose host does not read",
  inWorld(async (world) => {
    const { socket, server, listener } = await outward(world);
    server.take(0);
    const chunk = new Uint8Array(1 << 20);
    let sent = 0;
    let idle = 0;
    await world.until("no more room", () => {
      const taken = socket.write(chunk);
      sent += taken;
      idle = taken > 0 ? 0 : idle + 1;
      return idle > 2000;
    });
    ok(sent < 64 << 20, `${sent} bytes were taken`);
    server.take(Infinity);
    await world.until("all bytes", () => server.length() === sent);
    socket.end();
    server.stream.end();
    await world.until("both over", () => closed(server));
    await listener.close();
  }),
);

test(
  "createGateway over real sockets forwards 500 connections at once",
  inWorld(async (world) => {
    const listener = listen(world);
    const at = await world.gateway.forward({ host: LOOPBACK, guestPort: GUEST_PORT });
    const clients = Array.from({ length: 500 }, () => {
      const client = recordStream(world.sockets.connectTcp(at));
      client.stream.write(textBytes("x"));
      return client;
    });
    const sockets: TcpSocket[] = [];
    await world.until("500 accepted", () => {
      for (let one = listener.accept(); one !== undefined; one = listener.accept()) {
        sockets.push(one);
      }
      return sockets.length === 500 && sockets.every((socket) => socket.readable === 1);
    });
    ok(sockets.every(({ remote }) => remote.address === GATEWAY_ADDRESS));
    equal(new Set(sockets.map(({ remote }) => remote.port)).size, 500);
    for (const { stream } of clients) stream.end();
    for (const socket of sockets) socket.end();
    await world.until(
      "500 over",
      () => clients.every(closed) && world.gateway.counters().limited === 0,
    );
    deepEqual(clients.map((client) => client.error()), clients.map(() => undefined));
  }),
);

test(
  "createGateway over real sockets passes datagrams",
  inWorld(async (world) => {
    const asked: { text: string; from: HostAddress }[] = [];
    const server = await world.sockets.bindUdp(LOOPBACK, (bytes, from) => {
      asked.push({ text: new TextDecoder().decode(bytes), from });
      server.send(textBytes("answer"), from);
    });
    const socket = world.guest.bindUdp({ port: 9000 });
    ok(typeof socket !== "string");
    const remote = { address: GATEWAY_ADDRESS, port: server.local.port };
    socket.send(remote, textBytes("ask"));
    await world.until("an answer", () => socket.waiting > 0);
    const answer = socket.receive();
    ok(answer !== undefined);
    deepEqual([asked[0]?.text, answer.remote], ["ask", remote]);
    await server.close();
  }),
);

test(
  "createGateway close() lets go of every connection of the host",
  inWorld(async (world) => {
    const { server, listener } = await outward(world);
    listen(world);
    const at = await world.gateway.forward({ host: LOOPBACK, guestPort: GUEST_PORT });
    const client = recordStream(world.sockets.connectTcp(at));
    await world.until("joined", () => world.gateway.counters().inwardOpened === 1);
    await world.gateway.close();
    if (!RESETS) { for (const { stream } of [server, client]) stream.end(); }
    await world.until("both over", () => closed(server) && closed(client));
    const refused = recordStream(world.sockets.connectTcp(at));
    await world.until("refused", () => refused.error() === "refused");
    await listener.close();
  }),
);
