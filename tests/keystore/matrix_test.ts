/**
 * Every cell of the life of a key, through the daemon's frames: what each operation says in each
 * condition, and in which state it leaves the key.
 *
 * What is expected is written here by hand, from what the words mean, and not read from the daemon's
 * own table.
 *
 * @module
 */

import { x25519 } from "@noble/curves/ed25519.js";
import type { AlgorithmName } from "@services/keystored/client/algorithm.ts";
import { CONDITIONS, KEY_OPERATIONS, KEY_STATES } from "@services/keystored/client/lifecycle.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import {
  type Keystore,
  keystoreOn,
  type MemoryKeys,
  memoryKeys,
  memoryKeyStore,
  type SetClock,
  setClock,
  wishFor,
} from "../fakes/keystore.ts";
import { test } from "../fakes/test.ts";
import { sealSent, utf8 } from "./independent.ts";

const KEY = { app: "mail", key: "k" } as const;
const WAIT_MS = 60_000n;
const END_MS = 10_000n;
const NOTHING = new Uint8Array(0);
const MESSAGE = utf8("message");
const PEER = new Uint8Array(32).fill(9);

type Client = Keystore["client"];
interface Told {
  readonly status: string;
}

/** What was made while the key was in force. */
interface Made {
  readonly signature: Uint8Array;
  readonly sealed: Uint8Array;
  readonly sent: Uint8Array;
}

/** How each operation is asked for, and on a key of which algorithm. */
const CALLS: Readonly<
  Record<string, readonly [AlgorithmName, (client: Client, made: Made) => Promise<Told>]>
> = {
  get: ["ed25519", (client) => client.get(KEY)],
  sign: ["ed25519", (client) => client.sign({ ...KEY, message: MESSAGE })],
  verify: [
    "ed25519",
    (client, { signature }) => client.verify({ ...KEY, message: MESSAGE, signature }),
  ],
  seal: [
    "xchacha20-poly1305",
    (client) => client.seal({ ...KEY, label: "", aad: NOTHING, plain: MESSAGE }),
  ],
  unseal: [
    "xchacha20-poly1305",
    (client, { sealed }) => client.unseal({ ...KEY, aad: NOTHING, sealed }),
  ],
  rewrap: [
    "xchacha20-poly1305",
    (client, { sealed }) => client.rewrap({ ...KEY, aad: NOTHING, sealed }),
  ],
  agree: ["x25519", (client) => client.agree({ ...KEY, remote: x25519.getPublicKey(PEER) })],
  derive: ["hkdf-sha256", (client) => client.derive({ ...KEY, context: NOTHING, length: 32 })],
  openFrom: [
    "x25519",
    (client, { sent }) => client.openFrom({ ...KEY, aad: NOTHING, sealed: sent }),
  ],
  rotate: ["ed25519", (client) => client.rotate(KEY)],
  update: ["ed25519", (client) => client.update({ ...KEY, ...RELABEL })],
  trim: ["ed25519", (client) => client.trim({ ...KEY, keep: 1 })],
  suspend: ["ed25519", (client) => client.suspend(KEY)],
  resume: ["ed25519", (client) => client.resume(KEY)],
  retire: ["ed25519", (client) => client.retire(KEY)],
  revoke: ["ed25519", (client) => client.revoke(KEY)],
  destroy: ["ed25519", (client) => client.destroy({ ...KEY, waitMs: WAIT_MS })],
  cancelDestroy: ["ed25519", (client) => client.cancelDestroy(KEY)],
  create: ["ed25519", (client) => client.create(wishFor("k", "ed25519"))],
};

const RELABEL = {
  ...{ mask: 1, label: "other", expiresMs: 0n, usesMax: 0n },
  ...{ minSign: 0, minOpen: 0, minVerify: 0 },
};

type Expectation = readonly [status: string, state: string];

/** What makes something new: in force alone. */
const makes: Readonly<Record<string, Expectation>> = {
  active: ["ok", "active"],
  suspended: ["EPERM", "suspended"],
  retired: ["EPERM", "retired"],
  revoked: ["EKEYREVOKED", "revoked"],
  destroying: ["EKEYREVOKED", "destroying"],
  destroyed: ["ENOENT", "destroyed"],
  expired: ["EEXPIRED", "active"],
};
/** What looks back at what was made: still after a retirement or an end. */
const looksBack = { ...makes, retired: ["ok", "retired"], expired: ["ok", "active"] } as const;
/** What cares for a key that is still somebody's. */
const cares = { ...looksBack, suspended: ["ok", "suspended"] } as const;

