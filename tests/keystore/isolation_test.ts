/**
 * Applications among each other: nobody uses, sees or guesses another's keys, each decision is on
 * record, and without policy nothing is done. Decided by policyd's own judgement over grants of a test.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { toHex } from "@runtime/core/hex.ts";
import type { Ask, Gate } from "@runtime/idl/policy.ts";
import { encodeRequest } from "@runtime/idl/packed_frame.ts";
import { keyIdText } from "@services/keystored/client/key_id.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { KNOWN_CAPABILITIES } from "@services/policyd/capabilities.ts";
import { parseGrants } from "@services/policyd/grants.ts";
import { judgeAsk } from "@services/policyd/verdict.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { directClient, directFrames, principal } from "../fakes/direct.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  wishFor,
} from "../fakes/keystore.ts";
import { test } from "../fakes/test.ts";
import { hkdf, joined, utf8 } from "./independent.ts";

const GRANTS = `
version = 1
[allow]
keystored = ["policy.delegate"]
mailer = ["identity.key.create", "identity.key.read", "identity.key.sign", "identity.key.decrypt",
  "identity.key.agree", "identity.key.derive", "identity.key.rotate", "identity.key.revoke"]
calendar = ["identity.key.create", "identity.key.read", "identity.key.sign", "identity.key.decrypt",
  "identity.key.agree", "identity.key.derive", "identity.key.rotate", "identity.key.revoke"]
reader = ["identity.key.read"]
keeper = ["identity.key.admin"]
[apps]
mailer = ["mail", "mail.*"]
calendar = ["calendar"]
reader = ["shelf"]
`;

const PAYLOAD = utf8("a payload that nobody may find");
const AAD = utf8("associated data of the payload");
const SENDERS = ["calendar", "reader", "keeper", "stranger", "keystored", "nx-cli", ""];
/** What whoever keeps all keys in order may do with a key that is not his. */
const KEEPS: readonly string[] = [
  ...["get", "list", "impact", "revoke", "suspend", "resume", "retire", "destroy"],
  ...["cancelDestroy", "trim"],
];

interface Judged {
  readonly gate: Gate;
  readonly asks: (Ask & { readonly allowed: boolean })[];
}

function judge(): Judged {
  const grants = parseGrants(GRANTS, KNOWN_CAPABILITIES);
  const asks: Judged["asks"] = [];
  const gate: Gate = (ask) => {
    const allowed = judgeAsk(grants, principal("keystored"), ask).outcome === "ok";
    asks.push({ ...ask, allowed });
    return Promise.resolve(allowed);
  };
  return { gate, asks };
}

/** Frames of a sender. */
function framesOf({ bound }: Keystore, sender: string, { gate }: Judged) {
  return directFrames([bound], { sender, gate });
}

/** A request of every operation about a key of an application. */
function requests(app: string, key: string): readonly (readonly [string, Uint8Array])[] {
  const ref = { app, key };
  const wish = { ...wishFor(key, "ed25519"), app, purpose: key.slice(0, 32) };
  const zero = { label: "", expiresMs: 0n, usesMax: 0n, minSign: 0, minOpen: 0, minVerify: 0 };
  const [remote, signature] = [new Uint8Array(32).fill(9), new Uint8Array(64)];
  const values: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    create: wish,
    list: { app, after: "", countMax: 9 },
    destroy: { ...ref, waitMs: 1_000n },
    update: { ...ref, ...zero, mask: 1 },
    trim: { ...ref, keep: 1 },
    impact: { ...ref, action: 15, keep: 0 },
    sign: { ...ref, message: PAYLOAD },
    verify: { ...ref, message: PAYLOAD, signature },
    seal: { ...ref, label: "", aad: AAD, plain: PAYLOAD },
    unseal: { ...ref, aad: AAD, sealed: PAYLOAD },
    rewrap: { ...ref, aad: AAD, sealed: PAYLOAD },
    agree: { ...ref, remote },
    derive: { ...ref, context: PAYLOAD, length: 32 },
    sealTo: { app, recipient: remote, expiresMs: 0n, label: "", aad: AAD, plain: PAYLOAD },
    openFrom: { ...ref, aad: AAD, sealed: PAYLOAD },
    importKey: { ...wish, wrapping: "w", sealed: PAYLOAD },
    signMany: { ...ref, messages: [{ message: PAYLOAD }] },
    verifyMany: { ...ref, signed: [{ message: PAYLOAD, signature }] },
    sealMany: { ...ref, inputs: [{ label: "", aad: AAD, plain: PAYLOAD }] },
    unsealMany: { ...ref, inputs: [{ aad: AAD, sealed: PAYLOAD }] },
  };
  return Object.keys(keys.ops).map((opName) =>
    [
      opName,
      encodeRequest(keys, { opName, nonce: 5n, values: values[opName] ?? ref }).slice(),
    ] as const
  );
}

