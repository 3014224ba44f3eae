/**
 * Every operation of every protocol that keystored serves, about every key, by whoever may do
 * everything: no reply, record, decision or text holds a part of a secret.
 *
 * @module
 */

import { toHex } from "@runtime/core/hex.ts";
import { Secret } from "@runtime/core/secret.ts";
import { x25519 } from "@noble/curves/ed25519.js";
import { sampleOf } from "@runtime/idl/body.ts";
import type { Field } from "@runtime/idl/field.ts";
import { encodeRequest } from "@runtime/idl/packed_frame.ts";
import { bind } from "@runtime/idl/server.ts";
import type { PackedService } from "@runtime/idl/service.ts";
import type { AlgorithmName } from "@services/keystored/client/algorithm.ts";
import { keyIdText } from "@services/keystored/client/key_id.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { NexusKeys } from "@services/keystored/client/nexus_keys.ts";
import { KeySlot } from "@services/keystored/key_slot.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { scopedValues } from "@services/keystored/scoped_values.ts";
import { createKeystored } from "@services/keystored/service.ts";
import { equal, ok } from "../fakes/assert.ts";
import { directFrames, watchedGate } from "../fakes/direct.ts";
import { keptState } from "../fakes/kept_state.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  wishFor,
} from "../fakes/keystore.ts";
import { formsOf, holdsPart } from "../fakes/secret_scan.ts";
import { kek, seedEntropy } from "../fakes/seed_entropy.ts";
import { inspected } from "../fakes/secrets.ts";
import { test } from "../fakes/test.ts";
import { Needles } from "../os/needles.ts";
import { hkdf, sealSent, sha256, utf8 } from "./independent.ts";

const NOTHING = new Uint8Array(0);
const KEK = new Uint8Array(32).fill(7);
const ALGORITHMS: readonly AlgorithmName[] = [
  ...["ed25519", "xchacha20-poly1305", "x25519", "hkdf-sha256"] as const,
];

/** Secrets of which no byte is like that of another. */
function canary(name: string): Uint8Array {
  return sha256(utf8(`canary ${name}`));
}

/** Wraps a secret for a key whose public half is known. */
function wrapped(recipient: Uint8Array, algorithm: string, plain: Uint8Array): Uint8Array {
  return sealSent({
    ...{ recipient, ephemeralSecret: new Uint8Array(32).fill(0x11), expiresMs: 0 },
    ...{ label: `nexus:import:${algorithm}`, aad: NOTHING, plain },
  });
}

interface Planted extends Keystore {
  readonly names: readonly string[];
  readonly sealed: readonly Uint8Array[];
}

/** Imports a canary of each algorithm. */
async function planted(keystore: Keystore): Promise<Planted> {
  const { client } = keystore;
  // What wraps secrets agrees on nothing.
  const wrap = await client.create(wishFor("wrap", "x25519", { uses: 2 }));
  ok(wrap.status === "ok");
  const recipient = wrap.versions[0]?.publicKey.slice() ?? NOTHING;
  const [names, sealed] = [["wrap"], [] as Uint8Array[]];
  for (const algorithm of ALGORITHMS) {
    const purpose = algorithm.slice(0, 4);
    const bytes = wrapped(recipient, algorithm, canary(algorithm));
    const wish = { ...wishFor(purpose, algorithm), wrapping: "wrap", sealed: bytes };
    const made = await client.importKey(wish);
    ok(made.status === "ok", made.status);
    names.push(purpose, keyIdText(made.keyId));
    sealed.push(bytes);
  }
  return { ...keystore, names, sealed };
}

/** Requests of every operation with every value of every field, and about each key. */
function* everyRequest(
  service: PackedService,
  about: { readonly names: readonly string[]; readonly sealed: readonly Uint8Array[] },
): Generator<Uint8Array> {
  for (const [opName, { request }] of Object.entries(service.ops)) {
    const fields = Object.entries(request) as readonly [string, Field<unknown>][];
    const sample = sampleOf(request) as Readonly<Record<string, unknown>>; // made of its fields
    const named = fields.some(([name]) => name === "key")
      ? about.names.map((key) => ({ ...sample, app: "mail", key }))
      : [{ ...sample, ...(Object.hasOwn(sample, "app") ? { app: "mail" } : {}) }];
    for (const base of named) {
      const values = fields.filter(([name]) => name !== "app" && name !== "key")
        .flatMap(([name, { samples }]) => samples.map((value) => ({ ...base, [name]: value })));
      const opened = Object.hasOwn(sample, "sealed")
        ? about.sealed.map((sealed) => ({ ...base, aad: NOTHING, sealed }))
        : [];
      for (const value of [base, ...values, ...opened]) {
        yield encodeRequest(service, { opName, nonce: nonceOf(service), values: value }).slice();
      }
    }
  }
}

function nonceOf({ envelope }: PackedService): bigint | undefined {
  return envelope.request.length > 0 ? 3n : undefined;
}

