import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { BUS_PORT, busNode, BusWorld, targetOf } from "@tests/fakes/bus.ts";
import { test } from "@tests/fakes/test.ts";
import { PEER_STATES } from "./protocol.ts";

const A = 0x0a000001;
const B = 0x0a000002;

test("dsoftbusd lists a peer whose name leads nowhere, logs it, and dials it once it is placed", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const pins = { deviceId: b.custody.local.deviceId, noiseStatic: undefined };
  const typed = "peer.example:7400";
  const unresolved = [{ ...pins, typed, port: BUS_PORT }];
  const a = await busNode(world, { seed: 1, address: A, unresolved });
  await world.pass(2_000);
  const listed = async () => {
    const reply = await a.client.peers({ first: 0 });
    return reply.status === "ok" ? reply.peers : [];
  };
  const [waiting] = await listed();
  deepEqual(
    [waiting?.typed, PEER_STATES[waiting?.state ?? 0], waiting?.reason, waiting?.ageMs],
    [typed, "waiting", "name_unresolved", 2_000n],
  );
  deepEqual(a.logged, [`refused name_unresolved from=${typed}`]);
  deepEqual(await a.client.placePeer({ typed: "other:1", address: B }), { status: "not_found" });
  deepEqual(await a.client.placePeer({ typed, address: B }), { status: "ok" });
  await world.settle();
  const states = (await listed()).map(({ state, typed }) => [PEER_STATES[state], typed]);
  deepEqual(states, [["established", typed]]);
  deepEqual(await a.client.placePeer({ typed, address: B }), { status: "not_found" });
  for (const { faults } of world.nodes.values()) deepEqual(faults, []);
});

test("dsoftbusd names a peer that was dialled as it was typed, in its list and in its journal", async () => {
  const world = new BusWorld();
  const typed = "[fe80::1]:7400";
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B, { typed })] });
  await world.settle();
  deepEqual(a.logged, [`refused dial_refused from=${typed}`]);
  const peers = await a.client.peers({ first: 0 });
  equal(peers.status === "ok" ? peers.peers[0]?.typed : "", typed);
});
