/**
 * keystore v1.1 over a folder: the proof that TASK-0159 asks for, `keystore_v1_1_host`.
 *
 * Keys are drawn from a seed, INSECURE, so that every output is known beforehand. The seed is
 * {@linkcode seededDraw}'s and is never a node's.
 *
 * @module
 */

import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { toHex } from "@runtime/core/hex.ts";
import { KeyError, NexusKeys } from "@services/keystored/client/mod.ts";
import { deepEqual, equal, notDeepEqual, ok, rejects } from "../fakes/assert.ts";
import { folderKeyStore } from "../fakes/folder_key_store.ts";
import { keystoreOn, seededDraw, type SetClock, setClock, START_MS } from "../fakes/keystore.ts";
import { test } from "../fakes/test.ts";
import {
  commitment,
  hkdf,
  keyId,
  openSent,
  sealOwn,
  sealSent,
  sha256,
  utf8,
} from "./independent.ts";

const LETTERS = { app: "mail", key: "letters" } as const;
const BOX = { app: "mail", key: "box" } as const;
const SEED = "keystore_v1_1_host";
const MESSAGE = utf8("a letter");
const FRIEND = new Uint8Array(32).fill(7);

interface Host {
  readonly keys: NexusKeys;
  readonly clock: SetClock;
  readonly folder: string;
  /** keystored again, over the same folder. */
  again(): Promise<NexusKeys>;
}

