/**
 * Each bound of keystore v1.1: at it, and one past it, over the daemon's frames, the control socket and
 * the client library; and that every reply fits a frame.
 *
 * @module
 */

import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { Writer } from "@runtime/core/writer.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { createClient } from "@runtime/idl/client.ts";
import type { Field } from "@runtime/idl/field.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { KeyError } from "@services/keystored/client/keys_failure.ts";
import { NexusKeys } from "@services/keystored/client/nexus_keys.ts";
import type { KeyStore } from "@services/keystored/keys/key_store.ts";
import { serveControl } from "@services/nx/control_bridge.ts";
import { connectControl } from "@services/nx/control_client.ts";
import { deepEqual, equal, ok, rejects } from "../fakes/assert.ts";
import { manualClock } from "../fakes/clock.ts";
import { type Keystore, keystoreOn, memoryKeyStore, START_MS, wishFor } from "../fakes/keystore.ts";
import { memoryControl } from "../fakes/memory_control.ts";
import { memoryFiles } from "../fakes/memory_files.ts";
import { test } from "../fakes/test.ts";
import { turnedStore, Turnstile } from "../fakes/turnstile.ts";

const APP = "a".repeat(48);
const PURPOSE = "p".repeat(32);
const LABEL = "é".repeat(32);
const NOTHING = new Uint8Array(0);
const PATH = "/node/control.sock";

/** How requests travel. */
const TRANSPORTS: Readonly<Record<string, (keystore: Keystore) => Promise<RawChannel>>> = {
  frames: ({ channel }) => Promise.resolve(channel),
  async "the control socket"({ channel }) {
    const clock = manualClock();
    const ports = { control: memoryControl(memoryFiles()), clock, turns: clock };
    await serveControl({ ...ports, routes: [{ service: keys, channel }] }, PATH);
    const connection = await connectControl(ports, PATH);
    ok(connection !== undefined);
    return connection;
  },
};

function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}