async function withMail() {
  const [memory, judged] = [memoryKeys(), judge()];
  const keystore = await keystoreOn({ store: memoryKeyStore(memory) });
  const ids: string[] = [];
  for (const algorithm of ["ed25519", "xchacha20-poly1305", "x25519", "hkdf-sha256"] as const) {
    const made = await keystore.client.create(wishFor(algorithm.slice(0, 4), algorithm));
    ok(made.status === "ok");
    ids.push(keyIdText(made.keyId));
  }
  return { memory, judged, keystore, ids };
}

test("another's keys are refused alike, whether they are there or not, in every operation", async () => {
  const { memory, judged, keystore, ids } = await withMail();
  const before = new Map(memory.records);
  const present = ["ed25", "xcha", "x255", "hkdf", ...ids];
  const absent = ["none", `nk1-${"00".repeat(20)}`];
  for (const sender of SENDERS) {
    const exchange = framesOf(keystore, sender, judged);
    const replies = new Map<string, Set<string>>();
    for (const key of [...present, ...absent]) {
      for (const [opName, frame] of requests("mail", key)) {
        if (sender === "keeper" && KEEPS.includes(opName)) continue;
        const reply = await exchange(frame) ?? new Uint8Array(0);
        equal(reply[4], keys.status.EPERM, `${sender} ${opName} ${key}`);
        replies.set(opName, (replies.get(opName) ?? new Set()).add(toHex(reply)));
      }
    }
    for (const [opName, seen] of replies) equal(seen.size, 1, `${sender} ${opName}`);
  }
  deepEqual(memory.records, before, "nothing was written");
  ok(judged.asks.some(({ allowed }) => !allowed));
});

test("an application that is named otherwise is refused in every operation", async () => {
  const { judged, keystore } = await withMail();
  const exchange = framesOf(keystore, "calendar", judged);
  const forged = [
    "mail",
    "mail.box",
    "calendar.sub",
    "calendars",
    "shelf",
    "calendar.",
    "calendar/x",
  ];
  for (const app of [...forged, "Calendar", "calendar\n", "calendar ", "*", "calendar.*"]) {
    for (const [opName, frame] of requests(app, "ed25")) {
      equal((await exchange(frame))?.[4], keys.status.EPERM, `${JSON.stringify(app)} ${opName}`);
    }
  }
  // The part of a target in front of a colon is the application: what has one is none.
  for (const [opName, frame] of requests("calendar:mail", "ed25")) {
    equal((await exchange(frame))?.[4], keys.status.EINVAL, opName);
  }
});

test("whoever owns an application uses its keys, and each of his capabilities is asked for", async () => {
  const { judged, keystore } = await withMail();
  const own = directClient(keys, keystore.handlers, { sender: "mailer", gate: judged.gate });
  equal((await own.create({ ...wishFor("box", "ed25519"), app: "mail.box" })).status, "ok");
  equal((await own.list({ app: "", after: "", countMax: 9 })).status, "EPERM");
  const page = await own.list({ app: "mail", after: "", countMax: 9 });
  equal(page.status === "ok" && page.keys.length, 4);
  const info = await own.get({ app: "mail.box", key: "box" });
  equal(info.status === "ok" && info.creator, "mailer");
  const keeper = directClient(keys, keystore.handlers, { sender: "keeper", gate: judged.gate });
  const all = await keeper.list({ app: "", after: "", countMax: 9 });
  equal(all.status === "ok" && all.keys.length, 5);
  const asked = judged.asks.slice(-1).map(({ capability, target }) => [capability, target]);
  deepEqual(asked, [["identity.key.admin", ":::"]]);
  equal(judged.asks.filter(({ target }) => target === ":::").length, 2, "one record of each");
  equal((await keeper.revoke({ app: "mail.box", key: "box" })).status, "ok");
  const reader = directClient(keys, keystore.handlers, { sender: "reader", gate: judged.gate });
  equal((await reader.list({ app: "shelf", after: "", countMax: 9 })).status, "ok");
  equal((await reader.create({ ...wishFor("x", "ed25519"), app: "shelf" })).status, "EPERM");
});

