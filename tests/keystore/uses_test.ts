/**
 * What a key is for, and which of its versions still do it.
 *
 * @module
 */

import { x25519 } from "@noble/curves/ed25519.js";
import { keyIdText } from "@services/keystored/client/key_id.ts";
import { HELD_MAX } from "@services/keystored/keys/key_cells.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  wishFor,
} from "../fakes/keystore.ts";
import { test } from "../fakes/test.ts";
import { sealSent, utf8 } from "./independent.ts";

const NOTHING = new Uint8Array(0);
const MESSAGE = utf8("message");
const SENT = {
  ...{ ephemeralSecret: new Uint8Array(32).fill(2), expiresMs: 0, label: "", aad: NOTHING },
  plain: MESSAGE,
};
const LEAST = { label: "", expiresMs: 0n, usesMax: 0n, minSign: 1, minOpen: 1, minVerify: 1 };

type Client = Keystore["client"];

async function uses(client: Client, key: string, sealed = MESSAGE): Promise<readonly string[]> {
  const ref = { app: "mail", key };
  const remote = x25519.getPublicKey(new Uint8Array(32).fill(3));
  const replies = [
    await client.sign({ ...ref, message: MESSAGE }),
    await client.verify({ ...ref, message: MESSAGE, signature: new Uint8Array(64) }),
    await client.seal({ ...ref, label: "", aad: NOTHING, plain: MESSAGE }),
    await client.unseal({ ...ref, aad: NOTHING, sealed }),
    await client.rewrap({ ...ref, aad: NOTHING, sealed }),
    await client.agree({ ...ref, remote }),
    await client.derive({ ...ref, context: NOTHING, length: 16 }),
    await client.openFrom({ ...ref, aad: NOTHING, sealed }),
  ];
  return replies.map(({ status }) => status);
}

test("a key does what its algorithm does, and nothing else", async () => {
  const { client } = await keystoreOn();
  const no = "EINVAL";
  const expected = {
    "ed25519": ["ok", "ok", no, no, no, no, no, no],
    "xchacha20-poly1305": [no, no, "ok", "ok", "ok", no, no, no],
    "x25519": [no, no, no, no, no, "ok", no, "ok"],
    "hkdf-sha256": [no, no, no, no, no, no, "ok", no],
  } as const;
  for (const [index, statuses] of Object.entries(expected)) {
    const algorithm = index as keyof typeof expected; // one of its keys
    const made = await client.create(wishFor("k", algorithm, { app: `app-${algorithm}` }));
    ok(made.status === "ok");
    const ref = { app: made.app, key: "k" };
    let sealed = MESSAGE;
    if (algorithm === "x25519") {
      sealed = sealSent({ ...SENT, recipient: made.versions[0]?.publicKey.slice() ?? NOTHING });
    }
    if (algorithm === "xchacha20-poly1305") {
      const reply = await client.seal({ ...ref, label: "", aad: NOTHING, plain: MESSAGE });
      ok(reply.status === "ok");
      sealed = reply.sealed.slice();
    }
    const used = await usesOf(client, ref.app, sealed);
    deepEqual(used, statuses, algorithm);
  }
});

async function usesOf(client: Client, app: string, sealed: Uint8Array): Promise<readonly string[]> {
  const scoped = new Proxy(client, {
    get: (target, name) => (request: Record<string, unknown>) =>
      Reflect.get(target, name)({ ...request, app }),
  });
  return await uses(scoped, "k", sealed);
}

test("a key that is not for a use refuses it with EPERM", async () => {
  const { client } = await keystoreOn();
  for (
    const [bits, agree, open] of [[4, "ok", "EPERM"], [2, "EPERM", "ok"], [6, "ok", "ok"]] as const
  ) {
    const purpose = `k${bits}`;
    const made = await client.create(wishFor(purpose, "x25519", { uses: bits }));
    ok(made.status === "ok");
    equal(made.uses, bits);
    const recipient = made.versions[0]?.publicKey.slice() ?? NOTHING;
    const used = await uses(client, purpose, sealSent({ ...SENT, recipient }));
    deepEqual([used[5], used[7]], [agree, open]);
  }
});

