import { createGateway, type Gateway } from "@net/gateway/gateway.ts";
import { parseIpv4, type Stack, type TcpSocket } from "@net/stack/stack.ts";
import type { HostTcp, PartialChecksum } from "@runtime/core/ports.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { type ManualClock, manualClock } from "../fakes/clock.ts";
import { guestStack } from "../fakes/gateway_guest.ts";
import { type FakeHostSockets, fakeHostSockets } from "../fakes/host_sockets.ts";
import { Choices } from "./choices.ts";

/**
 * A guest whose frames may be damaged and a host whose sockets do what they like: nothing throws,
 * and once the host's ends are reset and time has passed, the gateway holds nothing but its ports.
 */
export const name = "gateway";

const MTU = 1500;
const FRAME_BYTES = MTU + 14;
const ROUNDS = 60;
const LIMITS = {
  tcpFlows: 12,
  connecting: 4,
  connectTimeoutMs: 500,
  forwardHandshakes: 2,
  forwardsWaiting: 3,
  udpMappings: 3,
  udpPeers: 2,
  udpWaiting: 2,
  udpIdleMs: 1_000,
  mappedAddresses: 4,
};
const SERVER = { host: "192.0.2.10", port: 80 };
const FORWARD = { host: "127.0.0.1", port: 7401 };
const GUEST_PORT = 7400;
const UDP_PORT = 9;
/** Where the guest dials: a server, the loopback's server, and hosts that answer in other ways. */
const TARGETS = ["192.0.2.10", "10.0.2.2", "192.0.2.97", "192.0.2.98", "192.0.2.99"] as const;
/** Source addresses of what connects to the forward. */
const SOURCES = ["127.0.0.1", "192.0.2.7", "2001:db8::1", "::1", "fe80::1%eth0"] as const;
/** Longer than every limit above and every timer of the stack that counts. */
const AGE_STEPS = 600;
const AGE_STEP_MS = 1_000;
const EXCHANGES_MAX = 10_000;

interface World {
  readonly choices: Choices;
  readonly clock: ManualClock;
  readonly sockets: FakeHostSockets;
  readonly gateway: Gateway;
  readonly guest: Stack;
  readonly dialled: TcpSocket[];
  /** Every end of the host's that is not the gateway's. */
  readonly ends: HostTcp[];
  /** Frames of the guest's, to be damaged and repeated. */
  readonly seen: Uint8Array[];
  damages: boolean;
  /** Whether checksums are left partial between the guest and the gateway. */
  readonly offloads: boolean;
}

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  const world = worldOf(choices);
  await furnish(world);
  const listener = world.guest.listenTcp({ port: GUEST_PORT, backlog: 4 });
  const udp = world.guest.bindUdp({ port: 5000 });
  ok(typeof listener !== "string" && typeof udp !== "string");
  for (let round = 0; round < ROUNDS; round++) {
    act(world);
    const accepted = listener.accept();
    if (accepted !== undefined) world.dialled.push(accepted);
    if (choices.oneIn(4)) {
      const to = { address: addressOf(choices.pick(TARGETS)), port: UDP_PORT + choices.below(3) };
      udp.send(to, choices.bytes(choices.below(100)));
    }
    while (udp.receive() !== undefined);
    world.clock.advanceMs(choices.pick([0, 1, 10, 300]));
    await settle(world);
  }
  await letGo(world);
}

/** Runs bytes of the corpus as one frame of the guest's. */
export async function replay(bytes: Uint8Array): Promise<void> {
  const world = worldOf(new Choices(0));
  await furnish(world);
  world.gateway.transmit(bytes);
  await settle(world);
  await letGo(world);
}

function worldOf(choices: Choices): World {
  const clock = manualClock();
  const sockets = fakeHostSockets(clock);
  const random32 = () => choices.u32();
  const parts = { sockets, clock, turns: clock, random32, mtu: MTU, limits: LIMITS };
  const damages = choices.oneIn(2);
  const gateway = createGateway(parts);
  gateway.attach({ available: () => {} });
  const guest = guestStack(MTU);
  const offloads = choices.oneIn(2);
  const lists = { dialled: [], ends: [], seen: [] };
  return { choices, clock, sockets, gateway, guest, ...lists, damages, offloads };
}

/** Servers, hosts that fail, a UDP socket that answers, and the forward. */
async function furnish(world: World): Promise<void> {
  const { sockets, gateway } = world;
  for (const at of [SERVER, { host: "127.0.0.1", port: 80 }]) {
    await sockets.listenTcp(at, (tcp) => host(world, tcp));
  }
  sockets.fail("192.0.2.98", "unreachable");
  sockets.fail("192.0.2.99", "silent");
  const socket = await sockets.bindUdp({ host: "0.0.0.0", port: UDP_PORT }, (bytes, from) => {
    for (let left = world.choices.below(3); left > 0; left--) socket.send(bytes, from);
  });
  await gateway.forward({ host: FORWARD, guestPort: GUEST_PORT });
}

