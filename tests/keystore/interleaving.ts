/**
 * Requests about one key that come together, and what comes of them in an order in which the store,
 * rngd and policyd answer.
 *
 * @module
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { keyIdText } from "@services/keystored/client/key_id.ts";
import { KEY_STATES } from "@services/keystored/client/lifecycle.ts";
import { equal, ok } from "../fakes/assert.ts";
import {
  type Keystore,
  keystoreOn,
  type MemoryKeys,
  memoryKeys,
  memoryKeyStore,
  seededDraw,
  setClock,
  START_MS,
  wishFor,
} from "../fakes/keystore.ts";
import { turnedDraw, turnedStore, Turnstile } from "../fakes/turnstile.ts";
import { utf8 } from "./independent.ts";

const KEY = { app: "mail", key: "k" } as const;
/** Behind the other in the order of purposes: it is read later. */
const BOX = { app: "mail", key: "letterbox" } as const;
const ANOTHER = { app: "mail", key: "another" } as const;
const MESSAGE = utf8("message");
const NOTHING = new Uint8Array(0);
const WAIT_MS = 5_000;

/** What the steps of a scenario know. */
interface Setting {
  readonly keystore: Keystore;
  readonly sealed: Uint8Array;
  readonly firstId: string;
  /** To be checked against the public keys that the key had. */
  readonly signatures: { readonly version: number; readonly signature: Uint8Array }[];
}

/** A request, and what is compared of its reply. */
export type Step = (setting: Setting) => Promise<string>;

type Client = Keystore["client"];

const sign: Step = async ({ keystore: { client }, signatures }) => {
  const reply = await client.sign({ ...KEY, message: MESSAGE });
  if (reply.status !== "ok") return reply.status;
  const signature = reply.signature.slice();
  signatures.push({ version: reply.version, signature });
  return `ok ${reply.version}`;
};

const rotate: Step = async ({ keystore: { client } }) => {
  const reply = await client.rotate(KEY);
  return reply.status === "ok" ? `ok ${reply.version}` : reply.status;
};

const unseal: Step = async ({ keystore: { client }, sealed }) => {
  const reply = await client.unseal({ ...BOX, aad: NOTHING, sealed });
  return reply.status === "ok" ? `ok ${reply.plain}` : reply.status;
};

const seal: Step = async ({ keystore: { client } }) => {
  const reply = await client.seal({ ...BOX, label: "", aad: NOTHING, plain: MESSAGE });
  return reply.status === "ok" ? `ok ${reply.version}` : reply.status;
};

const byId: Step = async ({ keystore: { client }, firstId }) => {
  return (await client.verify({
    ...{ app: "mail", key: firstId, message: MESSAGE, signature: new Uint8Array(64) },
  })).status;
};

const byRevocation: Step = async ({ keystore: { client }, firstId }) => {
  return (await client.revoke({ app: "mail", key: firstId })).status;
};

const simple = (call: (client: Client) => Promise<{ readonly status: string }>): Step => {
  return async ({ keystore }) => (await call(keystore.client)).status;
};

const revoke = simple((client) => client.revoke(KEY));
const revokeBox = simple((client) => client.revoke(BOX));
const rotateBox = simple((client) => client.rotate(BOX));
const destroy = simple((client) => client.destroy({ ...KEY, waitMs: BigInt(WAIT_MS) }));
const cancel = simple((client) => client.cancelDestroy(KEY));
const create = simple((client) => client.create(wishFor("k", "ed25519")));
const another = simple((client) => client.create(wishFor("another", "ed25519")));
const trim = simple((client) => client.trim({ ...KEY, keep: 1 }));
const tend: Step = async ({ keystore: { ring } }) => {
  await ring.tend();
  return "tended";
};

export interface Scenario {
  readonly steps: readonly Step[];
  readonly usesMax?: bigint;
  /** Whether the key waits for its end, and whether that has come. */
  readonly ending?: "waits" | "due";
  /** Whether ids were asked for before, after a rotation. */
  readonly warm?: boolean;
}

/** Every step that there is, by its name. */
export const STEPS = {
  ...{ sign, rotate, unseal, seal, byId, byRevocation, revoke, revokeBox, rotateBox },
  ...{ destroy, cancel, create, another, trim, tend },
} as const satisfies Readonly<Record<string, Step>>;

export interface Prepared {
  readonly memory: MemoryKeys;
  readonly sealed: Uint8Array;
  readonly firstId: string;
}

