import { parseIpv4, type TcpSocket } from "../stack/stack.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import {
  type GatewayGuest,
  gatewayGuest,
  readText,
  recordStream,
  type StreamRecord,
  textBytes,
} from "@tests/fakes/gateway_guest.ts";
import { FAKE_BUFFER_BYTES } from "@tests/fakes/host_sockets.ts";
import { test } from "@tests/fakes/test.ts";

const SERVER = { host: "192.0.2.10", port: 80 };
const ended = (socket: TcpSocket) => socket.state === "CLOSED" || socket.state === "TIME-WAIT";

function address(text: string): number {
  const parsed = parseIpv4(text);
  ok(parsed !== undefined);
  return parsed;
}

/** Starts a connection of the guest. */
function dial(world: GatewayGuest, host: string, port: number): TcpSocket {
  const socket = world.guest.connectTcp({ remote: { address: address(host), port } });
  ok(typeof socket !== "string");
  world.settle();
  return socket;
}

/** A guest's connection to a host server, both ends. */
async function outward(
  world = gatewayGuest(),
  takeMax = Infinity,
): Promise<{ world: GatewayGuest; socket: TcpSocket; server: StreamRecord }> {
  let server: StreamRecord | undefined;
  await world.sockets.listenTcp(SERVER, (tcp) => server = recordStream(tcp, takeMax));
  const socket = dial(world, SERVER.host, SERVER.port);
  ok(server !== undefined);
  return { world, socket, server };
}

test("createGateway answers a SYN only once the host's connection stands", async () => {
  const world = gatewayGuest();
  world.sockets.fail("192.0.2.99", "silent");
  const socket = dial(world, "192.0.2.99", 80);
  equal(socket.state, "SYN-SENT");
  const { socket: other } = await outward(world);
  equal(other.state, "ESTABLISHED");
});

test("createGateway passes bytes both ways and FIN in either order", async () => {
  for (const hostFirst of [true, false]) {
    const { world, socket, server } = await outward();
    socket.write(textBytes("ask"));
    server.stream.write(textBytes("answer"));
    world.settle();
    equal(server.text(), "ask");
    equal(readText(socket), "answer");
    const steps = [() => server.stream.end(), () => socket.end()];
    if (!hostFirst) steps.reverse();
    steps[0]?.();
    world.settle();
    equal(hostFirst ? socket.readEnded : server.events.includes("ended"), true);
    equal(hostFirst ? server.events.includes("ended") : socket.readEnded, false);
    // The other half still carries bytes.
    (hostFirst ? socket : server.stream).write(textBytes(" and more"));
    world.settle();
    equal(hostFirst ? server.text() : readText(socket), hostFirst ? "ask and more" : " and more");
    steps[1]?.();
    world.pass(1000);
    deepEqual([ended(socket), server.events.at(-1), server.error()], [true, "closed", undefined]);
  }
});

test("createGateway turns a refused, unreachable or missing host into a reset", () => {
  const world = gatewayGuest();
  world.sockets.fail("192.0.2.98", "unreachable");
  world.sockets.fail("192.0.2.97", "too_many");
  for (const host of ["192.0.2.96", "192.0.2.97", "192.0.2.98"]) {
    const socket = dial(world, host, 80);
    deepEqual([socket.state, socket.failure], ["CLOSED", "refused"]);
  }
  equal(world.gateway.counters().outwardRefused, 3);
  equal(world.sockets.count(), 0);
});

test("createGateway gives up on a host that does not answer", () => {
  const world = gatewayGuest({ connectTimeoutMs: 5000 });
  world.sockets.fail("192.0.2.99", "silent");
  const socket = dial(world, "192.0.2.99", 80);
  world.pass(4900);
  equal(socket.state, "SYN-SENT");
  world.pass(200);
  deepEqual([socket.state, socket.failure], ["CLOSED", "refused"]);
  equal(world.sockets.count(), 0);
});