/** By operation and condition: the reply, and the state afterwards. */
const EXPECTED: Readonly<Record<string, Readonly<Record<string, Expectation>>>> = {
  get: Object.fromEntries(
    Object.entries(makes).map(([condition, [, state]]) => [condition, ["ok", state] as const]),
  ),
  ...{ sign: makes, seal: makes, rewrap: makes, agree: makes, rotate: makes },
  ...{ verify: looksBack, unseal: looksBack, derive: looksBack, openFrom: looksBack },
  ...{ update: cares, trim: cares },
  suspend: {
    ...{ active: ["ok", "suspended"], expired: ["ok", "suspended"] },
    ...{ suspended: ["EALREADY", "suspended"], retired: ["EPERM", "retired"] },
    ...{ revoked: ["EKEYREVOKED", "revoked"], destroying: ["EKEYREVOKED", "destroying"] },
    destroyed: ["ENOENT", "destroyed"],
  },
  resume: {
    ...{ active: ["EALREADY", "active"], expired: ["EALREADY", "active"] },
    ...{ suspended: ["ok", "active"], retired: ["EPERM", "retired"] },
    ...{ revoked: ["EKEYREVOKED", "revoked"], destroying: ["EKEYREVOKED", "destroying"] },
    destroyed: ["ENOENT", "destroyed"],
  },
  retire: {
    ...{ active: ["ok", "retired"], expired: ["ok", "retired"], suspended: ["ok", "retired"] },
    retired: ["EALREADY", "retired"],
    ...{ revoked: ["EKEYREVOKED", "revoked"], destroying: ["EKEYREVOKED", "destroying"] },
    destroyed: ["ENOENT", "destroyed"],
  },
  revoke: {
    ...{ active: ["ok", "revoked"], expired: ["ok", "revoked"], suspended: ["ok", "revoked"] },
    ...{ retired: ["ok", "revoked"], revoked: ["EALREADY", "revoked"] },
    // It waits on for its end, and comes back as revoked.
    ...{ destroying: ["ok", "destroying"], destroyed: ["ENOENT", "destroyed"] },
  },
  destroy: {
    ...{ active: ["ok", "destroying"], expired: ["ok", "destroying"] },
    ...{ suspended: ["ok", "destroying"], retired: ["ok", "destroying"] },
    ...{ revoked: ["ok", "destroying"], destroying: ["EALREADY", "destroying"] },
    destroyed: ["ENOENT", "destroyed"],
  },
  cancelDestroy: {
    ...{ active: ["EINVAL", "active"], expired: ["EINVAL", "active"] },
    ...{ suspended: ["EINVAL", "suspended"], retired: ["EINVAL", "retired"] },
    ...{ revoked: ["EINVAL", "revoked"], destroying: ["ok", "active"] },
    destroyed: ["ENOENT", "destroyed"],
  },
  create: {
    ...{ active: ["EALREADY", "active"], expired: ["EALREADY", "active"] },
    ...{ suspended: ["EALREADY", "suspended"], retired: ["EALREADY", "retired"] },
    ...{ revoked: ["EALREADY", "revoked"], destroying: ["EALREADY", "destroying"] },
    destroyed: ["ok", "active"],
  },
};

interface Stage {
  readonly client: Client;
  readonly clock: SetClock;
  readonly memory: MemoryKeys;
  readonly made: Made;
}

/** A key of two versions in a condition, and what it made while it was in force. */
async function staged(algorithm: AlgorithmName, condition: string): Promise<Stage> {
  const clock = setClock();
  const memory = memoryKeys();
  const { client } = await keystoreOn({ store: memoryKeyStore(memory), clock });
  const expiresMs = condition === "expired" ? BigInt(clock.ms) + END_MS : 0n;
  await did(client.create(wishFor("k", algorithm, { expiresMs })));
  await did(client.rotate(KEY));
  const made = await madeBy(client, algorithm);
  const turns: Readonly<Record<string, () => Promise<Told>>> = {
    suspended: () => client.suspend(KEY),
    retired: () => client.retire(KEY),
    revoked: () => client.revoke(KEY),
    destroying: () => client.destroy({ ...KEY, waitMs: WAIT_MS }),
    destroyed: () => client.destroy({ ...KEY, waitMs: WAIT_MS }),
  };
  const turn = turns[condition];
  if (turn !== undefined) await did(turn());
  if (condition === "expired") clock.ms += Number(END_MS);
  if (condition === "destroyed") clock.ms += Number(WAIT_MS);
  return { client, clock, memory, made };
}

