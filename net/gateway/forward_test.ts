import { formatIpv4, type TcpListener, type TcpSocket } from "../stack/stack.ts";
import { HostSocketFailure } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import {
  type GatewayGuest,
  gatewayGuest,
  readText,
  recordStream,
  type StreamRecord,
  textBytes,
} from "@tests/fakes/gateway_guest.ts";
import { test } from "@tests/fakes/test.ts";

const AT = { host: "0.0.0.0", port: 7401 };
const GUEST_PORT = 37_020;

/** A forward to a guest that listens. */
async function forwarded(
  world = gatewayGuest(),
  backlog = 1000,
): Promise<{ world: GatewayGuest; listener: TcpListener }> {
  await world.gateway.forward({ host: AT, guestPort: GUEST_PORT });
  const listener = world.guest.listenTcp({ port: GUEST_PORT, backlog });
  ok(typeof listener !== "string");
  return { world, listener };
}

/** Connects a client with this source to the forward. */
function connect(world: GatewayGuest, host: string, port: number): StreamRecord {
  return recordStream(world.sockets.connectFrom({ host, port }, AT));
}

function accepted(listener: TcpListener): TcpSocket {
  const socket = listener.accept();
  ok(socket !== undefined);
  return socket;
}

test("Gateway.forward shows the guest the peer's real IPv4 address and port", async () => {
  const { world, listener } = await forwarded();
  const seen = ["203.0.113.9", "127.0.0.1", "127.3.2.1", "::1", "10.0.2.15"].map((host, index) => {
    connect(world, host, 5000 + index);
    world.settle();
    const { address, port } = accepted(listener).remote;
    return `${formatIpv4(address)}:${port}`;
  });
  deepEqual(seen, [
    "203.0.113.9:5000",
    "10.0.2.2:5001",
    "10.0.2.2:5002",
    "10.0.2.2:5003",
    "198.18.0.1:5004",
  ]);
});

test("Gateway.forward shows IPv6 peers from 198.18.0.0/15, one address for each", async () => {
  const { world, listener } = await forwarded();
  const seen = ["2001:db8::1", "2001:db8::2", "2001:DB8:0::1"].map((host, index) => {
    connect(world, host, 5000 + index);
    world.settle();
    return formatIpv4(accepted(listener).remote.address);
  });
  deepEqual(seen, ["198.18.0.1", "198.18.0.2", "198.18.0.1"]);
});

test("Gateway.forward passes bytes and both FINs", async () => {
  const { world, listener } = await forwarded();
  const client = connect(world, "203.0.113.9", 5000);
  client.stream.write(textBytes("early"));
  world.settle();
  const socket = accepted(listener);
  equal(readText(socket), "early");
  client.stream.write(textBytes("ask"));
  client.stream.end();
  world.settle();
  equal(readText(socket), "ask");
  ok(socket.readEnded);
  socket.write(textBytes("answer"));
  socket.end();
  world.settle();
  deepEqual([client.text(), client.events.at(-1), client.error()], ["answer", "closed", undefined]);
});

test("Gateway.forward resets a client whose guest does not listen", async () => {
  const world = gatewayGuest();
  await world.gateway.forward({ host: AT, guestPort: 9 });
  const client = connect(world, "203.0.113.9", 5000);
  world.settle();
  equal(client.error(), "reset");
  equal(world.gateway.counters().inwardRefused, 1);
  deepEqual(world.turnedAway, ["not_taken"]);
  equal(world.gateway.count(), 1);
});

test("Gateway.forward passes on a client that resets before the guest has answered", async () => {
  const { world, listener } = await forwarded(gatewayGuest({ forwardHandshakes: 1 }));
  const clients = [1, 2, 3].map((port) => connect(world, "203.0.113.9", port));
  world.clock.runLater();
  for (const client of clients) client.stream.reset();
  world.settle();
  equal(world.gateway.count(), 1);
  for (let socket = listener.accept(); socket !== undefined; socket = listener.accept()) {
    ok(socket.failure !== undefined);
  }
});