/** How payloads are named in records: worked out here. */
function payloadName(...parts: readonly Uint8Array[]): string {
  const key = hkdf(new Uint8Array(32).fill(7), "nexus:audit-hash:1");
  return createHmac("sha256", key).update(joined(...parts)).digest("hex").slice(0, 16);
}

test("each decision names the key and its version, the operation and the payload by a keyed hash", async () => {
  const { judged, keystore, ids } = await withMail();
  const exchange = framesOf(keystore, "mailer", judged);
  const targets = new Map<string, readonly string[]>();
  for (const [key, id] of [["ed25", ids[0] ?? ""], [ids[0] ?? "", ids[0] ?? ""]] as const) {
    for (const [opName, frame] of requests("mail", key)) {
      if (["revoke", "destroy", "retire", "trim", "suspend"].includes(opName)) continue;
      if (opName === "rotate") continue;
      judged.asks.length = 0;
      await exchange(frame);
      targets.set(opName, judged.asks.map(({ target }) => target));
      const [ask] = judged.asks;
      equal(ask?.operation, `keys.${opName}`);
      equal(ask?.subject, "mailer");
      ok(judged.asks.length === 1, `${opName}: one decision, one record`);
      if (!["create", "list", "importKey", "sealTo"].includes(opName)) {
        ok(ask?.target.startsWith(`mail:ed25:${id}:`), ask?.target);
      }
    }
  }
  const [remote, signature] = [new Uint8Array(32).fill(9), new Uint8Array(64)];
  const named = (opName: string) => targets.get(opName)?.[0]?.split(":").at(-1);
  equal(named("sign"), payloadName(PAYLOAD));
  equal(named("signMany"), payloadName(PAYLOAD));
  equal(named("derive"), payloadName(PAYLOAD));
  equal(named("agree"), payloadName(remote));
  equal(named("verify"), payloadName(PAYLOAD, signature));
  equal(named("seal"), payloadName(PAYLOAD, AAD));
  equal(named("unseal"), payloadName(PAYLOAD, AAD));
  equal(named("importKey"), payloadName(PAYLOAD));
  equal(named("get"), "");
});

test("no decision's record holds a part of a payload", async () => {
  const { judged, keystore } = await withMail();
  for (const sender of ["mailer", "calendar"]) {
    const exchange = framesOf(keystore, sender, judged);
    for (const key of ["ed25", "xcha", "x255", "hkdf", "none"]) {
      for (const [, frame] of requests("mail", key)) await exchange(frame);
    }
  }
  const told = JSON.stringify(judged.asks, (_, value) => String(value) && value);
  const parts = [PAYLOAD, AAD].flatMap((bytes) =>
    Array.from({ length: bytes.length - 8 }, (_, at) => bytes.slice(at, at + 8))
  );
  const shown = (text: string) =>
    parts.some((part) =>
      text.includes(new TextDecoder().decode(part)) || text.includes(toHex(part)) ||
      text.includes(part.toBase64().slice(0, 10))
    );
  ok(shown(`${told}${toHex(PAYLOAD)}`), "the search finds one");
  ok(!shown(told));
});

test("without a word of policy nothing is done, in any operation", async () => {
  const { memory, keystore, ids } = await withMail();
  const before = new Map(memory.records);
  const exchange = framesOf(keystore, "mailer", { gate: () => Promise.resolve(false), asks: [] });
  for (const key of ["ed25", "xcha", "x255", "hkdf", "none", ...ids]) {
    for (const [opName, frame] of requests("mail", key)) {
      equal((await exchange(frame))?.[4], keys.status.EPERM, opName);
    }
  }
  deepEqual(memory.records, before);
});

test("a key of one application is not reached by its id from another", async () => {
  const { keystore, ids } = await withMail();
  // Policy allows: it is keystored itself that looks in the named application alone.
  for (const key of ids) {
    for (const [opName, frame] of requests("calendar", key)) {
      if (["list", "create", "importKey", "sealTo"].includes(opName)) continue;
      const reply = await directFrames([keystore.bound])(frame);
      equal(reply?.[4], keys.status.ENOENT, opName);
    }
  }
});
