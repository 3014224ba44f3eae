/**
 * A store that fails, or a cut, at any write of any change of a key: afterwards there is the key before
 * or the key after, in memory and on the disk, and never another, none or half of one.
 *
 * @module
 */

import { keyIdText } from "@services/keystored/client/key_id.ts";
import { KEY_STATES } from "@services/keystored/client/lifecycle.ts";
import { deepEqual, equal, notDeepEqual, ok } from "../fakes/assert.ts";
import { faultyKeyStore, type StoreFault } from "../fakes/faulty_key_store.ts";
import {
  type Keystore,
  keystoreOn,
  type KeystoreOptions,
  type MemoryKeys,
  memoryKeys,
  memoryKeyStore,
  seededDraw,
  type SetClock,
  setClock,
  wishFor,
} from "../fakes/keystore.ts";
import { test } from "../fakes/test.ts";
import { utf8 } from "./independent.ts";

const KEY = { app: "mail", key: "k" } as const;
const MESSAGE = utf8("message");
const WAIT_MS = 5_000;
const KEPT = { label: "", expiresMs: 0n, usesMax: 0n, minSign: 0, minOpen: 0, minVerify: 0 };

type Client = Keystore["client"];
type Step = (client: Client) => Promise<{ readonly status: string }>;

const make: Step = (client) => client.create(wishFor("k", "ed25519"));
const rotate: Step = (client) => client.rotate(KEY);
const destroy: Step = (client) => client.destroy({ ...KEY, waitMs: BigInt(WAIT_MS) });
const look: Step = (client) => client.get(KEY);

interface Change {
  /** What comes before, on a store that works. */
  readonly before: readonly Step[];
  /** Time that goes by then. */
  readonly waitMs?: number;
  readonly change: Step;
}

const CHANGES: Readonly<Record<string, Change>> = {
  create: { before: [], change: make },
  rotate: { before: [make, rotate], change: rotate },
  revoke: { before: [make, rotate], change: (client) => client.revoke(KEY) },
  suspend: { before: [make], change: (client) => client.suspend(KEY) },
  resume: { before: [make, (c) => c.suspend(KEY)], change: (client) => client.resume(KEY) },
  retire: { before: [make], change: (client) => client.retire(KEY) },
  destroy: { before: [make, rotate], change: destroy },
  "cancel destroy": { before: [make, destroy], change: (client) => client.cancelDestroy(KEY) },
  "the end": { before: [make, rotate, destroy], waitMs: WAIT_MS, change: look },
  "a new life": { before: [make, destroy], waitMs: WAIT_MS, change: make },
  trim: { before: [make, rotate, rotate], change: (client) => client.trim({ ...KEY, keep: 2 }) },
  update: {
    before: [make, rotate],
    change: (client) => client.update({ ...KEY, ...KEPT, mask: 1, label: "other" }),
  },
};

/** Everything that is told of a key but the times; `absent` where there is none. */
async function told(client: Client): Promise<unknown> {
  const reply = await client.get(KEY);
  if (reply.status !== "ok") return reply.status;
  const { state, version, label, minSign, versions, destroyMs, used } = reply;
  const held = versions.map((each) => [each.version, each.publicKey.slice()]);
  return [KEY_STATES[state], version, label, minSign, destroyMs, used, held];
}

interface Stage {
  readonly memory: MemoryKeys;
  readonly clock: SetClock;
}

/** What comes before draws other bytes than what is tried. */
function setUp(options: KeystoreOptions): Promise<Keystore> {
  return keystoreOn({ ...options, draw: seededDraw("before") });
}

async function staged({ before, waitMs = 0 }: Change): Promise<Stage> {
  const [memory, clock] = [memoryKeys(), setClock()];
  const { client } = await setUp({ store: memoryKeyStore(memory), clock });
  for (const step of before) equal((await step(client)).status, "ok");
  clock.ms += waitMs;
  return { memory, clock };
}

function copied({ records, marks }: MemoryKeys): MemoryKeys {
  return { records: new Map(records), marks: new Set(marks) };
}

/** All that can go wrong at one of so many writes. */
function* faults(count: number): Generator<StoreFault> {
  for (let at = 0; at < count; at++) {
    for (const made of [false, true]) {
      for (const cut of [false, true]) yield { at, made, cut };
    }
  }
}

/** What a key is while nobody looks: read from the disk, at a time before any end. */
async function onDisk(memory: MemoryKeys, clock: SetClock): Promise<unknown> {
  return await told((await keystoreOn({ store: memoryKeyStore(copied(memory)), clock })).client);
}

