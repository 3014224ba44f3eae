import { HostSocketFailure } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { fakeNode, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { controld } from "../controld/protocol.ts";
import { parsePeer } from "./address.ts";
import { bootArguments } from "./boot_arguments.ts";
import { EXIT } from "./exit_code.ts";
import { LOOKUP_WAIT_MAX_MS, LOOKUP_WAIT_MIN_MS } from "./late_peers.ts";
import { runNx } from "./nx.ts";
import { placeOfPeer } from "./place.ts";

const ID = "0123456789abcdef".repeat(4);
const KEY = "11".repeat(32);
const PEER = parsePeer(`nx://${ID}@peer.example:7401?static=${KEY}`);
const LISTEN = { host: "127.0.0.1", port: 7401 };
const PLACE = 0x0a000202;

type Place = number | undefined | HostSocketFailure;
type PlaceRequest = Parameters<Handlers<typeof controld>["placePeer"]>[0];

/** A node that could not resolve its peer; each further look-up is answered by the next place. */
async function late(...places: readonly (Place | Promise<Place>)[]) {
  const placed: PlaceRequest[] = [];
  let lookups = 0;
  const handlers = {
    placePeer(request: PlaceRequest) {
      placed.push(request);
      return { status: "ok" };
    },
    // The other operations are not asked.
  } as unknown as Handlers<typeof controld>;
  const node = fakeNode(LISTEN, {
    handlers,
    unplaced: [PEER],
    async placeOf() {
      const place = await places[lookups++];
      if (place instanceof HostSocketFailure) throw place;
      return place;
    },
  });
  const world = nxWorld({ startNode: () => Promise.resolve(node) });
  const ended = runNx(["up", "--no-supervise"], world.ports);
  await settled();
  const pass = async (ms: number) => {
    world.clock.advanceMs(ms);
    await settled();
  };
  const stop = async () => {
    world.signal("SIGTERM");
    equal(await ended, EXIT.ok);
    equal(world.clock.nextNs(), undefined);
  };
  return { world, placed, lookups: () => lookups, pass, stop };
}

test("nx up dials a peer as soon as its name leads somewhere, and says once that it does not yet", async () => {
  const { world, placed, lookups, pass, stop } = await late(undefined, undefined, PLACE);
  await pass(LOOKUP_WAIT_MIN_MS);
  await pass(2 * LOOKUP_WAIT_MIN_MS - 1);
  equal(lookups(), 1);
  await pass(1);
  equal(lookups(), 2);
  deepEqual(placed, []);
  await pass(4 * LOOKUP_WAIT_MIN_MS);
  deepEqual(placed, [{ address: PLACE, typed: "peer.example:7401" }]);
  await pass(10 * LOOKUP_WAIT_MAX_MS);
  deepEqual([lookups(), placed.length], [3, 1]);
  equal(world.error().match(/cannot resolve peer\.example yet, trying again\n/g)?.length, 1);
  await stop();
});

test("nx up waits longer from look-up to look-up, up to a bound, and until it is stopped", async () => {
  const { lookups, pass, stop } = await late();
  for (let count = 0; count < 20; count++) await pass(LOOKUP_WAIT_MAX_MS);
  equal(lookups(), 20);
  await stop();
});

test("nx up gives up a name that leads to an address that cannot be dialled", async () => {
  const { world, lookups, pass, stop } = await late(
    new HostSocketFailure("address_not_available", PEER.address),
  );
  await pass(10 * LOOKUP_WAIT_MAX_MS);
  equal(lookups(), 1);
  ok(world.error().endsWith("nx: peer.example leads to no address that can be dialled\n"));
  await stop();
});

test("nx up that stops during a look-up does nothing more with its answer", async () => {
  let answer: (place: Place) => void = () => {};
  for (const place of [undefined, PLACE]) {
    const lookup = new Promise<Place>((resolve) => answer = resolve);
    const { world, placed, pass, stop } = await late(lookup);
    await pass(LOOKUP_WAIT_MIN_MS);
    await stop();
    answer(place);
    await settled();
    deepEqual([placed, world.clock.nextNs()], [[], undefined]);
  }
});

test("placeOfPeer tells a name that leads nowhere from an address that cannot be dialled", async () => {
  const book = new Map([["192.0.2.7", PLACE]]);
  const gateway = { guestAddressOf: (host: string) => book.get(host) };
  const at = (...found: readonly string[]) =>
    placeOfPeer(PEER, { gateway, sockets: { lookup: () => Promise.resolve(found) } });
  equal(await at("192.0.2.7", "192.0.2.8"), PLACE);
  equal(await at(), undefined);
  await rejects(at("192.0.2.8"), HostSocketFailure);
});

test("bootArguments keep the peers without a place apart, and every address as it was typed", () => {
  const peers = [PEER, parsePeer("b:1")];
  const options = {
    ...{ listen: undefined, advertise: undefined, peers, profile: "dev" as const, seed: undefined },
    ...{ perAddress: undefined, selftest: false, console() {} },
  };
  const args = bootArguments(options, {
    ...{ daemons: [], places: [undefined, PLACE], port: 1 },
    random32: () => 0xab,
  });
  equal(args["dsoftbusd"]?.["peers"], "10.0.2.2:1,,,b:1");
  equal(args["dsoftbusd"]?.["unresolved"], `peer.example:7401,${ID},${KEY}`);
  equal(args["selftest-client"]?.["peer"], "10.0.2.2:1");
});