test("test_reject_key_extraction: no operation about any key gives a part of a secret", async () => {
  const memory = memoryKeys();
  const { gate, asks } = watchedGate(true);
  const keystore = await keystoreOn({ store: memoryKeyStore(memory), gate });
  const { names, sealed, bound, client } = await planted(keystore);
  const seed = canary("device");
  const slot = new KeySlot({
    ...{ entropy: seedEntropy(() => seed.slice()), state: keptState(), kek: kek() },
  });
  const services = [[keys, bound], [
    keystored,
    bind(keystored, createKeystored(slot, scopedValues(keptState()))),
  ]] as const;
  const told: Uint8Array[] = [];
  for (const [service, one] of services) {
    const exchange = directFrames([one], { gate });
    for (const frame of everyRequest(service, { names, sealed })) {
      const reply = await exchange(frame);
      if (reply !== undefined) told.push(reply.slice());
    }
    for (let code = 0; code < 256; code++) {
      const reply = await exchange(
        Uint8Array.of(...utf8(service.magic), 1, code, ...utf8("12345678")),
      );
      if (reply !== undefined) told.push(reply.slice());
    }
  }
  told.push(...memory.records.values());
  told.push(utf8(JSON.stringify(asks)), utf8(inspected(keystore)), utf8(inspected(slot)));
  told.push(...await errorTexts(new NexusKeys(keystore.channel)));
  equal((await client.get({ app: "mail", key: "wrap" })).status, "ok");
  const recordKey = hkdf(KEK, "nexus:key-record:1\0mail");
  const secrets = [...ALGORITHMS.map(canary), seed, KEK.slice(0, 0), recordKey];
  const needles = new Needles(secrets.filter(({ length }) => length > 0).flatMap(formsOf));
  for (const secret of [canary("ed25519"), canary("hkdf-sha256"), seed, recordKey]) {
    for (const shown of plantedForms(secret)) {
      ok(holdsPart(shown, needles), "what is planted is found");
    }
  }
  const holders = told.filter((bytes) => holdsPart(bytes, needles)).map(toHex);
  equal(holders.length, 0, holders[0]);
  ok(told.length > 1_500, `${told.length}`);
});

/** Ten bytes of a secret, as somebody might let them out. */
function plantedForms(secret: Uint8Array): Uint8Array[] {
  const part = secret.slice(11, 21);
  return [
    ...[part, part.toReversed(), utf8(`x ${toHex(part)}.`), utf8(`x${toHex(part).toUpperCase()}`)],
    ...[utf8(`"${part.toBase64()}"`), utf8(`a${part.toReversed().toBase64()}`)],
  ];
}

/** What the library throws for each refusal, as people see it. */
async function errorTexts(own: NexusKeys): Promise<Uint8Array[]> {
  const ref = { app: "mail", key: "ed25" };
  const sealed = new Uint8Array(90);
  const calls = [
    own.unseal({ app: "mail", key: "xcha" }, { sealed }),
    own.sign({ app: "mail", key: "hkdf" }, NOTHING),
    own.agree({ app: "mail", key: "x255" }, new Uint8Array(32)),
    own.revoke(ref).then(() => own.sign(ref, NOTHING)),
    own.get({ app: "mail", key: "none" }),
  ];
  const errors = await Promise.all(calls.map((call) => call.then(() => "done", inspected)));
  ok(errors.every((text) => text.includes("keystored refuses")), errors.join());
  return errors.map(utf8);
}

test("a key that agrees and one that derives give what follows from them, and not themselves", async () => {
  const { client } = await planted(await keystoreOn());
  const remote = x25519.getPublicKey(new Uint8Array(32).fill(5));
  const agreed = await client.agree({ app: "mail", key: "x255", remote });
  const derived = await client.derive({ app: "mail", key: "hkdf", context: NOTHING, length: 64 });
  ok(agreed.status === "ok" && derived.status === "ok");
  const needles = new Needles(ALGORITHMS.map(canary).flatMap(formsOf));
  for (const bytes of [agreed.shared, derived.derived]) ok(!holdsPart(bytes.slice(), needles));
});

test("secrets of a key that was ended, replaced or refused are overwritten in memory", async () => {
  const kept: Secret[] = [];
  const use = Secret.prototype.use;
  Secret.prototype.use = function <T>(work: (bytes: Uint8Array) => T): T {
    if (!kept.includes(this)) kept.push(this);
    return use.call(this, work) as T; // what `work` gives
  };
  try {
    const store = memoryKeyStore();
    let writes = true;
    const { client, ring } = await keystoreOn({
      store: {
        ...store,
        put: (place, record) =>
          writes ? store.put(place, record) : Promise.resolve({ status: "unavailable" }),
      },
    });
    const ref = { app: "mail", key: "k" };
    await client.create(wishFor("k", "xchacha20-poly1305"));
    await client.rotate(ref);
    const living = () => kept.filter(({ wiped }) => !wiped).length;
    const before = living();
    await client.trim({ ...ref, keep: 1 });
    equal(living(), before - 1, "a version that was let go is gone from memory as well");
    writes = false;
    await client.rotate(ref);
    await client.create(wishFor("other", "hkdf-sha256"));
    ring.wipe();
  } finally {
    Secret.prototype.use = use;
  }
  // Of all that was used, keystored's own key alone lives on.
  equal(kept.filter(({ wiped }) => !wiped).length, 1);
  ok(kept.length >= 4);
});
