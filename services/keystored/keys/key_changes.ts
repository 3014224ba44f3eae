import { allZero } from "@runtime/core/bytes.ts";
import { Secret } from "@runtime/core/secret.ts";
import { type AlgorithmName, ALGORITHMS, usesMask } from "../client/algorithm.ts";
import {
  DESTROY_WAIT_MAX_MS,
  DESTROY_WAIT_MIN_MS,
  isAppName,
  isPurpose,
  KEYS_MAX,
  KEYS_PER_APP_MAX,
  TIME_MAX_MS,
  VERSIONS_MAX,
} from "../client/key_limits.ts";
import { type KeyOperation, lifeAfter } from "../client/lifecycle.ts";
import { HeldKey, publicOf } from "./held_key.ts";
import { FLAG, type KeyFacts, SECRET_LENGTH } from "./key_record.ts";
import { KeyNames } from "./key_names.ts";
import type { KeyPlace } from "./key_store.ts";
import type { KeyReference, Keyring } from "./keyring.ts";
import { type KeyRefusal, type Outcome, quota } from "./outcome.ts";

/** What a new key is to be. */
export interface KeyWish extends KeyPlace {
  readonly algorithm: AlgorithmName;
  /** Bits; 0 for all that the algorithm has. */
  readonly uses: number;
  readonly label: string;
  /** 0: never. */
  readonly expiresMs: bigint;
  /** 0: no limit. */
  readonly usesMax: bigint;
  readonly creator: string;
}

/** What may be changed of a key. What is left out stays. */
export type KeyUpdate = Partial<
  Pick<KeyFacts, "label" | "expiresMs" | "usesMax" | "minSign" | "minOpen" | "minVerify">
>;

/** A key as it is after a change. */
export type Changed = Outcome<{ readonly key: HeldKey }>;

/** What a key's versions, beside its state, say against a change. @param keep Of `trim`. */
export function changeRefusal(
  { versions }: HeldKey,
  operation: KeyOperation,
  keep: number,
): KeyRefusal | undefined {
  const count = versions.length;
  if (operation === "rotate" && count >= VERSIONS_MAX) return quota(count, VERSIONS_MAX);
  return operation === "trim" && keep >= count ? { status: "EALREADY" } : undefined;
}

/** How keys change: each change is kept before it is told. */
export class KeyChanges {
  readonly #ring: Keyring;
  /** Keys that are being made, and are not among the ring's yet. */
  readonly #making = new KeyNames();

  constructor(ring: Keyring) {
    this.#ring = ring;
  }

