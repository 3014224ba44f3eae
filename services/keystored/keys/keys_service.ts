import { Secret } from "@runtime/core/secret.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import type { Principal } from "@runtime/core/syscalls.ts";
import { type Call, type Handlers, TARGET } from "@runtime/idl/server.ts";
import { algorithmOf, ALGORITHMS } from "../client/algorithm.ts";
import { keyIdText } from "../client/key_id.ts";
import {
  BATCH_BYTES_MAX,
  isAppName,
  LABEL_LENGTH_MAX,
  LIST_KEYS_MAX,
} from "../client/key_limits.ts";
import { CLI_SUBJECT, keys, UPDATE_BIT } from "../client/keys_protocol.ts";
import { KEY_OPERATIONS, KEY_STATES } from "../client/lifecycle.ts";
import type { AuditHash } from "./audit_hash.ts";
import type { HeldKey } from "./held_key.ts";
import { endsOf } from "./impact.ts";
import {
  type Changed,
  changeRefusal,
  type KeyChanges,
  type KeyUpdate,
  type KeyWish,
} from "./key_changes.ts";
import { SECRET_LENGTH } from "./key_record.ts";
import type { KeyPlace } from "./key_store.ts";
import type { KeyUses } from "./key_uses.ts";
import type { KeyReference, Keyring } from "./keyring.ts";
import type { KeyRefusal } from "./outcome.ts";

/** What the protocol is served from. */
export interface KeysPorts {
  readonly ring: Keyring;
  readonly uses: KeyUses;
  readonly changes: KeyChanges;
  readonly hash: AuditHash;
}

type Served<K extends keyof Handlers<typeof keys>> = Pick<Handlers<typeof keys>, K>;
type Wire = {
  readonly algorithm: number;
  readonly app: string;
  readonly purpose: string;
  readonly uses: number;
  readonly label: string;
  readonly expiresMs: bigint;
  readonly usesMax: bigint;
};

const INVALID = { status: "EINVAL" } as const;
const TOO_BIG = { status: "E2BIG" } as const;
/** What a sealed value and its place in a reply take beside the plaintext and its label. */
const SEALED_OVERHEAD = 80;

/** Serves keystore v1.1. Who may do what is decided before any of this runs. */
export function createKeys(ports: KeysPorts): Handlers<typeof keys> {
  return {
    ...careHandlers(ports),
    ...turnHandlers(ports),
    ...useHandlers(ports),
    ...batchHandlers(ports),
    [TARGET]: (_opName, values) => targetOf(ports, values),
  };
}

function careHandlers(
  { ring, uses, changes }: KeysPorts,
): Served<"create" | "get" | "list" | "rotate" | "update" | "trim" | "impact" | "importKey"> {
  return {
    async create(request, call) {
      const wish = wishOf(request, call);
      return wish === undefined ? INVALID : told(await changes.create(wish));
    },
    get: (request) => soon(ring.use(request, "get", ({ key }) => ({ status: "ok", key })), toldKey),
    list: (request) => listed(ring, request),
    rotate: async (request) => told(await changes.rotate(request)),
    update: async (request) => {
      const update = updateOf(request);
      return update === undefined ? INVALID : told(await changes.update(request, update));
    },
    trim: async (request) => told(await changes.trim(request, request.keep)),
    impact({ action: code, keep, ...reference }) {
      const action = KEY_OPERATIONS[code];
      if (action === undefined || (action === "trim" && keep < 1)) return INVALID;
      return ring.use(reference, "get", ({ key }) => {
        const refused = ring.refusal(key, action) ?? changeRefusal(key, action, keep);
        if (refused !== undefined) return refused;
        const ends = endsOf(key.facts, { action, keep, nowMs: ring.nowMs() }).map((one) => ({
          operation: KEY_OPERATIONS.indexOf(one.operation),
          version: one.version,
        }));
        return { status: "ok", ends };
      });
    },
    async importKey({ wrapping, sealed, ...request }, call) {
      const wish = wishOf(request, call);
      if (wish === undefined) return INVALID;
      const reference = { app: wish.app, key: wrapping };
      const input = { sealed, aad: new Uint8Array(0) };
      const opened = await uses.openImport(reference, input, wish.algorithm);
      if (opened.status !== "ok") return opened;
      const secret = new Secret(opened.plain.slice());
      opened.plain.fill(0);
      const made = secret.length === SECRET_LENGTH ? await changes.create(wish, secret) : INVALID;
      if (made.status !== "ok") secret.wipe();
      return told(made);
    },
  };
}