async function madeBy(client: Client, algorithm: AlgorithmName): Promise<Made> {
  const made = { signature: NOTHING, sealed: NOTHING, sent: NOTHING };
  if (algorithm === "ed25519") {
    const { signature } = await did(client.sign({ ...KEY, message: MESSAGE }));
    return { ...made, signature: signature.slice() };
  }
  if (algorithm === "xchacha20-poly1305") {
    const request = { ...KEY, label: "", aad: NOTHING, plain: MESSAGE };
    return { ...made, sealed: (await did(client.seal(request))).sealed.slice() };
  }
  const told = await did(client.get(KEY));
  const recipient = told.versions.at(-1)?.publicKey.slice() ?? NOTHING;
  const how = { expiresMs: 0, label: "", aad: NOTHING, plain: MESSAGE };
  return { ...made, sent: sealSent({ ...how, recipient, ephemeralSecret: PEER }) };
}

type Ok<T> = Extract<T, { readonly status: "ok" }>;

async function did<T extends Told>(call: Promise<T>): Promise<Ok<T>> {
  const reply = await call;
  if (!isOk(reply)) throw new Error(`what leads there is refused: ${reply.status}`);
  return reply;
}

function isOk<T extends Told>(reply: T): reply is Ok<T> {
  return reply.status === "ok";
}

async function stateOf(client: Client): Promise<string> {
  const told = await client.get(KEY);
  return told.status === "ok" ? KEY_STATES[told.state] ?? "none" : told.status;
}

test("every operation has its cell in every condition, legal or not", () => {
  const [operations, conditions] = [[...KEY_OPERATIONS].sort(), [...CONDITIONS].sort()];
  deepEqual(Object.keys(EXPECTED).sort(), operations);
  deepEqual(Object.keys(CALLS).sort(), operations);
  for (const cells of Object.values(EXPECTED)) deepEqual(Object.keys(cells).sort(), conditions);
});

for (const [operation, [algorithm, call]] of Object.entries(CALLS)) {
  test(`${operation} is allowed and refused by the life of a key, and leaves its state`, async () => {
    for (const [condition, [status, state]] of Object.entries(EXPECTED[operation] ?? {})) {
      const { client, clock, memory, made } = await staged(algorithm, condition);
      // A key is ended by the first that looks at it: here by the operation itself.
      const refused = status !== "ok" && condition !== "destroyed";
      const before = memory.records.get("/state/keystore/mail/k/key");
      equal((await call(client, made)).status, status, `${operation} of one ${condition}`);
      const after = memory.records.get("/state/keystore/mail/k/key");
      if (refused) deepEqual(after, before, `${operation} of one ${condition} writes`);
      equal(await stateOf(client), state, `${operation} of one ${condition}`);
      const { client: again } = await keystoreOn({ store: memoryKeyStore(memory), clock });
      equal(await stateOf(again), state, `${operation} of one ${condition}, at the next start`);
    }
  });
}

test("a key that waits for its end comes back as what it was, and revoked if it was revoked", async () => {
  for (const condition of ["active", "suspended", "retired", "revoked"]) {
    for (const revokedMeanwhile of [false, true]) {
      const { client, memory, clock } = await staged("ed25519", condition);
      await did(client.destroy({ ...KEY, waitMs: WAIT_MS }));
      if (revokedMeanwhile) await did(client.revoke(KEY));
      equal(memory.marks.size, 1);
      clock.ms += Number(WAIT_MS) - 1;
      await did(client.cancelDestroy(KEY));
      equal(await stateOf(client), revokedMeanwhile ? "revoked" : condition);
      equal(memory.marks.size, 0);
    }
  }
});

test("a key whose end has come cannot be called back, and its next life has the next version", async () => {
  const { client, memory, clock } = await staged("ed25519", "destroying");
  clock.ms += Number(WAIT_MS);
  equal((await client.cancelDestroy(KEY)).status, "ENOENT");
  equal(memory.marks.size, 0);
  const reborn = await did(client.create(wishFor("k", "ed25519")));
  equal(reborn.version, 3);
  ok(reborn.versions.length === 1);
});
