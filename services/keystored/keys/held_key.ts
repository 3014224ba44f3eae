import { equalBytes } from "@runtime/core/bytes.ts";
import { assert } from "@runtime/core/assert.ts";
import { Secret } from "@runtime/core/secret.ts";
import { type Ed25519Signer, ed25519Signer, ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { hkdfSha256 } from "@runtime/crypto/hkdf.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";
import type { AlgorithmName } from "../client/algorithm.ts";
import { keyIdOf } from "../client/key_id.ts";
import type { KeyFacts, KeyRecord, KeyVersion } from "./key_record.ts";
import type { KeyPlace } from "./key_store.ts";

const UTF8 = new TextEncoder();
const NO_SALT = new Uint8Array(0);
const COMMITMENT_INFO = UTF8.encode("nexus:key-commitment:1");
const COMMITMENT_LENGTH = 32;
const DERIVE_INFO = "nexus:derive:1\0";

/** The public value of a secret: its public key or, where there is none, what commits to it. */
export function publicOf(algorithm: AlgorithmName, secret: Secret): Uint8Array {
  switch (algorithm) {
    case "ed25519":
      return secret.use((seed) => {
        const signer = ed25519Signer(seed);
        const { publicKey } = signer;
        signer.wipe();
        return publicKey;
      });
    case "x25519":
      return secret.use((scalar) => {
        const key = x25519Secret(scalar);
        const { publicKey } = key;
        key.wipe();
        return publicKey;
      });
    case "xchacha20-poly1305":
    case "hkdf-sha256":
      return secret.use((bytes) =>
        hkdfSha256({ secret: bytes, salt: NO_SALT, info: COMMITMENT_INFO }, COMMITMENT_LENGTH)
      );
  }
}

/** One version of a key, ready for use. Key objects are made when they are first used. */
export class HeldVersion {
  readonly number: number;
  readonly publicKey: Uint8Array;
  readonly createdMs: bigint;
  readonly keyId: Uint8Array;
  readonly #secret: Secret;
  #signer: Ed25519Signer | undefined;
  #agreement: X25519Secret | undefined;

  constructor(
    { algorithm, place }: { readonly algorithm: AlgorithmName; readonly place: KeyPlace },
    { version, publicKey, createdMs }: KeyVersion,
    secret: Secret,
  ) {
    this.number = version;
    this.publicKey = publicKey;
    this.createdMs = createdMs;
    this.keyId = keyIdOf({ ...place, algorithm, version, publicKey });
    this.#secret = secret;
  }

  /** Ed25519 over the bare message. */
  sign(message: Uint8Array): Uint8Array {
    this.#signer ??= this.#secret.use(ed25519Signer);
    return this.#signer.sign(message);
  }

  verifies(message: Uint8Array, signature: Uint8Array): boolean {
    return ed25519Verify(this.publicKey, message, signature);
  }

  /** The key of a symmetric version. */
  get secret(): Secret {
    return this.#secret;
  }

  /** X25519. */
  get agreement(): X25519Secret {
    return this.#agreement ??= this.#secret.use(x25519Secret);
  }

  /** HKDF-SHA-256, bound to a context. */
  derive(context: Uint8Array, length: number): Uint8Array {
    const prefix = UTF8.encode(DERIVE_INFO);
    const info = new Uint8Array(prefix.length + context.length);
    info.set(prefix);
    info.set(context, prefix.length);
    return this.#secret.use((secret) => hkdfSha256({ secret, salt: NO_SALT, info }, length));
  }

  wipe(): void {
    this.#secret.wipe();
    this.#signer?.wipe();
    this.#agreement?.wipe();
  }
}

/** How often a key was used, and when last. */
export interface Usage {
  used: bigint;
  lastUsedMs: bigint;
}

interface HeldParts {
  readonly facts: KeyFacts;
  readonly versions: readonly HeldVersion[];
  readonly secrets: readonly Secret[];
  readonly usage: Usage;
}

/** A key as keystored holds it: its facts, and its versions ready for use. */
export class HeldKey {
  readonly place: KeyPlace;
  readonly facts: KeyFacts;
  /** In rising order; none of a key that was destroyed. */
  readonly versions: readonly HeldVersion[];
  /** Counts on; what `facts` says of it was so when it was written. */
  readonly usage: Usage;
  readonly #secrets: readonly Secret[];

  private constructor(place: KeyPlace, { facts, versions, secrets, usage }: HeldParts) {
    this.place = place;
    this.facts = facts;
    this.versions = versions;
    this.usage = usage;
    this.#secrets = secrets;
  }

  /** Takes what was kept into use. */
  static of(place: KeyPlace, { facts, secrets }: KeyRecord): HeldKey {
    const parts = { algorithm: facts.algorithm, place };
    const versions = secrets.map((secret, index) => {
      const version = facts.versions[index];
      assert(version !== undefined, "each secret is of a version");
      return new HeldVersion(parts, version, secret);
    });
    const { used, lastUsedMs } = facts;
    return new HeldKey(place, { facts, versions, secrets, usage: { used, lastUsedMs } });
  }

  /** The same key with other facts, which say nothing of its versions. */
  with(facts: Omit<Partial<KeyFacts>, "versions">): HeldKey {
    const { used, lastUsedMs } = { ...this.usage, ...facts };
    return new HeldKey(this.place, {
      facts: { ...this.facts, ...facts, used, lastUsedMs },
      versions: this.versions,
      secrets: this.#secrets,
      usage: { used, lastUsedMs },
    });
  }

  /** The same key with one version more. */
  withVersion(version: KeyVersion, secret: Secret): HeldKey {
    const parts = { algorithm: this.facts.algorithm, place: this.place };
    return new HeldKey(this.place, {
      facts: { ...this.facts, ...this.usage, versions: [...this.facts.versions, version] },
      versions: [...this.versions, new HeldVersion(parts, version, secret)],
      secrets: [...this.#secrets, secret],
      usage: this.usage,
    });
  }

  /** The same key with its newest versions alone. @param count At least 1. */
  withNewest(count: number): HeldKey {
    assert(count >= 1, "a key keeps a version");
    return new HeldKey(this.place, {
      facts: { ...this.facts, ...this.usage, versions: this.facts.versions.slice(-count) },
      versions: this.versions.slice(-count),
      secrets: this.#secrets.slice(-count),
      usage: this.usage,
    });
  }

  /** What is left of a key that is destroyed: that it was there, and its last version's number. */
  destroyed(facts: Omit<Partial<KeyFacts>, "versions">): HeldKey {
    return new HeldKey(this.place, {
      facts: { ...this.facts, ...this.usage, ...facts, versions: this.facts.versions.slice(-1) },
      versions: [],
      secrets: [],
      usage: this.usage,
    });
  }

  /** What is to be written of it. */
  get record(): KeyRecord {
    return { facts: { ...this.facts, ...this.usage }, secrets: this.#secrets };
  }

  get newest(): HeldVersion | undefined {
    return this.versions.at(-1);
  }

  /** Number of the newest version that ever was. */
  get newestNumber(): number {
    return this.facts.versions.at(-1)?.version ?? 0;
  }

  /** Id of a version that is or was. @param number Of one of the facts' versions. */
  keyIdOf(number: number): Uint8Array {
    const version = this.facts.versions.find((each) => each.version === number);
    assert(version !== undefined, "a version that is told of is known");
    const { algorithm } = this.facts;
    const held = this.versions.find((each) => each.number === number);
    return held?.keyId ??
      keyIdOf({ ...this.place, algorithm, version: number, publicKey: version.publicKey });
  }

  version(keyId: Uint8Array): HeldVersion | undefined {
    return this.versions.find((version) => equalBytes(version.keyId, keyId));
  }

  /** Forgets the secrets of versions that another has no more. */
  wipeBut(kept: HeldKey | undefined): void {
    for (const version of this.versions) {
      if (kept?.versions.includes(version) !== true) version.wipe();
    }
  }
}