for (const [name, transport] of Object.entries(TRANSPORTS)) {
  test(`each field is refused one past its bound with E2BIG, over ${name}`, async () => {
    const channel = await transport(await keystoreOn());
    let tried = 0;
    for (const [opName, { code, request }] of Object.entries(keys.ops)) {
      const fields = Object.entries(request) as readonly [string, Field<unknown>][];
      for (const [beyondName, beyondField] of fields) {
        const [longest] = [...beyondField.beyond].sort((a, b) => b.length - a.length);
        if (longest === undefined) continue;
        const writer = new Writer(FRAME_LENGTH_MAX).bytes(Uint8Array.of(0x4e, 0x4b, 1, code));
        writer.u64(7n);
        for (const [name, field] of fields) {
          if (name === beyondName) writer.bytes(longest);
          else field.write(writer, field.samples[0]);
        }
        const frame = writer.finish().slice();
        const exchange = { frame, nonce: 7n, move: undefined, timeoutMs: undefined };
        const reply = await channel.exchange(exchange);
        ok(reply.status === "ok", `${opName}.${beyondName}`);
        equal(reply.frame[4], keys.status.E2BIG, `${opName}.${beyondName}`);
        tried += 1;
      }
    }
    ok(tried > 70, `${tried}`);
  });

  test(`what is longest is served, and its reply fits a frame, over ${name}`, async () => {
    const client = createClient(keys, await transport(await keystoreOn()));
    const ref = { app: APP, key: PURPOSE };
    const wish = { ...wishFor(PURPOSE, "ed25519"), app: APP, label: LABEL };
    equal((await client.create(wish)).status, "ok");
    const message = zeros(7_168);
    const signed = await client.sign({ ...ref, message });
    ok(signed.status === "ok");
    const signature = signed.signature.slice();
    deepEqual(await client.verify({ ...ref, message, signature }), {
      ...{ status: "ok", valid: 1, version: 1 },
    });
    for (let version = 2; version <= 32; version++) {
      equal((await client.rotate(ref)).status, "ok");
    }
    const excess = { status: "EDQUOTA", used: 32n, limit: 32n };
    deepEqual(await client.rotate(ref), excess);
    const whether = async (action: number, keep: number) =>
      (await client.impact({ ...ref, action, keep })).status;
    // Rotation and trim are told of as they would be refused.
    deepEqual([await whether(9, 0), await whether(11, 32), await whether(11, 31)], [
      ...["EDQUOTA", "EALREADY", "ok"],
    ]);
    const told = await client.get(ref);
    equal(told.status === "ok" && told.versions.length, 32);
    const ends = await client.impact({ ...ref, action: 15, keep: 0 });
    // Each version verifies, and the newest signs.
    equal(ends.status === "ok" && ends.ends.length, 33);
    for (let index = 1; index < 40; index++) {
      const purpose = `${PURPOSE.slice(3)}${String(index).padStart(3, "0")}`;
      equal((await client.create({ ...wish, purpose })).status, "ok");
    }
    const page = await client.list({ app: APP, after: "", countMax: 0xffff });
    deepEqual(page.status === "ok" && [page.keys.length, page.more], [32, 1]);
    const after = `${APP}/${PURPOSE}`;
    const rest = await client.list({ app: APP, after, countMax: 0xffff });
    deepEqual(rest.status === "ok" && [rest.keys.length, rest.more], [0, 0]);
  });

  test(`sealing is served at its bounds, over ${name}`, async () => {
    const client = createClient(keys, await transport(await keystoreOn()));
    const ref = { app: APP, key: PURPOSE };
    const wish = { ...wishFor(PURPOSE, "xchacha20-poly1305"), app: APP };
    equal((await client.create(wish)).status, "ok");
    const [plain, aad] = [zeros(6_144), zeros(1_024)];
    const sealed = await client.seal({ ...ref, label: LABEL, aad, plain });
    ok(sealed.status === "ok");
    const bytes = sealed.sealed.slice();
    equal(bytes.length, 57 + 64 + 6_144 + 16);
    const rewrapped = await client.rewrap({ ...ref, aad, sealed: bytes });
    equal(rewrapped.status, "ok");
    const opened = await client.unseal({ ...ref, aad, sealed: bytes });
    deepEqual(opened.status === "ok" && [opened.plain, opened.label], [plain, LABEL]);
  });

  test(`batches are served at their bounds and refused past them, over ${name}`, async () => {
    const client = createClient(keys, await transport(await keystoreOn()));
    const ref = { app: APP, key: PURPOSE };
    const box = { app: APP, key: "box" };
    await client.create({ ...wishFor(PURPOSE, "ed25519"), app: APP });
    await client.create({ ...wishFor("box", "xchacha20-poly1305"), app: APP });
    const messages = Array.from({ length: 96 }, () => ({ message: zeros(74) }));
    const signed = await client.signMany({ ...ref, messages });
    equal(signed.status === "ok" && signed.signatures.length, 96);
    const full = [{ message: zeros(7_167) }, { message: zeros(1) }];
    equal((await client.signMany({ ...ref, messages: full })).status, "ok");
    const over = [...full, { message: zeros(1) }];
    equal((await client.signMany({ ...ref, messages: over })).status, "E2BIG");
    const judged = over.slice(0, 2).map((one) => ({ ...one, signature: zeros(64) }));
    equal((await client.verifyMany({ ...ref, signed: judged })).status, "ok");
    const one = { message: zeros(1), signature: zeros(64) };
    equal((await client.verifyMany({ ...ref, signed: [...judged, one] })).status, "E2BIG");
    // 80 bytes and the plaintext each: together 7 168.
    const inputs = Array.from(
      { length: 28 },
      () => ({ label: "", aad: NOTHING, plain: zeros(176) }),
    );
    const sealed = await client.sealMany({ ...box, inputs });
    equal(sealed.status === "ok" && sealed.outputs.length, 28);
    ok(sealed.status === "ok");
    const outputs = sealed.outputs.map((output) => ({
      aad: NOTHING,
      sealed: output.sealed.slice(),
    }));
    const opened = await client.unsealMany({ ...box, inputs: outputs });
    equal(opened.status === "ok" && opened.outputs.length, 28);
    for (const more of [{ plain: zeros(177) }, { plain: zeros(176), label: "l" }]) {
      const past = inputs.with(0, { label: "", aad: NOTHING, ...more });
      equal((await client.sealMany({ ...box, inputs: past })).status, "E2BIG");
    }
    const small = { label: "", aad: NOTHING, plain: NOTHING };
    const many = Array.from({ length: 89 }, () => small);
    equal((await client.sealMany({ ...box, inputs: many })).status, "ok");
    equal((await client.sealMany({ ...box, inputs: [...many, small] })).status, "E2BIG");
    for (
      const empty of [
        await client.signMany({ ...ref, messages: [] }),
        await client.sealMany({ ...box, inputs: [] }),
        await client.unsealMany({ ...box, inputs: [] }),
        await client.verifyMany({ ...ref, signed: [] }),
      ]
    ) equal(empty.status, "ok");
  });

  test(`numbers are taken at their bounds and refused past them, over ${name}`, async () => {
    const client = createClient(keys, await transport(await keystoreOn()));
    const latest = 253_402_300_799_999n;
    const create = async (more: Parameters<typeof wishFor>[2]) =>
      (await client.create({ ...wishFor("n", "hkdf-sha256"), ...more })).status;
    for (const bad of [{ expiresMs: latest + 1n }, { uses: 1 }, { uses: 16 }, { algorithm: 0 }]) {
      equal(await create(bad), "EINVAL");
    }
    for (const app of ["Mail", "1mail", "mail/x", "mail:x", ".mail", "mail.", "ma il", "mäil"]) {
      equal(await create({ app }), "EINVAL", app);
      equal(await create({ purpose: app }), "EINVAL", app);
    }
    equal(await create({ expiresMs: latest }), "ok");
    const ref = { app: "mail", key: "n" };
    const derive = async (length: number) =>
      (await client.derive({ ...ref, context: zeros(128), length })).status;
    deepEqual([await derive(15), await derive(16), await derive(64), await derive(65)], [
      ...["EINVAL", "ok", "ok", "EINVAL"],
    ]);
    const destroy = async (waitMs: bigint) => (await client.destroy({ ...ref, waitMs })).status;
    const year = 365n * 86_400_000n;
    deepEqual([await destroy(0n), await destroy(999n), await destroy(year + 1n)], [
      ...["EINVAL", "EINVAL", "EINVAL"],
    ]);
    deepEqual([await destroy(year), (await client.cancelDestroy(ref)).status], ["ok", "ok"]);
    equal(await destroy(1_000n), "ok");
    equal((await client.cancelDestroy(ref)).status, "ok");
    const update = async (more: Record<string, number | bigint>) => {
      const zero = { expiresMs: 0n, usesMax: 0n, minSign: 0, minOpen: 0, minVerify: 0 };
      return (await client.update({ ...ref, mask: 0, label: "", ...zero, ...more })).status;
    };
    const bad = [{ mask: 0 }, { mask: 64 }, { mask: 2, expiresMs: latest + 1n }];
    for (const each of bad) equal(await update(each), "EINVAL");
    for (const [mask, field] of [[8, "minSign"], [16, "minOpen"], [32, "minVerify"]] as const) {
      deepEqual(
        [await update({ mask, [field]: 0 }), await update({ mask, [field]: 2 })],
        ["EINVAL", "EINVAL"],
      );
      equal(await update({ mask, [field]: 1 }), "ok");
    }
    equal((await client.impact({ ...ref, action: 19, keep: 0 })).status, "EINVAL");
    equal((await client.trim({ ...ref, keep: 0 })).status, "EINVAL");
    equal((await client.trim({ ...ref, keep: 1 })).status, "EALREADY");
  });
}

