/**
 * Keys that were drawn from a seed say so for ever, and a node that is not for tests takes none.
 *
 * @module
 */

import type { Client } from "@runtime/idl/client.ts";
import keystoredComponent from "@services/keystored/mod.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { logdV2 } from "@services/logd/protocol.ts";
import { rngd } from "@services/rngd/protocol.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { directClient } from "../fakes/direct.ts";
import { type KeptState, keptState } from "../fakes/kept_state.ts";
import { setClock, wishFor } from "../fakes/keystore.ts";
import { kek } from "../fakes/seed_entropy.ts";
import { test } from "../fakes/test.ts";

const KEY = { app: "mail", key: "k" } as const;

/** keystored as the boot starts it. */
async function started(
  args: Readonly<Record<string, string>>,
  state: KeptState,
): Promise<Client<typeof keys>> {
  const log = directClient(logdV2, {
    append: () => ({ status: "ok", recordId: 1n, dropped: 0n }),
    stats: () => ({ status: "denied" }),
  });
  const entropy = directClient(rngd, {
    getEntropy: ({ length }) => ({
      status: "ok",
      entropy: crypto.getRandomValues(new Uint8Array(length)),
    }),
  });
  const clock = { ...setClock(), nowNs: () => 0 };
  const given = { args, call: { entropy, log, state }, clock, key: kek(), spawn() {} };
  const behaviour = await keystoredComponent.create(given as never); // as the boot gives it
  return directClient(keys, behaviour.keys);
}

test("a key that was drawn from a seed is taken under test and dev, and nowhere else", async () => {
  const values = new Map<string, Uint8Array>();
  const seeded = await started({ profile: "test", seeded: "yes" }, keptState(values));
  const made = await seeded.create(wishFor("k", "ed25519"));
  ok(made.status === "ok");
  equal(made.flags, 2);
  await seeded.rotate(KEY);
  const before = values.get("/state/keystore/mail/k/key");
  for (const args of [{ profile: "prod" }, {}, { profile: "other" }] as const) {
    const client = await started(args, keptState(values));
    for (
      const { status } of [
        await client.get(KEY),
        await client.sign({ ...KEY, message: new Uint8Array(1) }),
        await client.create(wishFor("k", "ed25519")),
        await client.destroy({ ...KEY, waitMs: 1_000n }),
      ]
    ) equal(status, "damaged", JSON.stringify(args));
    deepEqual(values.get("/state/keystore/mail/k/key"), before);
  }
  for (const profile of ["test", "dev"]) {
    const client = await started({ profile, seeded: "no" }, keptState(values));
    const told = await client.get(KEY);
    deepEqual(told.status === "ok" && told.flags, 2, "it says so for ever");
  }
});

test("a key that rngd's chance made says nothing of tests", async () => {
  for (const seeded of ["no", "", "YES"]) {
    const client = await started({ profile: "prod", seeded }, keptState());
    const made = await client.create(wishFor("k", "ed25519"));
    deepEqual(made.status === "ok" && made.flags, 0);
  }
});
