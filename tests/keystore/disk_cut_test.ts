/**
 * Cuts at any write and flush of statefsd's disk below keystored, with every fate of what was not
 * flushed: keys that were acknowledged are there, and no limit is passed.
 *
 * @module
 */

import { KEY_STATES } from "@services/keystored/client/lifecycle.ts";
import { stateKeyStore } from "@services/keystored/keys/state_key_store.ts";
import { equal, ok } from "../fakes/assert.ts";
import { type Keystore, keystoreOn, seededDraw, setClock, wishFor } from "../fakes/keystore.ts";
import type { Fate } from "../fakes/lossy_disk.ts";
import { servedState } from "../fakes/served_state.ts";
import { formattedImage } from "../fakes/statefs.ts";
import { test } from "../fakes/test.ts";
import { utf8 } from "./independent.ts";

const KEY = { app: "mail", key: "k" } as const;
const LIMITED = { app: "mail", key: "limited" } as const;
const MESSAGE = utf8("message");
const LIMIT = 2;
const BLOCKS = 129;

/** What was acknowledged, and what the last request may have done. */
interface Seen {
  /** Newest versions that there may be. */
  versions: readonly number[];
  /** States that the key may be in. */
  states: readonly string[];
  /** What was signed, by version. */
  readonly signed: { readonly version: number; readonly signature: Uint8Array }[];
  limitedSigned: number;
}

type Client = Keystore["client"];
type Step = (client: Client, seen: Seen) => Promise<void>;

const create: Step = async (client, seen) => {
  seen.versions = [0, 1];
  const { status } = await client.create(wishFor("k", "ed25519"));
  if (status === "ok") seen.versions = [1];
  await client.create(wishFor("limited", "ed25519", { usesMax: BigInt(LIMIT) }));
};

const rotate: Step = async (client, seen) => {
  const [newest = 0] = seen.versions.slice(-1);
  seen.versions = [...seen.versions, newest + 1];
  if ((await client.rotate(KEY)).status === "ok") seen.versions = [newest + 1];
};

const sign: Step = async (client, seen) => {
  const reply = await client.sign({ ...KEY, message: MESSAGE });
  if (reply.status !== "ok") return;
  seen.signed.push({ version: reply.version, signature: reply.signature.slice() });
};

const signLimited: Step = async (client, seen) => {
  const { status } = await client.sign({ ...LIMITED, message: MESSAGE });
  if (status === "ok") seen.limitedSigned += 1;
};

const turn = (to: string, call: (client: Client) => Promise<{ status: string }>): Step => {
  return async (client, seen) => {
    seen.states = [...seen.states, to];
    if ((await call(client)).status === "ok") seen.states = [to];
  };
};

const STEPS: readonly Step[] = [
  ...[create, sign, rotate, sign, signLimited, rotate, signLimited, signLimited],
  turn("destroying", (client) => client.destroy({ ...KEY, waitMs: 5_000n })),
  turn("active", (client) => client.cancelDestroy(KEY)),
  sign,
  turn("revoked", (client) => client.revoke(KEY)),
];

function fates(count: number): Fate[][] {
  const kinds: readonly Fate[] = ["lost", "kept", "torn"];
  const all = kinds.map((kind) => Array.from({ length: count }, () => kind));
  const alone = Array.from(
    { length: count },
    (_, at) =>
      kinds.flatMap((kind) =>
        kinds.map((rest) => Array.from({ length: count }, (_, each) => each === at ? kind : rest))
      ),
  );
  return [...all, ...alone.flat()];
}

async function stateOf(client: Client): Promise<readonly [version: number, state: string]> {
  const told = await client.get(KEY);
  if (told.status === "ENOENT") return [0, "active"];
  ok(told.status === "ok", told.status);
  return [told.version, KEY_STATES[told.state] ?? ""];
}

/** Opens what a cut left, and looks at every key. */
async function survives(image: Uint8Array, seen: Seen, where: string): Promise<void> {
  const state = await servedState(image);
  ok(state !== undefined, `${where}: the image does not open`);
  const store = stateKeyStore(state.client);
  const { client } = await keystoreOn({ store, clock: setClock(), draw: seededDraw("after") });
  const [version, lived] = await stateOf(client);
  ok(seen.versions.includes(version), `${where}: version ${version} of ${seen.versions}`);
  ok(seen.states.includes(lived), `${where}: ${lived} of ${seen.states}`);
  for (const { version, signature } of lived === "active" ? seen.signed : []) {
    const verified = await client.verify({ ...KEY, message: MESSAGE, signature });
    ok(verified.status === "ok" && verified.version === version, `${where}: ${verified.status}`);
  }
  let { limitedSigned } = seen;
  for (let attempt = 0; attempt <= LIMIT; attempt++) {
    const { status } = await client.sign({ ...LIMITED, message: MESSAGE });
    if (status === "ok") limitedSigned += 1;
  }
  ok(limitedSigned <= LIMIT, `${where}: ${limitedSigned} uses`);
  equal((await client.create(wishFor("new", "ed25519"))).status, "ok", where);
}

async function run(image: Uint8Array, cutAt: number) {
  const seen: Seen = { versions: [0], states: ["active"], signed: [], limitedSigned: 0 };
  const state = await servedState(image, { cutAt });
  if (state === undefined) return undefined;
  const store = stateKeyStore(state.client);
  const { client } = await keystoreOn({ store, clock: setClock() });
  for (const step of STEPS) await step(client, seen);
  return { seen, disk: state.disk };
}

test("a cut at any write of the disk leaves keys as they were acknowledged, and no limit passed", async () => {
  const image = await formattedImage(BLOCKS);
  const whole = await run(image, Infinity);
  ok(whole !== undefined);
  equal(whole.seen.limitedSigned, LIMIT);
  equal(whole.seen.signed.length, 3);
  let cuts = 0;
  for (let first = 0; first < whole.disk.operations; first++) {
    const cut = await run(image, first);
    if (cut === undefined) continue;
    cuts += 1;
    for (const fate of fates(cut.disk.unsyncedCount)) {
      const left = cut.disk.afterCut((index) => fate[index] ?? "lost", 1 + first * 37 % 511);
      await survives(left, cut.seen, `operation ${first}, ${fate.join(" ")}`);
    }
  }
  ok(cuts > STEPS.length, `${cuts}`);
});