/** A store that lists many keys which nobody has to read. */
function crowded(names: readonly (readonly [app: string, count: number])[]): KeyStore {
  const places = names.flatMap(([app, count]) =>
    Array.from({ length: count }, (_, index) => ({ app, purpose: `k${index}` }))
  );
  return { ...memoryKeyStore(), list: () => Promise.resolve({ places, marked: [] }) };
}

test("an application has so many keys and a device so many, and the refusal tells both", async () => {
  const own = await keystoreOn({ store: crowded([["mail", 1_023]]) });
  equal((await own.client.create(wishFor("one", "ed25519"))).status, "ok");
  deepEqual(await own.client.create(wishFor("two", "ed25519")), {
    ...{ status: "EDQUOTA", used: 1_024n, limit: 1_024n },
  });
  const other = { ...wishFor("two", "ed25519"), app: "calendar" };
  equal((await own.client.create(other)).status, "ok");
  const apps = Array.from({ length: 16 }, (_, index) => [`app${index}`, 1_024] as const);
  const [first, ...rest] = apps;
  ok(first !== undefined);
  const all = await keystoreOn({ store: crowded([["app0", 1_023], ...rest]) });
  equal((await all.client.create(other)).status, "ok");
  deepEqual(await all.client.create({ ...other, app: "app0" }), {
    ...{ status: "EDQUOTA", used: 16_384n, limit: 16_384n },
  });
});