async function onHost(body: (host: Host) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "nx-keystore-" });
  try {
    const clock = setClock();
    const draw = seededDraw(SEED);
    const opened = async () => {
      const store = folderKeyStore(folder);
      return new NexusKeys((await keystoreOn({ store, draw, clock, seeded: true })).channel);
    };
    await body({ keys: await opened(), clock, folder, again: opened });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What the seed gives from an offset on, worked out here. */
function drawn(offset: number, length: number): Uint8Array {
  const blocks = Array.from({ length: 40 }, (_, index) => [...sha256(utf8(`${SEED}:${index}`))]);
  return Uint8Array.from(blocks.flat().slice(offset, offset + length));
}

async function refused(code: string, call: Promise<unknown>): Promise<void> {
  await rejects(call, (error) => {
    ok(error instanceof KeyError, String(error));
    equal(error.code, code);
    return true;
  });
}

test("keystore_v1_1_host: a key is made, told, rotated and revoked, by the injected clock", async () => {
  await onHost(async ({ keys, clock, again }) => {
    const made = await keys.create({
      ...{ app: "mail", purpose: "letters", algorithm: "ed25519", label: "outgoing" },
      ...{ expiresMs: START_MS + 1_000_000, maxUses: 9n },
    });
    const publicKey = ed25519.getPublicKey(drawn(0, 32));
    const id = keyId({ ...LETTERS, purpose: "letters", code: 1, version: 1, publicKey });
    deepEqual(made, {
      ...{ app: "mail", purpose: "letters", algorithm: "ed25519", uses: ["sign"] },
      ...{ state: "active", version: 1, keyId: `nk1-${toHex(id)}`, label: "outgoing" },
      ...{ createdMs: START_MS, changedMs: START_MS, expiresMs: START_MS + 1_000_000 },
      ...{ destroyMs: undefined, maxUses: 9n, used: 0n, lastUsedMs: undefined },
      ...{ imported: false, test: true, creator: "tester" },
      minimum: { sign: 1, open: 1, verify: 1 },
      versions: [{ version: 1, keyId: `nk1-${toHex(id)}`, publicKey, createdMs: START_MS }],
    });
    await refused("EALREADY", keys.create({ ...LETTERS, purpose: "letters", algorithm: "x25519" }));
    await refused("ENOENT", keys.get(BOX));
    clock.ms += 5_000;
    const rotated = await keys.rotate(LETTERS);
    deepEqual([rotated.version, rotated.changedMs, rotated.createdMs], [
      2,
      START_MS + 5_000,
      START_MS,
    ]);
    deepEqual(rotated.versions.map(({ version, createdMs }) => [version, createdMs]), [
      [1, START_MS],
      [2, START_MS + 5_000],
    ]);
    notDeepEqual(rotated.versions[1]?.publicKey, publicKey);
    clock.ms += 5_000;
    const revoked = await keys.revoke(LETTERS);
    deepEqual([revoked.state, revoked.changedMs], ["revoked", START_MS + 10_000]);
    await refused("EALREADY", keys.revoke(LETTERS));
    deepEqual(await (await again()).get(LETTERS), revoked);
  });
});

test("keystore_v1_1_host: what a key signs is verified, by it and by anybody", async () => {
  await onHost(async ({ keys }) => {
    await keys.create({ ...LETTERS, purpose: "letters", algorithm: "ed25519" });
    const { signature, version } = await keys.sign(LETTERS, MESSAGE);
    equal(version, 1);
    const { versions: [first] } = await keys.get(LETTERS);
    ok(first !== undefined && ed25519.verify(signature, MESSAGE, first.publicKey));
    equal(await keys.verify(LETTERS, MESSAGE, signature), 1);
    equal(await keys.verify(LETTERS, utf8("b letter"), signature), undefined);
    for (let bit = 0; bit < 8 * signature.length; bit++) {
      const at = bit >>> 3;
      const changed = signature.with(at, (signature[at] ?? 0) ^ 1 << (bit & 7));
      equal(await keys.verify(LETTERS, MESSAGE, changed), undefined, `bit ${bit}`);
    }
  });
});

test("keystore_v1_1_host: after a rotation old signatures hold, and the new version signs", async () => {
  await onHost(async ({ keys, again }) => {
    const made = await keys.create({ ...LETTERS, purpose: "letters", algorithm: "ed25519" });
    const old = await keys.sign(LETTERS, MESSAGE);
    const rotated = await keys.rotate(LETTERS);
    for (const store of [keys, await again()]) {
      const fresh = await store.sign(LETTERS, MESSAGE);
      deepEqual([fresh.version, fresh.keyId], [2, rotated.keyId]);
      equal(await store.verify(LETTERS, MESSAGE, old.signature), 1);
      equal(await store.verify(LETTERS, MESSAGE, fresh.signature), 2);
      const [first, second] = rotated.versions;
      ok(first !== undefined && second !== undefined);
      ok(ed25519.verify(old.signature, MESSAGE, first.publicKey));
      ok(ed25519.verify(fresh.signature, MESSAGE, second.publicKey));
      ok(!ed25519.verify(fresh.signature, MESSAGE, first.publicKey));
      const byOld = { app: "mail", key: made.keyId };
      await refused("EEXPIRED", store.sign(byOld, MESSAGE));
      equal(await store.verify(byOld, MESSAGE, old.signature), 1);
      equal(await store.verify(byOld, MESSAGE, fresh.signature), undefined);
    }
  });
});

test("keystore_v1_1_host: a revoked key does nothing any more, and stays revoked", async () => {
  await onHost(async ({ keys, again }) => {
    await keys.create({ ...LETTERS, purpose: "letters", algorithm: "ed25519" });
    await keys.create({ ...BOX, purpose: "box", algorithm: "xchacha20-poly1305" });
    const { signature } = await keys.sign(LETTERS, MESSAGE);
    const { sealed } = await keys.seal(BOX, { plain: MESSAGE });
    await keys.revoke(LETTERS);
    await keys.revoke(BOX);
    for (const store of [keys, await again()]) {
      await refused("EKEYREVOKED", store.sign(LETTERS, MESSAGE));
      await refused("EKEYREVOKED", store.verify(LETTERS, MESSAGE, signature));
      await refused("EKEYREVOKED", store.seal(BOX, { plain: MESSAGE }));
      await refused("EKEYREVOKED", store.unseal(BOX, { sealed }));
      await refused("EKEYREVOKED", store.rewrap(BOX, { sealed }));
      for (const ref of [LETTERS, BOX]) {
        await refused("EKEYREVOKED", store.rotate(ref));
        await refused("EKEYREVOKED", store.resume(ref));
        await refused("EKEYREVOKED", store.suspend(ref));
      }
    }
  });
});

test("keystore_v1_1_host: what is sealed opens with its data, and with no bit changed", async () => {
  await onHost(async ({ keys, again }) => {
    await keys.create({ ...BOX, purpose: "box", algorithm: "xchacha20-poly1305" });
    const aad = utf8("to: b");
    const { sealed } = await keys.seal(BOX, { plain: MESSAGE, aad, label: "draft" });
    for (const store of [keys, await again()]) {
      const { plain, label, version } = await store.unseal(BOX, { sealed, aad });
      deepEqual([plain, label, version], [MESSAGE, "draft", 1]);
      await refused("EINVAL", store.unseal(BOX, { sealed, aad: utf8("to: c") }));
      await refused("EINVAL", store.unseal(BOX, { sealed }));
      for (let bit = 0; bit < 8 * sealed.length; bit++) {
        const at = bit >>> 3;
        const changed = sealed.with(at, (sealed[at] ?? 0) ^ 1 << (bit & 7));
        await refused("EINVAL", store.unseal(BOX, { sealed: changed, aad }));
      }
    }
  });
});

test("keystore_v1_1_host: one seed gives one set of bytes, known beforehand", async () => {
  const run = async () => {
    const bytes: Record<string, string> = {};
    await onHost(async ({ keys }) => {
      const made = await keys.create({ ...LETTERS, purpose: "letters", algorithm: "ed25519" });
      bytes["id"] = made.keyId;
      bytes["signature"] = toHex((await keys.sign(LETTERS, MESSAGE)).signature);
      await keys.create({ ...BOX, purpose: "box", algorithm: "xchacha20-poly1305" });
      const input = { plain: MESSAGE, aad: utf8("to: b"), label: "draft" };
      bytes["sealed"] = toHex((await keys.seal(BOX, input)).sealed);
      await keys.create({ app: "mail", purpose: "root", algorithm: "hkdf-sha256" });
      const context = utf8("cache");
      const derive = { context, length: 40 };
      const { derived } = await keys.derive({ app: "mail", key: "root" }, derive);
      bytes["derived"] = toHex(derived);
      const recipient = x25519.getPublicKey(FRIEND);
      const sent = await keys.sealTo("mail", recipient, { ...input, expiresMs: 77 });
      bytes["sent"] = toHex(sent);
      deepEqual(openSent(FRIEND, sent, input.aad), MESSAGE);
    });
    return bytes;
  };
  const first = await run();
  deepEqual(await run(), first);
  deepEqual(first, GOLDEN);
  deepEqual(independent(), GOLDEN);
});

/** The same by the description of the formats, with other libraries. */
function independent() {
  const seed = drawn(0, 32);
  const publicKey = ed25519.getPublicKey(seed);
  const named = { app: "mail", version: 1 };
  // A key draws its 32 bytes, then the 24 of its record's nonce.
  const [boxSecret, rootSecret] = [drawn(56, 32), drawn(136, 32)];
  const box = { ...named, purpose: "box", code: 2, publicKey: commitment(boxSecret) };
  return {
    id: `nk1-${toHex(keyId({ ...named, purpose: "letters", code: 1, publicKey }))}`,
    signature: toHex(ed25519.sign(MESSAGE, seed)),
    sealed: toHex(sealOwn({
      ...{ secret: boxSecret, version: 1, keyId: keyId(box), nonce: drawn(112, 24) },
      ...{ label: "draft", aad: utf8("to: b"), plain: MESSAGE },
    })),
    derived: toHex(hkdf(rootSecret, "nexus:derive:1\0cache", { length: 40 })),
    sent: toHex(sealSent({
      ...{ recipient: x25519.getPublicKey(FRIEND), ephemeralSecret: drawn(192, 32), expiresMs: 77 },
      ...{ label: "draft", aad: utf8("to: b"), plain: MESSAGE },
    })),
  };
}

/** Worked out once by {@linkcode independent}, with noble, and written down. */
const GOLDEN = {
  id: "nk1-a1e1ad0703b066403e277af9116ab9bc1fc4efde",
  signature:
    "f841f456138f50f8301d2e56ee309219de2f8837210c74a17d0d97468b93b9e7b49f0dff5d41cbd1345934d8" +
    "7545c18d9fe198db06fcfe8eb9eb027a0aaf6902",
  sealed:
    "4e58534501010000010000008720222c8009d507bd618578e8f2185c4a79c916d69264c768dc518fdf4768d2" +
    "3fe11abc9802b4822ff5d469056472616674af75598ffe3bda367f5654d2e3661c9444510f466138d5a2",
  derived: "3f7540137ef286fce0c7085554cd0fbdb888f3b8ea35f1505c34d7eeec7e83f43e0f42ab51d5503a",
  sent: "4e585352010100004d0000000000000013be4feaeaf204c7fd3358fc9c00721881d174278128227ec674f37f" +
    "7fe97b6db2e14259e5f3832ed82288c0ca5509720a8d2ab6d291530ce99d67029ad9b374056472616674866a" +
    "1ccc133bddb683503a9611de02165a9d2b5ed8979f31",
};
