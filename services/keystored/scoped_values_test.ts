import { Secret } from "@runtime/core/secret.ts";
import { deepEqual } from "@tests/fakes/assert.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { type KeptState, keptState } from "@tests/fakes/kept_state.ts";
import { seedEntropy } from "@tests/fakes/seed_entropy.ts";
import { test } from "@tests/fakes/test.ts";
import { KeySlot } from "./key_slot.ts";
import { keystored } from "./protocol.ts";
import { SCOPED_VALUES_MAX, scopedValues } from "./scoped_values.ts";
import { createKeystored } from "./service.ts";

const UTF8 = new TextEncoder();
const KEY = UTF8.encode("name");
const VALUE = UTF8.encode("value");
/** FNV-1a, 64 bits, of "alpha" and "beta", by hand. */
const ALPHA = "8ac625bb85ed202b";

function clientOf(sender: string, state: KeptState) {
  const entropy = seedEntropy(() => new Uint8Array(32).fill(7));
  const slot = new KeySlot({ entropy, state, kek: new Secret(new Uint8Array(32).fill(9)) });
  return directClient(keystored, createKeystored(slot, scopedValues(state)), { sender });
}

test("a value is its sender's own: another finds nothing under the same name", async () => {
  const kept = new Map<string, Uint8Array>();
  const state = keptState(kept);
  const [alpha, beta] = [clientOf("alpha", state), clientOf("beta", state)];
  deepEqual(await alpha.put({ key: KEY, value: VALUE }), { status: "ok" });
  deepEqual(await alpha.get({ key: KEY }), { status: "ok", value: VALUE });
  deepEqual(await beta.get({ key: KEY }), { status: "not_found" });
  deepEqual(await beta.del({ key: KEY }), { status: "not_found" });
  deepEqual([...kept.keys()], [`/state/keystore/${ALPHA}/6e616d65`]);
  deepEqual(await alpha.del({ key: KEY }), { status: "ok" });
  deepEqual(await alpha.get({ key: KEY }), { status: "not_found" });
});

test("a sender keeps so many values and no more, but may change those it has", async () => {
  const state = keptState();
  const client = clientOf("alpha", state);
  for (let index = 0; index < SCOPED_VALUES_MAX; index++) {
    deepEqual(await client.put({ key: Uint8Array.of(index), value: VALUE }), { status: "ok" });
  }
  deepEqual(await client.put({ key: KEY, value: VALUE }), { status: "too_large" });
  deepEqual(await client.put({ key: Uint8Array.of(0), value: KEY }), { status: "ok" });
  deepEqual(await clientOf("beta", state).put({ key: KEY, value: VALUE }), { status: "ok" });
});

test("a store that fails keeps nothing, and nobody hears ok", async () => {
  const failing = () => Promise.resolve({ status: "io_error" } as const);
  const state: KeptState = { ...keptState(), get: failing, put: failing, del: failing };
  const client = clientOf("alpha", state);
  deepEqual(await client.put({ key: KEY, value: VALUE }), { status: "unavailable" });
  deepEqual(await client.get({ key: KEY }), { status: "unavailable" });
  deepEqual(await client.del({ key: KEY }), { status: "unavailable" });
  const silent: KeptState = { ...keptState(), listAfter: failing };
  deepEqual(await clientOf("alpha", silent).put({ key: KEY, value: VALUE }), {
    status: "unavailable",
  });
});
