/**
 * Keys and clocks that jump: what is over stays over, in one boot and in the next, and counters only
 * count up.
 *
 * @module
 */

import { KEY_STATES } from "@services/keystored/client/lifecycle.ts";
import { KeyClock } from "@services/keystored/keys/key_clock.ts";
import { TEND_INTERVAL_MS, tendFor } from "@services/keystored/keys/tending.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  setClock,
  START_MS,
  wishFor,
} from "../fakes/keystore.ts";
import { test } from "../fakes/test.ts";
import { sealSent, utf8 } from "./independent.ts";

const KEY = { app: "mail", key: "k" } as const;
const MESSAGE = utf8("message");
const SECOND = 1_000;
const YEAR_MS = 365 * 86_400_000;

async function signStatus({ client }: Keystore): Promise<string> {
  return (await client.sign({ ...KEY, message: MESSAGE })).status;
}

/** A key that ends a second after it was made, and the store that it is in. */
async function ending() {
  const [memory, clock] = [memoryKeys(), setClock()];
  const store = memoryKeyStore(memory);
  const keystore = await keystoreOn({ store, clock });
  const expiresMs = BigInt(START_MS + SECOND);
  equal((await keystore.client.create(wishFor("k", "ed25519", { expiresMs }))).status, "ok");
  return { memory, clock, store, keystore };
}

test("KeyClock goes with the host's and never back, nor below what was written", () => {
  const host = setClock(1_000);
  const clock = new KeyClock(host);
  const at = (ms: number) => {
    host.ms = ms;
    return clock.nowMs();
  };
  deepEqual([at(1_000), at(900), at(1_100.9), at(-5), at(0)], [
    1_000n,
    1_000n,
    1_100n,
    1_100n,
    1_100n,
  ]);
  clock.seen(5_000n);
  clock.seen(4_000n);
  deepEqual([at(4_500), at(5_001)], [5_000n, 5_001n]);
  equal(new KeyClock(setClock(-9)).nowMs(), 0n);
});

test("a key signs to the last millisecond of its time, and not at its end", async () => {
  const { clock, keystore } = await ending();
  clock.ms = START_MS + SECOND - 1;
  equal(await signStatus(keystore), "ok");
  clock.ms += 1;
  equal(await signStatus(keystore), "EEXPIRED");
});

test("a key whose time is over does not come back when the clock is set back", async () => {
  const { clock, keystore } = await ending();
  for (const jump of [SECOND, -YEAR_MS, 0, YEAR_MS, -2 * YEAR_MS]) {
    clock.ms = START_MS + jump;
    equal(await signStatus(keystore), "EEXPIRED", `${jump}`);
  }
});

test("a boot with an earlier clock goes on from the last time that stands in the key", async () => {
  const { clock, store, keystore } = await ending();
  clock.ms = START_MS + SECOND;
  // Whatever is written of a key tells when: here its label.
  const zero = { expiresMs: 0n, usesMax: 0n, minSign: 0, minOpen: 0, minVerify: 0 };
  equal((await keystore.client.update({ ...KEY, ...zero, mask: 1, label: "x" })).status, "ok");
  clock.ms = START_MS - YEAR_MS;
  const again = await keystoreOn({ store, clock });
  equal(await signStatus(again), "EEXPIRED");
  const told = await again.client.get(KEY);
  deepEqual(told.status === "ok" && told.changedMs, BigInt(START_MS + SECOND));
});

test("a use is no earlier than the one before, whatever the clock says", async () => {
  const [memory, clock] = [memoryKeys(), setClock()];
  const store = memoryKeyStore(memory);
  let keystore = await keystoreOn({ store, clock });
  await keystore.client.create(wishFor("k", "ed25519", { usesMax: 100n }));
  const seen: bigint[] = [];
  for (const [index, jump] of [5, -9, 7, -YEAR_MS, 0, 8, -8].entries()) {
    clock.ms = START_MS + jump;
    if (index % 2 === 1) keystore = await keystoreOn({ store, clock });
    equal(await signStatus(keystore), "ok");
    const told = await keystore.client.get(KEY);
    ok(told.status === "ok");
    equal(told.used, BigInt(index + 1));
    seen.push(told.lastUsedMs);
  }
  deepEqual(seen, seen.toSorted((left, right) => Number(left - right)));
  deepEqual([seen[0], seen.at(-1)], [BigInt(START_MS + 5), BigInt(START_MS + 8)]);
});