for (const [name, change] of Object.entries(CHANGES)) {
  test(`a write of ${name} that fails leaves the key before or the key after`, async () => {
    const stage = await staged(change);
    const early = setClock(stage.clock.ms - (change.waitMs ?? 0));
    const before = await onDisk(stage.memory, early);
    const whole = faultyKeyStore(memoryKeyStore(copied(stage.memory)));
    const done = await keystoreOn({ store: whole, clock: stage.clock });
    equal((await change.change(done.client)).status, "ok");
    const after = await told(done.client);
    notDeepEqual(after, before);
    ok(whole.changes > 0);
    for (const fault of faults(whole.changes)) {
      const where = JSON.stringify(fault);
      const memory = copied(stage.memory);
      const store = faultyKeyStore(memoryKeyStore(memory), fault);
      const { client } = await keystoreOn({ store, clock: stage.clock });
      const { status } = await change.change(client);
      const left = await onDisk(memory, early);
      const isOld = isSame(left, before);
      // A key's next life is drawn anew: what it is may differ, and that it is one may not.
      ok(isOld || status !== "unavailable" || fault.made || change.waitMs !== undefined, where);
      if (!isOld && change.waitMs === undefined) deepEqual(left, after, where);
      const marked = memory.marks.size > 0;
      ok(marked || !String(left).startsWith("destroying"), `${where}: nothing finds its end`);
      if (status === "ok") equal(isOld && change.waitMs === undefined, false, where);
      if (!fault.cut) await goesOn(client, change, { memory, clock: stage.clock }, where);
      const again = await keystoreOn({ store: memoryKeyStore(memory), clock: stage.clock });
      await goesOn(again.client, change, { memory, clock: stage.clock }, `${where}, again`);
    }
  });
}

function isSame(left: unknown, right: unknown): boolean {
  return Deno.inspect(left, { depth: 9, iterableLimit: 99 }) ===
    Deno.inspect(right, { depth: 9, iterableLimit: 99 });
}

/** After a failure the change can be made, or was; then memory and disk say the same. */
async function goesOn(
  client: Client,
  { change }: Change,
  { memory, clock }: Stage,
  where: string,
): Promise<void> {
  const { status } = await change(client);
  const again: Readonly<Record<string, boolean>> = {
    ...{ ok: true, EALREADY: true, EINVAL: true, EKEYREVOKED: true, EPERM: true },
  };
  ok(again[status], `${where}: ${status}`);
  const reply = await client.get(KEY);
  ok(reply.status === "ok", `${where}: the key is gone`);
  deepEqual(await told(client), await onDisk(memory, clock), where);
  const destroyed = KEY_STATES[reply.state] === "destroyed";
  for (const { keyId } of reply.versions) {
    const named = await client.get({ app: "mail", key: keyIdText(keyId) });
    equal(named.status, destroyed ? "ENOENT" : "ok", where);
  }
  if (KEY_STATES[reply.state] !== "active") return;
  const signed = await client.sign({ ...KEY, message: MESSAGE });
  ok(signed.status === "ok", where);
  const signature = signed.signature.slice();
  const verified = await client.verify({ ...KEY, message: MESSAGE, signature });
  ok(verified.status === "ok" && verified.valid === 1, where);
}

test("what a key signed before a rotation that failed is verified after it", async () => {
  const [clock, source] = [setClock(), memoryKeys()];
  const setup = await setUp({ store: memoryKeyStore(source), clock });
  await make(setup.client);
  const signed = await setup.client.sign({ ...KEY, message: MESSAGE });
  ok(signed.status === "ok");
  const signature = signed.signature.slice();
  for (const fault of faults(1)) {
    const memory = copied(source);
    const store = faultyKeyStore(memoryKeyStore(memory), fault);
    const broken = await keystoreOn({ store, clock });
    equal((await rotate(broken.client)).status, "unavailable");
    const again = await keystoreOn({ store: memoryKeyStore(memory), clock });
    for (const { client } of fault.cut ? [again] : [broken, again]) {
      const verified = await client.verify({ ...KEY, message: MESSAGE, signature });
      deepEqual([verified.status, "version" in verified && verified.version], ["ok", 1]);
    }
  }
});

test("a revoked key stays revoked, whatever fails afterwards", async () => {
  const [clock, source] = [setClock(), memoryKeys()];
  const setup = await setUp({ store: memoryKeyStore(source), clock });
  for (const step of [make, rotate]) await step(setup.client);
  equal((await setup.client.revoke(KEY)).status, "ok");
  const steps: readonly Step[] = [
    ...[rotate, make, (client: Client) => client.resume(KEY), destroy],
    (client) => client.cancelDestroy(KEY),
    (client) => client.trim({ ...KEY, keep: 1 }),
  ];
  for (const fault of faults(5)) {
    const memory = copied(source);
    const store = faultyKeyStore(memoryKeyStore(memory), fault);
    const { client } = await keystoreOn({ store, clock });
    for (const step of steps) await step(client);
    const again = await keystoreOn({ store: memoryKeyStore(memory), clock });
    equal((await again.client.sign({ ...KEY, message: MESSAGE })).status, "EKEYREVOKED");
    await again.client.cancelDestroy(KEY);
    equal((await again.client.sign({ ...KEY, message: MESSAGE })).status, "EKEYREVOKED");
  }
});