/** An end of the host's that takes what it likes. */
function host({ choices, ends }: World, tcp: HostTcp): void {
  ends.push(tcp);
  tcp.observe({
    opened() {},
    data: (bytes) => choices.oneIn(3) ? choices.below(bytes.length + 1) : bytes.length,
    ended() {},
    writable() {},
    closed() {},
  });
}

function act(world: World): void {
  const { choices, guest, gateway, sockets, dialled, seen } = world;
  switch (choices.below(6)) {
    case 0: {
      const remote = { address: addressOf(choices.pick(TARGETS)), port: 80 + choices.below(2) };
      const socket = guest.connectTcp({ remote });
      if (typeof socket !== "string") dialled.push(socket);
      return;
    }
    case 1: {
      const from = { host: choices.pick(SOURCES), port: choices.between(1, 65_535) };
      return host(world, sockets.connectFrom(from, FORWARD));
    }
    case 2:
      return useHost(choices, world.ends);
    case 3:
      return useGuest(choices, dialled);
    case 4: {
      const frame = seen[choices.below(seen.length + 1)] ?? choices.bytes(choices.below(80));
      return gateway.transmit(choices.damaged(frame), partial(choices));
    }
    default:
      gateway.guestAddressOf(choices.pick(SOURCES));
  }
}

function useHost(choices: Choices, ends: readonly HostTcp[]): void {
  const end = ends[choices.below(ends.length + 1)];
  if (end === undefined) return;
  if (choices.oneIn(8)) end.reset();
  else if (choices.oneIn(6)) end.end();
  else if (choices.oneIn(3)) end.resume();
  else end.write(choices.bytes(choices.pick([1, 100, 5_000])));
}

function useGuest(choices: Choices, dialled: readonly TcpSocket[]): void {
  const socket = dialled[choices.below(dialled.length + 1)];
  if (socket === undefined) return;
  if (choices.oneIn(8)) socket.abort();
  else if (choices.oneIn(6)) socket.end();
  else if (choices.oneIn(2)) socket.consume(choices.below(socket.readable + 1));
  else socket.write(choices.bytes(choices.pick([1, 100, 5_000])));
}

/** What a card may say of a checksum, true or not: of TCP's, of UDP's, of anything's. */
function partial(choices: Choices): PartialChecksum | undefined {
  if (choices.oneIn(2)) return undefined;
  return { start: choices.pick([0, 34, choices.below(80)]), offset: choices.pick([6, 16, 0]) };
}

/** Moves frames both ways and runs what follows until nothing more happens now. */
async function settle(world: World): Promise<void> {
  world.guest.poll(nowMs(world));
  for (let left = EXCHANGES_MAX; left > 0; left--) {
    for (let hop = 0; hop < 8; hop++) await undefined;
    world.clock.runLater();
    if (!exchange(world)) return;
  }
  ok(false, "a gateway and its guest come to rest");
}

function exchange(world: World): boolean {
  const { choices, guest, gateway, seen } = world;
  const into = new Uint8Array(FRAME_BYTES);
  let moved = false;
  const left = world.offloads ? { start: 0, offset: 0 } : undefined;
  const take = () => gateway.receive(into, left);
  for (let length = take(); length > 0; length = take()) {
    ok(length <= FRAME_BYTES);
    if (!lost(world)) guest.receive(into.subarray(0, length), nowMs(world), left);
    moved = true;
  }
  const send = () => guest.transmit(into, nowMs(world), left);
  for (let length = send(); length > 0; length = send()) {
    const frame = into.slice(0, length);
    if (seen.length < 32) seen.push(frame);
    if (!lost(world)) gateway.transmit(frame, left);
    else if (choices.oneIn(2)) gateway.transmit(choices.damaged(frame));
    moved = true;
  }
  return moved;
}

function lost({ choices, damages }: World): boolean {
  return damages && choices.oneIn(10);
}

/** The host resets its ends; what the guest still has ends by itself or by its resets. */
async function letGo(world: World): Promise<void> {
  const { choices, clock, gateway, sockets, ends, dialled } = world;
  world.damages = false;
  const others = 3;
  const closesEarly = choices.oneIn(4);
  const closed = closesEarly ? gateway.close() : undefined;
  for (const end of ends) end.reset();
  for (const socket of dialled) socket.abort();
  for (let step = 0; step < AGE_STEPS; step++) {
    await settle(world);
    if (settled(world, closesEarly ? others : others + 1)) break;
    clock.advanceMs(AGE_STEP_MS);
  }
  await closed;
  if (!closesEarly) {
    deepEqual([gateway.count(), sockets.count()], [1, others + 1]);
    const closing = gateway.close();
    await settle(world);
    await closing;
  }
  await settle(world);
  deepEqual([sockets.count(), clock.nextNs()], [others, undefined]);
}

function settled({ gateway, guest, sockets }: World, hostSockets: number): boolean {
  return gateway.count() <= 1 && sockets.count() === hostSockets && guest.sockets() <= 2;
}

function nowMs({ clock }: World): number {
  return clock.nowNs() / 1e6;
}

function addressOf(text: string): number {
  const address = parseIpv4(text);
  ok(address !== undefined);
  return address;
}