test("keys that are made at once do not pass the bound together", async () => {
  const turnstile = new Turnstile();
  const { client, ring } = await keystoreOn({
    store: turnedStore(crowded([["mail", 1_022]]), turnstile),
  });
  const made = ["a", "b", "c", "d"].map((purpose) => client.create(wishFor(purpose, "ed25519")));
  await turnstile.drain(() => 0);
  const statuses = (await Promise.all(made)).map(({ status }) => status);
  deepEqual(statuses.toSorted(), ["EDQUOTA", "EDQUOTA", "ok", "ok"]);
  equal(ring.names.countOf("mail"), 1_024);
});

async function refused(code: string, call: Promise<unknown>): Promise<void> {
  await rejects(call, (error) => {
    ok(error instanceof KeyError, String(error));
    equal(error.code, code);
    return true;
  });
}

test("NexusKeys refuses what no frame carries as keystored would, and nothing breaks", async () => {
  const own = new NexusKeys((await keystoreOn()).channel);
  const ref = { app: "mail", key: "k" };
  const wish = { app: "mail", purpose: "k", algorithm: "ed25519" } as const;
  await own.create(wish);
  const box = { app: "mail", key: "box" };
  await own.create({ app: "mail", purpose: "box", algorithm: "xchacha20-poly1305" });
  const [plain, sealed] = [zeros(6_145), zeros(57 + 64 + 6_144 + 17)];
  const big = [
    own.create({ ...wish, app: "a".repeat(49) }),
    own.create({ ...wish, purpose: "p".repeat(33) }),
    own.create({ ...wish, label: "é".repeat(33) }),
    own.get({ app: "mail", key: "k".repeat(45) }),
    own.sign(ref, zeros(7_169)),
    own.verify(ref, zeros(7_169), zeros(64)),
    own.signMany(ref, [zeros(7_169)]),
    own.signMany(ref, [zeros(7_168), zeros(1)]),
    own.signMany(ref, [zeros(7_168), zeros(7_168)]),
    own.signMany(ref, Array.from({ length: 97 }, () => NOTHING)),
    own.seal(box, { plain }),
    own.seal(box, { plain: NOTHING, aad: zeros(1_025) }),
    own.seal(box, { plain: NOTHING, label: "l".repeat(65) }),
    own.unseal(box, { sealed }),
    own.unseal(box, { sealed: NOTHING, aad: zeros(1_025) }),
    own.rewrap(box, { sealed }),
    own.rewrap(box, { sealed: NOTHING, aad: zeros(1_025) }),
    own.derive(ref, { context: zeros(129), length: 32 }),
    own.sealTo("mail", zeros(32), { plain }),
    own.sealTo("a".repeat(49), zeros(32), { plain: NOTHING }),
    own.openFrom(ref, { sealed: zeros(81 + 64 + 6_144 + 17) }),
    own.importKey(wish, { wrapping: "w".repeat(33), sealed: NOTHING }),
    own.importKey(wish, { wrapping: "w", sealed: zeros(81 + 64 + 6_144 + 17) }),
    own.update(ref, { label: "l".repeat(65) }),
    own.list("a".repeat(49)).next(),
  ];
  for (const call of big) await refused("E2BIG", call);
  const senseless = [
    own.get({ app: "", key: "k" }),
    own.get({ app: "mail", key: "" }),
    own.create({ ...wish, expiresMs: -1 }),
    own.create({ ...wish, expiresMs: 1.5 }),
    own.create({ ...wish, maxUses: -1n }),
    own.create({ ...wish, maxUses: 1n << 64n }),
    own.update(ref, { minimum: { sign: 2 ** 32 } }),
    own.update(ref, { minimum: { open: -1 } }),
    own.update(ref, {}),
    own.trim(ref, 256),
    own.impact(ref, "trim", 256),
    own.destroy(ref, -1),
    own.destroy(ref, 2 ** 53),
    own.agree(ref, zeros(31)),
    own.derive(ref, { context: NOTHING, length: 256 }),
    own.sealTo("mail", zeros(31), { plain: NOTHING }),
    own.sealTo("", zeros(32), { plain: NOTHING }),
  ];
  for (const call of senseless) await refused("EINVAL", call);
  equal(await own.verify(ref, NOTHING, zeros(63)), undefined);
  equal((await own.signMany(ref, [zeros(7_168)])).signatures.length, 1);
  equal((await own.get(ref)).createdMs, START_MS);
});