test("counters without a limit are on the disk after tending, and are never read as less than there", async () => {
  const [memory, clock] = [memoryKeys(), setClock()];
  const store = memoryKeyStore(memory);
  const keystore = await keystoreOn({ store, clock });
  await keystore.client.create(wishFor("k", "ed25519"));
  const written = memory.records.get("/state/keystore/mail/k/key");
  for (let use = 0; use < 3; use++) equal(await signStatus(keystore), "ok");
  deepEqual(memory.records.get("/state/keystore/mail/k/key"), written);
  await keystore.ring.tend();
  const flushed = memory.records.get("/state/keystore/mail/k/key");
  await keystore.ring.tend();
  deepEqual(memory.records.get("/state/keystore/mail/k/key"), flushed, "once is enough");
  const told = await (await keystoreOn({ store, clock })).client.get(KEY);
  deepEqual(told.status === "ok" && told.used, 3n);
});

test("a key waits for its end through jumps, and a clock set back calls no secret back", async () => {
  const [memory, clock] = [memoryKeys(), setClock()];
  const store = memoryKeyStore(memory);
  const keystore = await keystoreOn({ store, clock });
  await keystore.client.create(wishFor("k", "ed25519"));
  await keystore.client.destroy({ ...KEY, waitMs: 5_000n });
  const stateOf = async ({ client, ring }: Keystore) => {
    await ring.tend();
    const told = await client.get(KEY);
    return told.status === "ok" ? KEY_STATES[told.state] : told.status;
  };
  clock.ms = START_MS - YEAR_MS;
  equal(await stateOf(keystore), "destroying");
  clock.ms = START_MS + 4_999;
  equal(await stateOf(keystore), "destroying");
  clock.ms = START_MS - YEAR_MS;
  // A boot with an earlier clock waits from the time of the request on.
  const early = await keystoreOn({ store, clock });
  equal(await stateOf(early), "destroying");
  clock.ms = START_MS + 5_000;
  equal(await stateOf(early), "destroyed");
  clock.ms = START_MS;
  equal(await stateOf(await keystoreOn({ store, clock })), "destroyed");
  equal((await early.client.cancelDestroy(KEY)).status, "ENOENT");
});

test("what was sealed until a time does not open after it, also when the clock is set back", async () => {
  const clock = setClock();
  const { client } = await keystoreOn({ clock });
  const made = await client.create(wishFor("k", "x25519"));
  ok(made.status === "ok");
  const recipient = made.versions[0]?.publicKey.slice() ?? MESSAGE;
  const sealed = sealSent({
    ...{ recipient, ephemeralSecret: new Uint8Array(32).fill(2), expiresMs: START_MS + SECOND },
    ...{ label: "", aad: new Uint8Array(0), plain: MESSAGE },
  });
  const open = async () =>
    (await client.openFrom({ ...KEY, aad: new Uint8Array(0), sealed })).status;
  clock.ms = START_MS + SECOND - 1;
  equal(await open(), "ok");
  clock.ms += 1;
  equal(await open(), "EEXPIRED");
  clock.ms = START_MS;
  equal(await open(), "EEXPIRED");
});

test("tendFor looks again after each interval", async () => {
  let looks = 0;
  const deadlines: number[] = [];
  const over = new Error("the task ends");
  const ring = { tend: () => Promise.resolve(void (looks += 1)) };
  const timer = {
    set: (atNs: number) => void deadlines.push(atNs),
    wait: () => deadlines.length < 3 ? Promise.resolve() : Promise.reject(over),
  };
  const clock = { nowNs: () => 1_000 * looks, unixMs: () => 0 };
  const ended = await tendFor(ring, { clock, timer }).catch((error) => error);
  equal(ended, over);
  const interval = TEND_INTERVAL_MS * 1e6;
  deepEqual([looks, deadlines], [3, [1_000 + interval, 2_000 + interval, 3_000 + interval]]);
});