const LIMIT = 3;

/** Signs until it is refused. @returns How many signatures were handed out. */
async function signedOut(client: Client): Promise<number> {
  let signatures = 0;
  for (let attempt = 0; attempt < 3 * LIMIT; attempt++) {
    const { status } = await client.sign({ ...KEY, message: MESSAGE });
    if (status === "ok") signatures += 1;
  }
  return signatures;
}

test("a limit of uses holds over every cut, and a cut costs one use at most", async () => {
  const [clock, source] = [setClock(), memoryKeys()];
  const setup = await setUp({ store: memoryKeyStore(source), clock });
  await setup.client.create(wishFor("k", "ed25519", { usesMax: BigInt(LIMIT) }));
  for (const fault of faults(LIMIT + 1)) {
    const where = JSON.stringify(fault);
    const memory = copied(source);
    const store = faultyKeyStore(memoryKeyStore(memory), fault);
    const { client } = await keystoreOn({ store, clock });
    const first = await signedOut(client);
    const again = await keystoreOn({ store: memoryKeyStore(memory), clock });
    const whole = first + await signedOut(again.client);
    const cost = fault.made && fault.at < LIMIT ? 1 : 0;
    equal(whole, LIMIT - cost, where);
  }
});

test("a limit of uses holds when the node ends after each use", async () => {
  const [clock, memory] = [setClock(), memoryKeys()];
  let signatures = 0;
  for (let boot = 0; boot < 2 * LIMIT; boot++) {
    const { client } = await keystoreOn({ store: memoryKeyStore(memory), clock });
    if (boot === 0) await client.create(wishFor("k", "ed25519", { usesMax: BigInt(LIMIT) }));
    const { status } = await client.sign({ ...KEY, message: MESSAGE });
    if (status === "ok") signatures += 1;
    const info = await client.get(KEY);
    ok(info.status === "ok");
    equal(
      info.used,
      BigInt(Math.min(LIMIT, boot + 1)),
      "a use stands on the disk before it happens",
    );
  }
  equal(signatures, LIMIT);
});

test("rngd that gives nothing loses no key, and the next request works", async () => {
  const memory = memoryKeys();
  let gives = true;
  const draw = (length: number) => {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    return Promise.resolve(gives ? bytes : undefined);
  };
  const { client } = await keystoreOn({ store: memoryKeyStore(memory), draw });
  await client.create(wishFor("k", "ed25519", { usesMax: 2n }));
  const kept = memory.records.get("/state/keystore/mail/k/key");
  gives = false;
  equal((await client.rotate(KEY)).status, "unavailable");
  equal((await client.revoke(KEY)).status, "unavailable");
  equal((await client.sign({ ...KEY, message: MESSAGE })).status, "unavailable");
  equal((await client.create(wishFor("other", "ed25519"))).status, "unavailable");
  deepEqual(memory.records.get("/state/keystore/mail/k/key"), kept);
  equal(memory.records.size, 1);
  gives = true;
  for (const status of ["ok", "ok", "EDQUOTA"]) {
    equal((await client.sign({ ...KEY, message: MESSAGE })).status, status);
  }
  equal((await client.create(wishFor("other", "ed25519"))).status, "ok");
});

test("rngd that gives zeros alone makes no key", async () => {
  const draw = (length: number) => Promise.resolve(new Uint8Array(length));
  const { client, ring } = await keystoreOn({ draw });
  equal((await client.create(wishFor("k", "ed25519"))).status, "unavailable");
  equal(ring.names.count, 0);
});

test("counters without a limit are not lost when the store fails, and a next life begins at none", async () => {
  const [memory, clock] = [memoryKeys(), setClock()];
  for (const made of [false, true]) {
    memory.records.clear();
    const store = faultyKeyStore(memoryKeyStore(memory), { at: 1, made, cut: false });
    const { client, ring } = await keystoreOn({ store, clock });
    await make(client);
    for (let use = 0; use < 3; use++) await client.sign({ ...KEY, message: MESSAGE });
    await ring.tend();
    await ring.tend();
    const again = await keystoreOn({ store: memoryKeyStore(memory), clock });
    for (const each of [client, again.client]) {
      const info = await each.get(KEY);
      ok(info.status === "ok");
      equal(info.used, 3n);
    }
    memory.records.clear();
  }
  // Made, marked, destroyed, ended, unmarked, and made anew: whether it was, is not known.
  const store = faultyKeyStore(memoryKeyStore(memory), { at: 5, made: true, cut: false });
  const { client } = await keystoreOn({ store, clock });
  await make(client);
  for (let use = 0; use < 3; use++) await client.sign({ ...KEY, message: MESSAGE });
  await destroy(client);
  clock.ms += WAIT_MS;
  equal((await make(client)).status, "unavailable");
  const info = await client.get(KEY);
  deepEqual(info.status === "ok" && [info.used, info.version], [0n, 2]);
});