function turnHandlers(
  { changes }: KeysPorts,
): Served<"revoke" | "suspend" | "resume" | "retire" | "destroy" | "cancelDestroy"> {
  return {
    revoke: async (request) => told(await changes.turn(request, "revoke")),
    suspend: async (request) => told(await changes.turn(request, "suspend")),
    resume: async (request) => told(await changes.turn(request, "resume")),
    retire: async (request) => told(await changes.turn(request, "retire")),
    destroy: async (request) => told(await changes.destroy(request, request.waitMs)),
    cancelDestroy: async (request) => told(await changes.cancelDestroy(request)),
  };
}

function useHandlers(
  { uses }: KeysPorts,
): Served<
  "sign" | "verify" | "seal" | "unseal" | "rewrap" | "agree" | "derive" | "sealTo" | "openFrom"
> {
  return {
    sign: (request) =>
      soon(
        uses.sign(request, [request.message]),
        ({ signatures: [signature], ...by }) =>
          signature === undefined ? INVALID : { ...by, signature },
      ),
    verify: (request) =>
      soon(uses.verify(request, [request]), ({ versions: [version] }) => ({
        status: "ok",
        valid: version === undefined ? 0 : 1,
        version: version?.number ?? 0,
      })),
    seal: (request) =>
      soon(
        uses.seal(request, [request]),
        ({ sealed: [sealed], ...by }) => sealed === undefined ? INVALID : { ...by, sealed },
      ),
    unseal: (request) =>
      soon(
        uses.unseal(request, [request]),
        ({ opened: [opened] }) => opened === undefined ? INVALID : { status: "ok", ...opened },
      ),
    rewrap: (request) => uses.rewrap(request, request),
    agree: (request) => uses.agree(request, request.remote),
    derive: (request) => uses.derive(request, request),
    sealTo: (request) => isAppName(request.app) ? uses.sealTo(request.recipient, request) : INVALID,
    openFrom: (request) => uses.openFrom(request, request),
  };
}

function batchHandlers(
  { uses }: KeysPorts,
): Served<"signMany" | "verifyMany" | "sealMany" | "unsealMany"> {
  return {
    signMany: ({ messages, ...reference }) =>
      bytesOf(messages.map(({ message }) => message)) > BATCH_BYTES_MAX ? TOO_BIG : soon(
        uses.sign(reference, messages.map(({ message }) => message)),
        ({ signatures, ...by }) => ({
          ...by,
          signatures: signatures.map((signature) => ({ signature })),
        }),
      ),
    verifyMany: ({ signed, ...reference }) =>
      bytesOf(signed.map(({ message }) => message)) > BATCH_BYTES_MAX
        ? TOO_BIG
        : soon(uses.verify(reference, signed), ({ versions }) => ({
          status: "ok",
          versions: versions.map((version) => ({ version: version?.number ?? 0 })),
        })),
    sealMany({ inputs, ...reference }) {
      const length = inputs.reduce(
        (total, { plain, label }) =>
          total + SEALED_OVERHEAD + Math.min(utf8Length(label), LABEL_LENGTH_MAX) + plain.length,
        0,
      );
      if (length > BATCH_BYTES_MAX) return TOO_BIG;
      return soon(uses.seal(reference, inputs), ({ sealed, ...by }) => ({
        ...by,
        outputs: sealed.map((one) => ({ sealed: one })),
      }));
    },
    unsealMany: ({ inputs, ...reference }) =>
      soon(uses.unseal(reference, inputs), ({ opened }) => ({ status: "ok", outputs: opened })),
  };
}

