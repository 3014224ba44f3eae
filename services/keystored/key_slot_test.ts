import { indexOfBytes } from "@runtime/core/bytes.ts";
import { Refusal } from "@runtime/core/error.ts";
import { toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { type KeptState, keptState } from "@tests/fakes/kept_state.ts";
import { kek, seedEntropy } from "@tests/fakes/seed_entropy.ts";
import { test } from "@tests/fakes/test.ts";
import { logdV2 } from "../logd/protocol.ts";
import { DEVICE_KEY_PATH, KeySlot } from "./key_slot.ts";
import keystoredComponent from "./mod.ts";
import { DEVICE_PUBLIC_PATH, keystored } from "./protocol.ts";
import { scopedValues } from "./scoped_values.ts";
import { createKeystored } from "./service.ts";
import { unwrapSeed, WRAPPED_SEED_LENGTH, wrapSeed } from "./wrapped_seed.ts";

const SEED_A = new Uint8Array(32).fill(1);
/** Worked out once with another library: PyCryptodome. */
const WRAPPED_BODY = "a916aa84fb1d5aa424c68046e7e3aead5ed7391615f63670f21cb6809bcd9596" +
  "e5f3e930d7d8ce30ab3c9492e3e37012";

/** Starts the daemon and gives what it logged. */
async function startedWith(
  state: KeptState,
  seed: Uint8Array | null = SEED_A,
): Promise<readonly string[]> {
  const messages: string[] = [];
  const log = directClient(logdV2, {
    append({ scope, message }) {
      messages.push(`${scope}: ${message}`);
      return { status: "ok", recordId: 1n, dropped: 0n };
    },
    stats: () => ({ status: "denied" }),
  });
  const call = { entropy: seedEntropy(() => seed ?? undefined), log, state };
  await keystoredComponent.create({ args: {}, call, key: kek(), spawn() {} } as never);
  return messages;
}

test("keystored says in its log where the key came from, or that there is none", async () => {
  const values = new Map<string, Uint8Array>();
  deepEqual(await startedWith(keptState(), null), [
    "keystored: no entropy: no device key yet, the next request asks again",
  ]);
  deepEqual(await startedWith(keptState(values)), [
    "keystored: device key drawn, and kept in /state",
  ]);
  deepEqual(await startedWith(keptState(values), new Uint8Array(32).fill(2)), [
    "keystored: device key as it was kept in /state",
  ]);
  deepEqual(await startedWith(keptState(new Map(), false)), [
    "keystored: device key drawn, and kept in /state (stub: RAM, not beyond the node)",
  ]);
});

test("keystored starts with no other key when the kept one cannot be read", async () => {
  for (
    const status of ["integrity", "rollback", "io_error", "denied", "no_reply", "gone"] as const
  ) {
    let puts = 0;
    const { put, ...others } = keptState();
    const state: KeptState = {
      ...others,
      get: () => Promise.resolve({ status }),
      put(request) {
        puts += 1;
        return put(request);
      },
    };
    equal(await refusal(state), `device_key_unreadable_${status}`);
    equal(puts, 0);
  }
  for (const length of [0, 32, 79, 80, 81]) {
    const values = new Map([[DEVICE_KEY_PATH, new Uint8Array(length)]]);
    equal(await refusal(keptState(values)), "device_key_foreign");
    equal(values.get(DEVICE_KEY_PATH)?.length, length);
  }
});

test("a kept seed is nowhere in the clear, and opens with no byte changed, other key or name", async () => {
  const values = new Map<string, Uint8Array>();
  await startedWith(keptState(values));
  const wrapped = values.get(DEVICE_KEY_PATH);
  ok(wrapped !== undefined && wrapped.length === WRAPPED_SEED_LENGTH);
  equal(indexOfBytes(wrapped, SEED_A.subarray(0, 8)), -1);
  const wrapping = { key: kek(), path: DEVICE_KEY_PATH };
  const opened = unwrapSeed(wrapped, wrapping)?.use((bytes) => bytes.slice());
  deepEqual(opened, SEED_A);
  for (let at = 0; at < wrapped.length; at++) {
    const changed = wrapped.with(at, (wrapped[at] ?? 0) ^ 1);
    equal(unwrapSeed(changed, wrapping), undefined, `byte ${at}`);
    equal(unwrapSeed(wrapped.subarray(0, at), wrapping), undefined);
  }
  equal(unwrapSeed(wrapped, { ...wrapping, key: kek(8) }), undefined);
  equal(unwrapSeed(wrapped, { ...wrapping, path: "/state/keystore/other" }), undefined);
});

test("a wrapped seed is what docs/state_format.md says, byte for byte", () => {
  const nonce = Uint8Array.from({ length: 24 }, (_, index) => index);
  const wrapped = wrapSeed(SEED_A, { key: kek(), path: DEVICE_KEY_PATH }, nonce);
  equal(toHex(wrapped.subarray(0, 32)), "4e584b5701010000" + toHex(nonce));
  equal(toHex(wrapped.subarray(32)), WRAPPED_BODY);
});

test("keystored uses no key that was not kept first", async () => {
  const excess = { status: "quota_exceeded", used: 1n, limit: 2n } as const;
  const plain = (["io_error", "no_space", "denied"] as const).map((status) => ({ status }));
  for (const refused of [excess, ...plain]) {
    const { status } = refused;
    const state: KeptState = { ...keptState(), put: () => Promise.resolve(refused) };
    equal(await refusal(state), `device_key_not_kept_${status}`);
    const slot = new KeySlot({ entropy: seedEntropy(() => SEED_A), state, kek: kek() });
    const client = directClient(keystored, createKeystored(slot, scopedValues(keptState())));
    deepEqual(await client.getDevicePubkey({}), { status: "key_not_found" });
  }
});

async function refusal(state: KeptState): Promise<string> {
  const refused = await startedWith(state).then(() => undefined, (error) => error);
  ok(refused instanceof Refusal);
  return refused.code;
}

test("keystored leaves its public halves beside the key, and puts them right at a start", async () => {
  const values = new Map<string, Uint8Array>();
  await startedWith(keptState(values));
  const left = values.get(DEVICE_PUBLIC_PATH)?.slice();
  equal(left?.length, 64);
  equal(
    toHex(left?.subarray(0, 32) ?? new Uint8Array(0)),
    "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
  );
  values.set(DEVICE_PUBLIC_PATH, new Uint8Array(64));
  await startedWith(keptState(values));
  deepEqual(values.get(DEVICE_PUBLIC_PATH), left);
});

test("keystored draws no key where a device was before, and takes no other device's", async () => {
  const values = new Map<string, Uint8Array>();
  await startedWith(keptState(values));
  const slot = (deviceId: string, kept = values) =>
    new KeySlot({
      entropy: seedEntropy(() => SEED_A),
      state: keptState(kept),
      kek: kek(),
      deviceId,
    });
  const own = "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e";
  const same = slot(own);
  ok(await same.key() !== undefined && same.fault === undefined);
  const other = slot("00".repeat(32));
  deepEqual([await other.key(), other.fault], [undefined, "device_key_other"]);
  const empty = new Map<string, Uint8Array>();
  const lost = slot(own, empty);
  deepEqual([await lost.key(), lost.fault, empty.size], [undefined, "device_key_lost", 0]);
});
