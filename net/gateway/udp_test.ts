import { parseIpv4, type UdpSocket } from "../stack/stack.ts";
import type { HostAddress, HostUdp } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type GatewayGuest, gatewayGuest, textBytes } from "@tests/fakes/gateway_guest.ts";
import { test } from "@tests/fakes/test.ts";

const LOOPBACK = 0x0a000202;

interface UdpServer {
  readonly socket: HostUdp;
  readonly received: { text: string; from: HostAddress }[];
}

async function serve(world: GatewayGuest, port: number): Promise<UdpServer> {
  const received: { text: string; from: HostAddress }[] = [];
  const socket = await world.sockets.bindUdp({ host: "127.0.0.1", port }, (bytes, from) => {
    received.push({ text: new TextDecoder().decode(bytes), from });
  });
  return { socket, received };
}

function guestSocket(world: GatewayGuest, port: number): UdpSocket {
  const socket = world.guest.bindUdp({ port });
  ok(typeof socket !== "string");
  return socket;
}

/** Settles, lets host sockets open, and settles again. */
async function settled(world: GatewayGuest): Promise<void> {
  world.settle();
  await Promise.resolve();
  await Promise.resolve();
  world.settle();
}

const received = (socket: UdpSocket) => {
  const datagram = socket.receive();
  return datagram === undefined ? undefined : new TextDecoder().decode(datagram.payload);
};

test("createGateway passes datagrams and their answers", async () => {
  const world = gatewayGuest();
  const server = await serve(world, 5353);
  const socket = guestSocket(world, 9000);
  for (const text of ["one", "two"]) {
    socket.send({ address: LOOPBACK, port: 5353 }, textBytes(text));
    await settled(world);
  }
  deepEqual(server.received.map(({ text }) => text), ["one", "two"]);
  const [first, second] = server.received;
  ok(first !== undefined && second !== undefined);
  deepEqual(first.from, second.from);
  server.socket.send(textBytes("answer"), first.from);
  world.settle();
  const answer = socket.receive();
  ok(answer !== undefined);
  deepEqual(answer.remote, { address: LOOPBACK, port: 5353 });
  equal(new TextDecoder().decode(answer.payload), "answer");
});

test("createGateway keeps one host port for all that one port of the guest sends to", async () => {
  const world = gatewayGuest();
  const servers = [await serve(world, 5353), await serve(world, 5354)];
  const socket = guestSocket(world, 9000);
  for (const port of [5353, 5354]) socket.send({ address: LOOPBACK, port }, textBytes("x"));
  await settled(world);
  const ports = servers.map((server) => server.received[0]?.from.port);
  deepEqual([ports[0] === ports[1], world.gateway.count()], [true, 1]);
});

test("createGateway lets no stranger answer", async () => {
  const world = gatewayGuest();
  const server = await serve(world, 5353);
  const stranger = await world.sockets.bindUdp({ host: "::1", port: 6000 }, () => {});
  const socket = guestSocket(world, 9000);
  socket.send({ address: LOOPBACK, port: 5353 }, textBytes("x"));
  await settled(world);
  const [first] = server.received;
  ok(first !== undefined);
  stranger.send(textBytes("stranger"), first.from);
  world.settle();
  deepEqual([received(socket), world.gateway.counters().udpDropped], [undefined, 1]);
});

test("createGateway ends a mapping that is idle, and not one in use", async () => {
  const world = gatewayGuest({ udpIdleMs: 1000 });
  const server = await serve(world, 5353);
  const socket = guestSocket(world, 9000);
  const send = () => socket.send({ address: LOOPBACK, port: 5353 }, textBytes("x"));
  for (let round = 0; round < 4; round++) {
    send();
    await settled(world);
    world.pass(600);
  }
  equal(new Set(server.received.map(({ from }) => from.port)).size, 1);
  world.pass(1000);
  await settled(world);
  deepEqual([world.gateway.count(), world.gateway.counters().udpExpired], [0, 1]);
  equal(world.sockets.count(), 1);
});

test("createGateway replaces the mapping that was idle longest", async () => {
  const world = gatewayGuest({ udpMappings: 2 });
  await serve(world, 5353);
  for (const port of [9000, 9001, 9002]) {
    guestSocket(world, port).send({ address: LOOPBACK, port: 5353 }, textBytes("x"));
    await settled(world);
  }
  deepEqual([world.gateway.count(), world.gateway.counters().udpEvicted], [2, 1]);
  equal(world.sockets.count(), 3);
});

test("createGateway forgets the oldest peer of a port that sends to too many", async () => {
  const world = gatewayGuest({ udpPeers: 1 });
  const server = await serve(world, 5353);
  const socket = guestSocket(world, 9000);
  const elsewhere = parseIpv4("192.0.2.1");
  ok(elsewhere !== undefined);
  socket.send({ address: LOOPBACK, port: 5353 }, textBytes("x"));
  socket.send({ address: elsewhere, port: 5353 }, textBytes("x"));
  await settled(world);
  const [first] = server.received;
  ok(first !== undefined);
  server.socket.send(textBytes("late"), first.from);
  world.settle();
  equal(received(socket), undefined);
});

test("createGateway drops datagrams that lead nowhere or find no host socket", async () => {
  const world = gatewayGuest({ udpWaiting: 1 });
  const socket = guestSocket(world, 9000);
  for (const target of ["10.0.2.9", "198.18.0.1", "10.0.2.255"]) {
    const address = parseIpv4(target);
    ok(address !== undefined);
    socket.send({ address, port: 53 }, textBytes("x"));
  }
  world.pass(5000);
  const before = world.gateway.counters();
  equal(before.udpToHost, 0);
  world.sockets.fail("0.0.0.0", "too_many");
  for (let count = 0; count < 3; count++) {
    socket.send({ address: LOOPBACK, port: 5353 }, textBytes("x"));
  }
  await settled(world);
  equal(world.gateway.counters().udpDropped - before.udpDropped, 3);
  equal(world.gateway.count(), 0);
});

test("createGateway close() closes host sockets that are still opening", async () => {
  const world = gatewayGuest();
  guestSocket(world, 9000).send({ address: LOOPBACK, port: 5353 }, textBytes("x"));
  world.settle();
  await world.gateway.close();
  deepEqual([world.gateway.count(), world.sockets.count()], [0, 0]);
  equal(world.clock.nextNs(), undefined);
});

test("createGateway keeps few datagrams while a host socket opens", async () => {
  const world = gatewayGuest({ udpWaiting: 2 });
  const server = await serve(world, 5353);
  const socket = guestSocket(world, 9000);
  for (const text of ["one", "two", "three"]) {
    socket.send({ address: LOOPBACK, port: 5353 }, textBytes(text));
  }
  await settled(world);
  deepEqual(server.received.map(({ text }) => text), ["one", "two"]);
  equal(world.gateway.counters().udpDropped, 1);
});