export async function prepared({ usesMax = 0n, ending }: Scenario): Promise<Prepared> {
  const memory = memoryKeys();
  const draw = seededDraw("before");
  const { client } = await keystoreOn({ store: memoryKeyStore(memory), draw });
  const made = await client.create(wishFor("k", "ed25519", { usesMax }));
  ok(made.status === "ok");
  const firstId = keyIdText(made.keyId);
  equal((await client.create(wishFor("letterbox", "xchacha20-poly1305"))).status, "ok");
  const sealed = await client.seal({ ...BOX, label: "", aad: NOTHING, plain: MESSAGE });
  ok(sealed.status === "ok");
  const bytes = sealed.sealed.slice();
  if (ending !== undefined) {
    equal((await client.destroy({ ...KEY, waitMs: BigInt(WAIT_MS) })).status, "ok");
  }
  return { memory, sealed: bytes, firstId };
}

/** Runs the steps. @returns What came of them, and what is left of the key. */
export async function outcomeOf(
  scenario: Scenario,
  { memory: source, sealed, firstId }: Prepared,
  how: { readonly order: readonly number[] } | { choose(count: number): number },
): Promise<string> {
  const memory = { records: new Map(source.records), marks: new Set(source.marks) };
  const clock = setClock(START_MS + (scenario.ending === "due" ? WAIT_MS : 0));
  const turnstile = new Turnstile();
  const store = turnedStore(memoryKeyStore(memory), turnstile);
  const draw = turnedDraw(seededDraw("tried"), turnstile);
  const gate = () => turnstile.through(() => Promise.resolve(true));
  const keystore = await keystoreOn({ store, draw, clock, gate });
  const setting: Setting = { keystore, sealed, firstId, signatures: [] };
  if (scenario.warm === true) {
    const warmed = Promise.all([rotate(setting), byId(setting)]);
    await turnstile.drain(() => 0);
    await warmed;
  }
  setting.signatures.length = 0;
  const replies = scenario.steps.map(() => "no reply");
  const begin = (index: number) => {
    const step = scenario.steps[index];
    return step?.(setting).then((reply) => void (replies[index] = reply));
  };
  if ("order" in how) {
    for (const index of how.order) {
      begin(index);
      await turnstile.drain(() => 0);
    }
  } else {
    scenario.steps.forEach((_, index) => begin(index));
    await turnstile.drain(how.choose);
  }
  ok(!replies.includes("no reply"), `something waits for ever: ${replies}`);
  const left = leftOf(keystore.client, setting.signatures);
  await turnstile.drain(() => 0);
  const again = await keystoreOn({ store: memoryKeyStore(memory), clock });
  // Counters may be behind on the disk, but for a limit's.
  const [now, kept] = [await left, await leftOf(again.client, [])];
  if (scenario.usesMax !== undefined) equal(kept, now);
  return [...replies, now].join(" | ");
}

/** What is told of the key, and whether each of its versions is found by its id. */
async function leftOf(
  client: Client,
  signatures: Setting["signatures"],
): Promise<string> {
  const told = await client.get(KEY);
  if (told.status !== "ok") return told.status;
  const { used, state, version, minSign } = told;
  const versions = told.versions.map((each) => ({
    version: each.version,
    publicKey: each.publicKey.slice(),
    keyId: keyIdText(each.keyId),
  }));
  for (const { version, signature } of signatures) {
    const { publicKey } = versions.find((each) => each.version === version) ?? {};
    if (publicKey !== undefined) ok(ed25519.verify(signature, MESSAGE, publicKey));
  }
  const parts: unknown[] = [KEY_STATES[state], version, minSign, used];
  if (KEY_STATES[state] === "destroyed") return parts.join();
  const other = await client.get(ANOTHER);
  const ids = other.status === "ok" ? [keyIdText(other.keyId)] : [];
  for (const keyId of [...versions.map((each) => each.keyId), ...ids]) {
    parts.push(`by its id: ${(await client.get({ app: "mail", key: keyId })).status}`);
  }
  return parts.join();
}

function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, at) => order.toSpliced(at, 0, count - 1))
  );
}

/** What comes of the steps one after the other, in each order. */
export async function sequentialOutcomes(
  scenario: Scenario,
  start: Prepared,
): Promise<ReadonlySet<string>> {
  const outcomes = new Set<string>();
  for (const order of orders(scenario.steps.length)) {
    outcomes.add(await outcomeOf(scenario, start, { order }));
  }
  return outcomes;
}