test("the least versions hold for each use, by purpose and by id", async () => {
  const { client } = await keystoreOn();
  const ref = { app: "mail", key: "k" };
  const made = await client.create(wishFor("k", "x25519"));
  ok(made.status === "ok");
  const recipient = made.versions[0]?.publicKey.slice() ?? NOTHING;
  const sealed = sealSent({ ...SENT, recipient });
  const open = async () => (await client.openFrom({ ...ref, aad: NOTHING, sealed })).status;
  await client.rotate(ref);
  equal(await open(), "ok");
  await client.update({ ...ref, ...LEAST, mask: 16, minOpen: 2 });
  equal(await open(), "EEXPIRED");
  const root = { app: "mail", key: "root" };
  const first = await client.create(wishFor("root", "hkdf-sha256"));
  ok(first.status === "ok");
  const named = { app: "mail", key: keyIdText(first.keyId), context: NOTHING, length: 16 };
  const derived = await client.derive(named);
  ok(derived.status === "ok");
  const bytes = derived.derived.slice();
  await client.rotate(root);
  const again = await client.derive(named);
  ok(again.status === "ok");
  deepEqual(again.derived, bytes, "a version that is named derives what it derived");
  await client.update({ ...root, ...LEAST, mask: 16, minOpen: 2 });
  equal((await client.derive(named)).status, "EEXPIRED");
  const signer = await client.create(wishFor("signer", "ed25519"));
  ok(signer.status === "ok");
  const byId = { app: "mail", key: keyIdText(signer.keyId) };
  const signature = new Uint8Array(64);
  await client.rotate({ app: "mail", key: "signer" });
  equal((await client.verify({ ...byId, message: MESSAGE, signature })).status, "ok");
  await client.update({ app: "mail", key: "signer", ...LEAST, mask: 32, minVerify: 2 });
  equal((await client.verify({ ...byId, message: MESSAGE, signature })).status, "EEXPIRED");
});

test("an older version signs again when somebody lowers the least, and by its id alone", async () => {
  const { client } = await keystoreOn();
  const made = await client.create(wishFor("k", "ed25519"));
  ok(made.status === "ok");
  const byId = { app: "mail", key: keyIdText(made.keyId), message: MESSAGE };
  const ref = { app: "mail", key: "k" };
  await client.rotate(ref);
  equal((await client.sign(byId)).status, "EEXPIRED");
  await client.update({ ...ref, ...LEAST, mask: 8, minSign: 1 });
  const [old, newest] = [await client.sign(byId), await client.sign({ ...ref, message: MESSAGE })];
  deepEqual([old, newest].map((reply) => reply.status === "ok" && reply.version), [1, 2]);
});

test("a use that is refused costs nothing of a limit, and a batch costs one", async () => {
  const { client } = await keystoreOn();
  const ref = { app: "mail", key: "k" };
  await client.create(wishFor("k", "xchacha20-poly1305", { usesMax: 3n }));
  for (let attempt = 0; attempt < 5; attempt++) {
    equal((await client.unseal({ ...ref, aad: NOTHING, sealed: MESSAGE })).status, "EINVAL");
    equal((await client.sign({ ...ref, message: MESSAGE })).status, "EINVAL");
  }
  const inputs = [MESSAGE, MESSAGE, MESSAGE].map((plain) => ({ label: "", aad: NOTHING, plain }));
  for (const used of [1n, 2n, 3n]) {
    equal((await client.sealMany({ ...ref, inputs })).status, "ok");
    const told = await client.get(ref);
    equal(told.status === "ok" && told.used, used);
  }
  deepEqual(await client.sealMany({ ...ref, inputs }), { status: "EDQUOTA", used: 3n, limit: 3n });
});

test("keys that are not held any more are read again, and counters are not let go", async () => {
  const memory = memoryKeys();
  const { client } = await keystoreOn({ store: memoryKeyStore(memory) });
  const extra = 40;
  const apps = [0, 1, 2].map((index) => `app${index}`);
  for (let index = 0; index < HELD_MAX + extra; index++) {
    const app = apps[index % 3] ?? "";
    const made = await client.create({ ...wishFor(`k${index}`, "hkdf-sha256"), app });
    equal(made.status, "ok");
  }
  const first = { app: "app0", key: "k0" };
  // Counted, and used longest ago.
  equal((await client.derive({ ...first, context: NOTHING, length: 16 })).status, "ok");
  const reads: string[] = [];
  const get = memory.records.get.bind(memory.records);
  memory.records.get = (path) => {
    reads.push(path);
    return get(path);
  };
  for (let index = 1; index < HELD_MAX + extra; index++) {
    const { status } = await client.get({ app: apps[index % 3] ?? "", key: `k${index}` });
    equal(status, "ok");
  }
  ok(reads.length >= extra, `${reads.length}`);
  const told = await client.get(first);
  equal(told.status === "ok" && told.used, 1n);
});