function bytesOf(values: readonly Uint8Array[]): number {
  return values.reduce((total, { length }) => total + length, 0);
}

/** Turns what was done into a reply; a refusal is one already. */
function soon<T, R>(
  outcome:
    | ({ readonly status: "ok" } & T)
    | KeyRefusal
    | Promise<({ readonly status: "ok" } & T) | KeyRefusal>,
  reply: (done: { readonly status: "ok" } & T) => R,
): R | KeyRefusal | Promise<R | KeyRefusal> {
  const replied = (one: ({ readonly status: "ok" } & T) | KeyRefusal): R | KeyRefusal =>
    isDone(one) ? reply(one) : one;
  return outcome instanceof Promise ? outcome.then(replied) : replied(outcome);
}

function isDone<T>(
  outcome: ({ readonly status: "ok" } & T) | KeyRefusal,
): outcome is { readonly status: "ok" } & T {
  return outcome.status === "ok";
}

function told(changed: Changed) {
  return changed.status === "ok" ? toldKey(changed) : changed;
}

function toldKey({ key }: { readonly key: HeldKey }) {
  const { facts, usage } = key;
  return {
    status: "ok",
    ...summaryOf(key),
    ...{ changedMs: facts.changedMs, destroyMs: facts.destroyMs },
    ...{ usesMax: facts.usesMax, ...usage },
    ...{ minSign: facts.minSign, minOpen: facts.minOpen, minVerify: facts.minVerify },
    creator: facts.creator,
    versions: facts.versions.map(({ version, createdMs, publicKey }) => ({
      ...{ version, createdMs, publicKey },
      keyId: key.keyIdOf(version),
    })),
  } as const;
}

function summaryOf(key: HeldKey) {
  const { place, facts } = key;
  return {
    ...place,
    algorithm: ALGORITHMS[facts.algorithm].code,
    uses: facts.uses,
    flags: facts.flags,
    state: KEY_STATES.indexOf(facts.state),
    version: key.newestNumber,
    keyId: key.keyIdOf(key.newestNumber),
    createdMs: facts.createdMs,
    expiresMs: facts.expiresMs,
    label: facts.label,
  };
}

/** A page of keys in order. */
async function listed(
  ring: Keyring,
  { app, after, countMax }: {
    readonly app: string;
    readonly after: string;
    readonly countMax: number;
  },
) {
  if (app !== "" && !isAppName(app)) return INVALID;
  const most = Math.min(countMax, LIST_KEYS_MAX);
  const [places, more] = pageOf(placesAfter(ring, app, after), most);
  // Read together: the store answers many as fast as one.
  const found = await Promise.all(
    places.map(({ app: own, purpose }) =>
      ring.use<{ readonly key: HeldKey }>(
        { app: own, key: purpose },
        "get",
        ({ key }) => ({ status: "ok", key }),
      )
    ),
  );
  const summaries: ReturnType<typeof summaryOf>[] = [];
  for (const outcome of found) {
    // What does not open says nothing of itself, and keeps nobody from the others.
    if (outcome.status === "ENOENT" || outcome.status === "damaged") continue;
    if (outcome.status !== "ok") return outcome;
    summaries.push(summaryOf(outcome.key));
  }
  return { status: "ok", keys: summaries, more: more ? 1 : 0 } as const;
}

/** The first places, and whether there are more. */
function pageOf(places: Iterable<KeyPlace>, most: number): readonly [readonly KeyPlace[], boolean] {
  const page: KeyPlace[] = [];
  for (const place of places) {
    if (page.length >= most) return [page, true];
    page.push(place);
  }
  return [page, false];
}

