import { deviceIdOf } from "@net/noise/proof.ts";
import { toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { custody } from "@tests/fakes/custody.ts";
import { test } from "@tests/fakes/test.ts";
import { createClient } from "@runtime/idl/client.ts";
import { keystored } from "../keystored/protocol.ts";
import { localIdentity } from "./custody.ts";

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
