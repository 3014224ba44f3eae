import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { busNode, BusWorld, targetOf } from "@tests/fakes/bus.ts";
import { test } from "@tests/fakes/test.ts";
import { PEER_STATES } from "./protocol.ts";

const A = 0x0a000001;

test("a dial that found this device itself is listed as stopped, and stays so", async () => {
  const world = new BusWorld();
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(A)] });
  for (let minute = 0; minute < 2; minute++) {
    await world.pass(60_000, 1_000);
    const peers = await a.client.peers({ first: 0 });
    ok(peers.status === "ok");
    deepEqual(peers.peers.map(({ state, reason }) => [PEER_STATES[state], reason]), [
      ["stopped", "own_identity"],
    ]);
  }
});