function* placesAfter(ring: Keyring, app: string, after: string): Iterable<KeyPlace> {
  const [afterApp = "", afterPurpose = ""] = after.split("/");
  for (const each of app === "" ? ring.names.apps : [app]) {
    if (each < afterApp) continue;
    for (const place of ring.names.placesOf(each)) {
      if (each > afterApp || place.purpose > afterPurpose) yield place;
    }
  }
}

function wishOf(wire: Wire, { sender }: Pick<Call, "sender">): KeyWish | undefined {
  const algorithm = algorithmOf(wire.algorithm);
  return algorithm && { ...wire, algorithm: algorithm.name, creator: creatorOf(sender) };
}

/** As whom policy judged the sender. */
function creatorOf({ name }: Principal): string {
  return Object.hasOwn(keys.subjects, name) ? CLI_SUBJECT : name;
}

function updateOf(
  { mask, ...request }: {
    readonly mask: number;
    readonly label: string;
    readonly expiresMs: bigint;
    readonly usesMax: bigint;
    readonly minSign: number;
    readonly minOpen: number;
    readonly minVerify: number;
  },
): KeyUpdate | undefined {
  const { label, expiresMs, usesMax, minSign, minOpen, minVerify } = request;
  const all = { label, expiresMs, usesMax, minSign, minOpen, minVerify };
  const names = Object.keys(UPDATE_BIT) as (keyof typeof UPDATE_BIT)[]; // its own keys
  const known = names.reduce((bits, name) => bits | UPDATE_BIT[name], 0);
  if (mask === 0 || (mask & ~known) !== 0) return undefined;
  const meant = names.filter((name) => (mask & UPDATE_BIT[name]) !== 0);
  return Object.fromEntries(meant.map((name) => [name, all[name]]));
}

/** Fields that are somebody's data: an audit record has their keyed hash, and nothing of them. */
const PAYLOADS = [
  "message",
  "signature",
  "plain",
  "sealed",
  "aad",
  "context",
  "remote",
  "recipient",
];

/**
 * What a decision is about: application, purpose, the id of the version that it will be done with or
 * that was named, and the name of the payload. A key is looked up for that, which no reply shows.
 */
function targetOf(
  ports: KeysPorts,
  values: Readonly<Record<string, unknown>>,
): string | Promise<string> {
  const app = textOf(values["app"]);
  const payload = payloadName(ports.hash, values);
  if (typeof values["key"] !== "string") {
    return targetText({ app, purpose: textOf(values["purpose"]), keyId: "", payload });
  }
  const reference: KeyReference = { app, key: values["key"] };
  const named = (purpose: string, keyId: string) => targetText({ app, purpose, keyId, payload });
  const found = ports.ring.use(reference, "get", ({ key, keyId }) => ({
    status: "ok",
    purpose: key.place.purpose,
    keyId: keyIdText(keyId ?? key.keyIdOf(key.newestNumber)),
  }));
  const asText = (outcome: Awaited<typeof found>) =>
    outcome.status === "ok" ? named(outcome.purpose, outcome.keyId) : named("", reference.key);
  return found instanceof Promise ? found.then(asText) : asText(found);
}

function targetText(
  { app, purpose, keyId, payload }: {
    readonly app: string;
    readonly purpose: string;
    readonly keyId: string;
    readonly payload: string;
  },
): string {
  return [app, purpose, keyId, payload].join(":");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function payloadName(hash: AuditHash, values: Readonly<Record<string, unknown>>): string {
  const parts = PAYLOADS.map((name) => values[name]).filter((value) => value instanceof Uint8Array);
  for (const list of [values["messages"], values["signed"], values["inputs"]]) {
    if (!Array.isArray(list)) continue;
    for (const item of list) {
      parts.push(
        ...PAYLOADS.map((name) => item[name]).filter((value) => value instanceof Uint8Array),
      );
    }
  }
  return parts.length === 0 ? "" : hash.of(parts);
}