test("Gateway.forward lets 500 connections at once through, a few handshakes at a time", async () => {
  const { world, listener } = await forwarded(gatewayGuest({ forwardHandshakes: 8 }));
  const clients = Array.from(
    { length: 500 },
    (_, index) => connect(world, "203.0.113.9", index + 1),
  );
  world.pass(1000);
  equal(listener.waiting, 500);
  equal(world.gateway.counters().inwardOpened, 500);
  equal(world.guest.counters().tcpSynsDropped, 0);
  for (const client of clients) client.stream.end();
  for (let socket = listener.accept(); socket !== undefined; socket = listener.accept()) {
    socket.end();
  }
  world.pass(30_000);
  ok(clients.every((client) => client.events.at(-1) === "closed"));
  equal(world.gateway.count(), 1);
  equal(world.guest.sockets(), 1);
});

test("Gateway.forward resets what comes beyond its limits", async () => {
  const { world, listener } = await forwarded(
    gatewayGuest({ forwardHandshakes: 1, forwardsWaiting: 1 }),
  );
  const clients = [1, 2, 3, 4].map((port) => connect(world, "203.0.113.9", port));
  world.settle();
  deepEqual(clients.map((client) => client.error()), [undefined, undefined, "reset", "reset"]);
  equal(listener.waiting, 2);
  equal(world.gateway.counters().limited, 2);
  deepEqual(world.turnedAway, ["limit", "limit"]);
});

test("Gateway.forward refuses a port in use and one forward too many", async () => {
  const { world } = await forwarded(gatewayGuest({ forwards: 2 }));
  await rejects(world.gateway.forward({ host: AT, guestPort: 1 }), HostSocketFailure);
  const local = await world.gateway.forward({ host: { host: "127.0.0.1", port: 0 }, guestPort: 1 });
  ok(local.port > 0);
  await rejects(
    world.gateway.forward({ host: { host: "127.0.0.1", port: 0 }, guestPort: 2 }),
    (error) => error instanceof HostSocketFailure && error.code === "too_many",
  );
});

test("Gateway.forward leads a guest that dials its own host back to itself", async () => {
  const world = gatewayGuest();
  await world.gateway.forward({ host: { host: "127.0.0.1", port: 7401 }, guestPort: GUEST_PORT });
  const listener = world.guest.listenTcp({ port: GUEST_PORT, backlog: 4 });
  const address = world.gateway.guestAddressOf("127.0.0.1");
  ok(typeof listener !== "string" && address !== undefined);
  const socket = world.guest.connectTcp({ remote: { address, port: 7401 } });
  ok(typeof socket !== "string");
  world.settle();
  socket.write(textBytes("to myself"));
  world.settle();
  equal(readText(accepted(listener)), "to myself");
});

test("Gateway.forward passes the FIN of a client that sent it while it waited", async () => {
  const { world, listener } = await forwarded(gatewayGuest({ forwardHandshakes: 1 }));
  const clients = [1, 2].map((port) => connect(world, "203.0.113.9", port));
  for (const client of clients) client.stream.end();
  world.settle();
  ok(accepted(listener).readEnded);
  ok(accepted(listener).readEnded);
});

test("Gateway.forward frees a mapped address with its last connection", async () => {
  const { world, listener } = await forwarded(gatewayGuest({ mappedAddresses: 1 }));
  const first = connect(world, "2001:db8::1", 1);
  world.settle();
  const refused = connect(world, "2001:db8::2", 2);
  world.settle();
  equal(refused.error(), "reset");
  first.stream.reset();
  world.settle();
  connect(world, "2001:db8::2", 3);
  world.settle();
  equal(accepted(listener).remote.port, 3);
});

test("Gateway.forward repeats a segment that the guest did not get", async () => {
  const { world, listener } = await forwarded();
  const client = connect(world, "203.0.113.9", 1);
  world.settle();
  // Until no timer of the handshake is left that could help.
  world.pass(5000);
  client.stream.write(textBytes("lost"));
  world.clock.runLater();
  const lost = new Uint8Array(1600);
  while (world.gateway.receive(lost) > 0);
  world.pass(5000);
  equal(readText(accepted(listener)), "lost");
});