  /** Makes a key. @param secret What it is to be, taken over; drawn when left out. */
  create(wish: KeyWish, secret?: Secret): Promise<Changed> {
    const refusal = wishRefusal(wish);
    if (refusal !== undefined) return Promise.resolve(refusal);
    const { app, purpose } = wish;
    return this.#ring.alone<{ readonly key: HeldKey }>({ app, purpose }, async (before) => {
      const taken = before !== null && this.#ring.refusal(before, "create") !== undefined;
      if (taken) return { status: "EALREADY" };
      const full = before === null ? this.#fullFor(app) : undefined;
      if (full !== undefined) return full;
      return await this.#makeAt(wish, before, secret);
    });
  }

  /** Makes a key where there is room: those that are made at the same time count as well. */
  async #makeAt(wish: KeyWish, before: HeldKey | null, given?: Secret): Promise<Changed> {
    const place = { app: wish.app, purpose: wish.purpose };
    this.#making.add(place);
    try {
      const secret = given ?? await this.#drawSecret();
      if (secret === undefined) return { status: "unavailable" };
      const imported = given !== undefined;
      return await this.#ring.keep(this.#made(wish, { secret, imported, before }));
    } finally {
      this.#making.remove(place);
    }
  }

  /** Adds a version: the newest signs and seals from now on. */
  rotate(reference: KeyReference): Promise<Changed> {
    return this.#ring.change(reference, "rotate", async (key) => {
      const full = changeRefusal(key, "rotate", 0);
      if (full !== undefined) return full;
      const secret = await this.#drawSecret();
      if (secret === undefined) return { status: "unavailable" };
      const version = {
        version: key.newestNumber + 1,
        createdMs: this.#ring.nowMs(),
        publicKey: publicOf(key.facts.algorithm, secret),
      };
      const next = key.withVersion(version, secret);
      // Older versions sign no more, unless somebody lowers it again.
      const minSign = version.version;
      return await this.#ring.keep(next.with({ minSign, changedMs: this.#ring.nowMs() }));
    });
  }

  /** Lets old versions go for good. @param keep How many of the newest stay. */
  trim(reference: KeyReference, keep: number): Promise<Changed> {
    if (keep < 1) return Promise.resolve({ status: "EINVAL" });
    return this.#ring.change(reference, "trim", async (key) => {
      const refused = changeRefusal(key, "trim", keep);
      if (refused !== undefined) return refused;
      return await this.#ring.keep(key.withNewest(keep).with({ changedMs: this.#ring.nowMs() }));
    });
  }

  update(
    reference: KeyReference,
    update: KeyUpdate,
  ): Promise<Changed> {
    return this.#ring.change(reference, "update", async (key) => {
      const facts = { ...key.facts, ...update };
      const { expiresMs, minSign, minOpen, minVerify } = facts;
      const minimums = [minSign, minOpen, minVerify];
      // A minimum above the newest version would lock out what there is.
      if (minimums.some((least) => least < 1 || least > key.newestNumber)) {
        return { status: "EINVAL" };
      }
      if (expiresMs > BigInt(TIME_MAX_MS)) return { status: "EINVAL" };
      return await this.#ring.keep(key.with({ ...update, changedMs: this.#ring.nowMs() }));
    });
  }

  /** `suspend`, `resume`, `retire` and `revoke`. */
  turn(
    reference: KeyReference,
    operation: "suspend" | "resume" | "retire" | "revoke",
  ): Promise<Changed> {
    return this.#ring.change(reference, operation, async (key) => {
      const life = lifeAfter(key.facts, operation);
      return await this.#ring.keep(key.with({ ...life, changedMs: this.#ring.nowMs() }));
    });
  }

  /** Begins the end of a key. @param waitMs How long it can be called back. */
  destroy(
    reference: KeyReference,
    waitMs: bigint,
  ): Promise<Changed> {
    if (waitMs < BigInt(DESTROY_WAIT_MIN_MS) || waitMs > BigInt(DESTROY_WAIT_MAX_MS)) {
      return Promise.resolve({ status: "EINVAL" });
    }
    return this.#ring.change(reference, "destroy", async (key) => {
      const { place } = key;
      // The mark is first: one without a key that ends is looked at in vain, and no more.
      const marked = await this.#ring.mark(place);
      if (marked.status !== "ok") return marked;
      const nowMs = this.#ring.nowMs();
      const life = lifeAfter(key.facts, "destroy");
      return await this.#ring.keep(
        key.with({ ...life, changedMs: nowMs, destroyMs: nowMs + waitMs }),
      );
    });
  }

  /** Calls a key back to the state in which its destruction found it. */
  cancelDestroy(reference: KeyReference): Promise<Changed> {
    return this.#ring.change(reference, "cancelDestroy", async (key) => {
      const life = lifeAfter(key.facts, "cancelDestroy");
      const kept = await this.#ring.keep(
        key.with({ ...life, changedMs: this.#ring.nowMs(), destroyMs: 0n }),
      );
      if (kept.status === "ok") await this.#ring.unmark(key.place);
      return kept;
    });
  }

  #made(
    { app, purpose, algorithm, uses, label, expiresMs, usesMax, creator }: KeyWish,
    { secret, imported, before }: {
      readonly secret: Secret;
      readonly imported: boolean;
      readonly before: HeldKey | null;
    },
  ): HeldKey {
    const createdMs = this.#ring.nowMs();
    const version = (before?.newestNumber ?? 0) + 1;
    const flags = (imported ? FLAG.imported : 0) | (this.#ring.seeded ? FLAG.test : 0);
    const publicKey = publicOf(algorithm, secret);
    const facts: KeyFacts = {
      ...{ state: "active", before: "active", algorithm, flags, creator, label },
      uses: uses === 0 ? usesMask(ALGORITHMS[algorithm]) : uses,
      ...{ createdMs, changedMs: createdMs, expiresMs, destroyMs: 0n },
      ...{ usesMax, used: 0n, lastUsedMs: 0n },
      ...{ minSign: 1, minOpen: 1, minVerify: 1 },
      versions: [{ version, createdMs, publicKey }],
    };
    return HeldKey.of({ app, purpose }, { facts, secrets: [secret] });
  }

  #fullFor(app: string): KeyRefusal | undefined {
    const own = this.#ring.names.countOf(app) + this.#making.countOf(app);
    if (own >= KEYS_PER_APP_MAX) return quota(own, KEYS_PER_APP_MAX);
    const all = this.#ring.names.count + this.#making.count;
    return all >= KEYS_MAX ? quota(all, KEYS_MAX) : undefined;
  }

  async #drawSecret(): Promise<Secret | undefined> {
    const drawn = await this.#ring.draw(SECRET_LENGTH);
    if (drawn === undefined || allZero(drawn)) return undefined;
    const secret = new Secret(drawn.slice());
    drawn.fill(0);
    return secret;
  }
}

function wishRefusal(
  { app, purpose, algorithm, uses, expiresMs }: KeyWish,
): KeyRefusal | undefined {
  const named = isAppName(app) && isPurpose(purpose);
  const fits = (uses & ~usesMask(ALGORITHMS[algorithm])) === 0;
  return named && fits && expiresMs <= BigInt(TIME_MAX_MS) ? undefined : { status: "EINVAL" };
}