test("createGateway gives each host its own time to answer", () => {
  const world = gatewayGuest({ connectTimeoutMs: 5000 });
  for (const host of ["192.0.2.97", "192.0.2.98", "192.0.2.99"]) world.sockets.fail(host, "silent");
  const first = dial(world, "192.0.2.97", 80);
  first.abort();
  world.pass(2000);
  const second = dial(world, "192.0.2.98", 80);
  world.pass(2000);
  const third = dial(world, "192.0.2.99", 80);
  world.pass(2900);
  deepEqual([second.state, third.state], ["SYN-SENT", "SYN-SENT"]);
  world.pass(200);
  deepEqual([second.state, third.state], ["CLOSED", "SYN-SENT"]);
  world.pass(2000);
  deepEqual([third.state, world.sockets.count()], ["CLOSED", 0]);
});

test("createGateway leads 10.0.2.2 to the host's loopback and nowhere else", async () => {
  const world = gatewayGuest();
  let server: StreamRecord | undefined;
  await world.sockets.listenTcp({ host: "127.0.0.1", port: 7401 }, (tcp) => {
    server = recordStream(tcp);
  });
  equal(dial(world, "10.0.2.2", 7401).state, "ESTABLISHED");
  ok(server !== undefined);
  for (const host of ["10.0.2.3", "198.18.0.1", "127.0.0.1", "240.0.0.1"]) {
    const socket = world.guest.connectTcp({ remote: { address: address(host), port: 7401 } });
    world.pass(100);
    ok(typeof socket === "string" || socket.state !== "ESTABLISHED", host);
  }
});

test("createGateway passes a reset of the host to the guest", async () => {
  const { world, socket, server } = await outward();
  server.stream.reset();
  world.settle();
  deepEqual([socket.state, socket.failure], ["CLOSED", "reset"]);
  equal(world.gateway.count(), 0);
});

test("createGateway passes a reset of the guest to the host", async () => {
  const { world, socket, server } = await outward();
  socket.abort();
  world.settle();
  equal(server.error(), "reset");
  equal(world.gateway.count(), 0);
});

test("createGateway holds the guest back while the host does not read", async () => {
  const { world, socket, server } = await outward(gatewayGuest(), 0);
  const chunk = new Uint8Array(65_536).fill(7);
  let sent = 0;
  for (let round = 0; round < 200; round++) {
    sent += socket.write(chunk);
    world.pass(10);
  }
  // What is sent lies in the fake's buffer, the gateway's ring and the guest's: no more.
  const rings = 2 * (1 << 19);
  ok(sent <= FAKE_BUFFER_BYTES + rings, `${sent} bytes were taken`);
  ok(sent >= FAKE_BUFFER_BYTES + rings / 2, `${sent} bytes were taken`);
  server.take(Infinity);
  world.pass(20_000);
  equal(server.length(), sent);
});

test("createGateway holds the host back while the guest does not read", async () => {
  const { world, socket, server } = await outward();
  const chunk = new Uint8Array(65_536).fill(7);
  let sent = 0;
  for (let round = 0; round < 200; round++) {
    sent += server.stream.write(chunk);
    world.pass(10);
  }
  const rings = 2 * (1 << 19);
  ok(sent <= FAKE_BUFFER_BYTES + rings, `${sent} bytes were taken`);
  ok(sent >= FAKE_BUFFER_BYTES + rings / 2, `${sent} bytes were taken`);
  let read = 0;
  for (let round = 0; round < 200; round++) {
    read += readText(socket).length;
    world.pass(100);
  }
  equal(read, sent);
});

test("createGateway delivers what the host sent before its FIN to a slow guest", async () => {
  const { world, socket, server } = await outward();
  let sent = 0;
  for (let round = 0; round < 20; round++) {
    sent += server.stream.write(new Uint8Array(50_000));
    world.pass(10);
  }
  server.stream.end();
  socket.end();
  let read = 0;
  for (let round = 0; round < 100; round++) {
    read += readText(socket).length;
    world.pass(100);
  }
  deepEqual([read, socket.readEnded, server.events.at(-1)], [sent, true, "closed"]);
});

