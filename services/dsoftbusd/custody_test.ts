import { deviceIdOf } from "@net/noise/proof.ts";
import { toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { custody } from "@tests/fakes/custody.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { createClient } from "@runtime/idl/client.ts";
import { keystored } from "../keystored/protocol.ts";
import { rngd } from "../rngd/protocol.ts";
import { EntropyPool, localIdentity } from "./custody.ts";

/** rngd whose bytes count up, and how often it was asked. */
function counting(refuseFrom = Infinity) {
  let next = 0;
  let asked = 0;
  const client = directClient(rngd, {
    getEntropy({ length }) {
      asked += 1;
      if (asked >= refuseFrom) return { status: "unavailable" };
      const entropy = Uint8Array.from({ length }, () => next++ & 0xff);
      return { status: "ok", entropy };
    },
  });
  return { client, asked: () => asked };
}

test("EntropyPool hands every byte out once, and draws only when it has too few", async () => {
  const { client, asked } = counting();
  const pool = new EntropyPool(client);
  const taken = [];
  for (let times = 0; times < 8; times++) taken.push(await pool.take(32));
  equal(asked(), 1);
  deepEqual(
    taken.map((bytes) => bytes?.[0]),
    [0, 32, 64, 96, 128, 160, 192, 224],
  );
  ok(await pool.take(1) !== undefined);
  equal(asked(), 2);
});

test("EntropyPool lets callers that come together share a draw and no byte", async () => {
  const { client, asked } = counting();
  const pool = new EntropyPool(client);
  const taken = await Promise.all(Array.from({ length: 20 }, () => pool.take(32)));
  ok(taken.every((bytes) => bytes !== undefined));
  equal(asked(), 3);
  const first = taken.slice(0, 8).map((bytes) => bytes === undefined ? "" : toHex(bytes));
  equal(new Set(first).size, 8);
});

test("EntropyPool has nothing while rngd refuses, and everything again after it", async () => {
  const pool = new EntropyPool(counting(1).client);
  equal(await pool.take(32), undefined);
  equal(await pool.take(1), undefined);
  await rejects(pool.take(257), InvariantError);
});

test("localIdentity shows the device's public bytes and proofs of both roles", async () => {
  const { local, identity } = await custody(0x01);
  equal(local.deviceId, deviceIdOf(local.verifyingKey));
  equal(local.deviceId, "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e");
  equal(
    toHex(local.noiseStatic),
    "621fe29e21042a1849a5118d5cfad40ac7ee003aacdf6b6b1e875c9daef6f90b",
  );
  deepEqual([local.proofs.initiator.length, local.proofs.responder.length > 300], [457, true]);
  ok(identity !== undefined);
});

test("localIdentity is absent while keystored has no key", async () => {
  const keys = createClient(keystored, { exchange: () => Promise.resolve({ status: "gone" }) });
  equal(await localIdentity(keys), undefined);
});