test("NexusKeys does many at once as one by one, and no more than a frame carries", async () => {
  const own = new NexusKeys((await keystoreOn()).channel);
  const [ref, box] = [{ app: "mail", key: "k" }, { app: "mail", key: "box" }];
  await own.create({ app: "mail", purpose: "k", algorithm: "ed25519" });
  await own.create({ app: "mail", purpose: "box", algorithm: "xchacha20-poly1305" });
  const messages = Array.from({ length: 96 }, (_, at) => zeros(10).fill(at));
  const { signatures } = await own.signMany(ref, messages);
  const signed = messages.map((message, at) => ({ message, signature: signatures[at] ?? NOTHING }));
  const wrong = signed.with(7, { message: zeros(10), signature: signatures[8] ?? NOTHING });
  deepEqual(await own.verifyMany(ref, signed), messages.map(() => 1));
  deepEqual(await own.verifyMany(ref, wrong), messages.map((_, at) => at === 7 ? undefined : 1));
  await refused("EINVAL", own.verifyMany(ref, [{ message: NOTHING, signature: zeros(63) }]));
  const aad = zeros(3).fill(9);
  const values = [1, 2, 3].map((at) => ({ plain: zeros(at).fill(at), aad, label: `l${at}` }));
  const { sealed, version } = await own.sealMany(box, values);
  equal(version, 1);
  const opened = await own.unsealMany(box, sealed.map((one) => ({ sealed: one, aad })));
  deepEqual(
    opened.map(({ plain, label }) => ({ plain, label })),
    values.map(({ plain, label }) => ({ plain, label })),
  );
  const other = sealed.map((one, at) => ({ sealed: one, aad: at === 1 ? NOTHING : aad }));
  await refused("EINVAL", own.unsealMany(box, other));
});

test("NexusKeys refuses batches that no frame carries", async () => {
  const own = new NexusKeys((await keystoreOn()).channel);
  const [ref, box] = [{ app: "mail", key: "k" }, { app: "mail", key: "box" }];
  const [plain, sealed] = [zeros(6_145), zeros(57 + 64 + 6_144 + 17)];
  const big = [
    own.verifyMany(ref, [{ message: zeros(7_105), signature: zeros(64) }]),
    own.verifyMany(
      ref,
      Array.from({ length: 97 }, () => ({ message: NOTHING, signature: zeros(64) })),
    ),
    own.sealMany(box, [{ plain }]),
    own.sealMany(box, [{ plain: NOTHING, aad: zeros(1_025) }]),
    own.sealMany(box, Array.from({ length: 2 }, () => ({ plain: zeros(3_585) }))),
    own.sealMany(box, Array.from({ length: 97 }, () => ({ plain: NOTHING }))),
    own.unsealMany(box, [{ sealed }]),
    own.unsealMany(box, [{ sealed: NOTHING, aad: zeros(1_025) }]),
    own.unsealMany(box, Array.from({ length: 2 }, () => ({ sealed: zeros(3_585) }))),
  ];
  for (const call of big) await refused("E2BIG", call);
});