test("createGateway refuses one connection more than it may hold", async () => {
  const { world } = await outward(gatewayGuest({ tcpFlows: 1 }));
  const socket = dial(world, SERVER.host, SERVER.port);
  equal(socket.failure, "refused");
  equal(world.gateway.counters().limited, 1);
});

test("createGateway refuses one unanswered connection more than it may start", () => {
  const world = gatewayGuest({ connecting: 1 });
  world.sockets.fail("192.0.2.99", "silent");
  const first = dial(world, "192.0.2.99", 80);
  const second = dial(world, "192.0.2.99", 81);
  deepEqual([first.state, second.failure], ["SYN-SENT", "refused"]);
});

test("createGateway announces its frames once for all that the guest sent in a turn", async () => {
  const { world, socket, server } = await outward();
  socket.write(new Uint8Array(13_000));
  const before = world.announcements();
  world.settle();
  deepEqual([server.length(), world.announcements() - before], [13_000, 1]);
});

test("createGateway close() leaves nothing behind", async () => {
  const { world, socket, server } = await outward();
  await world.gateway.forward({ host: { host: "127.0.0.1", port: 0 }, guestPort: 7 });
  world.sockets.fail("192.0.2.99", "silent");
  dial(world, "192.0.2.99", 80);
  const closed = world.gateway.close();
  world.clock.runLater();
  await closed;
  equal(server.error(), "reset");
  equal(world.gateway.count(), 0);
  equal(world.clock.nextNs(), undefined);
  ok(!ended(socket));
});

test("createGateway answers echo requests for its own address alone", () => {
  const world = gatewayGuest();
  const answers: boolean[] = [];
  for (const host of ["10.0.2.2", "192.0.2.10", "10.0.2.3", "10.0.2.2"]) {
    const ping = { remote: address(host), ident: 1, sequence: answers.length };
    const nowMs = world.clock.nowNs() / 1e6;
    equal(world.guest.ping(ping, (rtt) => answers.push(rtt !== undefined), nowMs, 1000), "ok");
    world.pass(2000);
  }
  deepEqual(answers, [true, false, false, true]);
});

test("Gateway.idle resolves once both halves of every connection have ended, and not before", async () => {
  const { world, socket, server } = await outward();
  let idle = false;
  const waiting = world.gateway.idle().then(() => idle = true);
  socket.end();
  world.settle();
  await Promise.resolve();
  equal(idle, false);
  server.stream.end();
  world.pass(1000);
  await waiting;
  equal(idle, true);
  await world.gateway.idle();
});

test("createGateway wakes up on whole milliseconds, which is all that its stack sees of time", async () => {
  const world = gatewayGuest();
  const { at } = world.clock;
  const setMs: number[] = [];
  world.clock.at = (atNs, work) => {
    setMs.push(atNs / 1e6);
    return at(atNs, work);
  };
  const { server } = await outward(world);
  const frame = new Uint8Array(1514);
  // Round trips of these lengths make timeouts that are no whole milliseconds.
  for (const roundTripMs of [150, 41, 43]) {
    server.stream.write(textBytes("x"));
    world.clock.runLater();
    const length = world.gateway.receive(frame);
    ok(length > 0);
    world.clock.advanceMs(roundTripMs);
    world.guest.receive(frame.subarray(0, length), world.clock.nowNs() / 1e6);
    world.pass(50);
  }
  server.stream.write(textBytes("never answered"));
  world.clock.runLater();
  ok(world.gateway.receive(frame) > 0);
  world.clock.advanceMs(900);
  ok(setMs.some((ms) => ms > 470 && ms < 1000));
  deepEqual(setMs.filter((ms) => !Number.isInteger(ms)), []);
});
