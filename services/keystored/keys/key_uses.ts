import { equalBytes } from "@runtime/core/bytes.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { X25519_LENGTH } from "@runtime/crypto/x25519.ts";
import { type AlgorithmName, type KeyUse, USE_BIT } from "../client/algorithm.ts";
import {
  AAD_LENGTH_MAX,
  CONTEXT_LENGTH_MAX,
  DERIVED_LENGTH_MAX,
  DERIVED_LENGTH_MIN,
  LABEL_LENGTH_MAX,
  MESSAGE_LENGTH_MAX,
  PLAIN_LENGTH_MAX,
} from "../client/key_limits.ts";
import { SEAL_NONCE_LENGTH, SEALED_LENGTH_MAX, SENT_LENGTH_MAX } from "../client/sealed_blob.ts";
import type { HeldKey, HeldVersion } from "./held_key.ts";
import type { Found, KeyReference, Keyring } from "./keyring.ts";
import type { KeyRefusal, Outcome } from "./outcome.ts";
import { openOwn, openSent, sealedPartsOf, sealOwn, sealTo, sentPartsOf } from "./seal.ts";

/** A result, or its promise where the key must be read or written first. */
export type Soon<T> = Outcome<T> | Promise<Outcome<T>>;

/** What a result says of the version that made it. */
export interface MadeBy {
  readonly version: number;
  readonly keyId: Uint8Array;
}

/** What is sealed, and what is bound to it. */
export interface SealInput {
  readonly plain: Uint8Array;
  readonly aad: Uint8Array;
  readonly label: string;
}

/** What was sealed. */
export interface Opened {
  readonly plain: Uint8Array;
  readonly label: string;
}

/** Sealed bytes, and what was bound to them. */
export interface OpenInput {
  readonly sealed: Uint8Array;
  readonly aad: Uint8Array;
}

/** What somebody sealed, and until when it is opened; 0 for ever. */
export type Sent = Opened & MadeBy & { readonly expiresMs: bigint };

/** Label of a secret that is imported, before the algorithm's name. Nobody else is shown its bytes. */
export const IMPORT_LABEL_PREFIX = "nexus:import:";

const INVALID = { status: "EINVAL" } as const;
const TOO_BIG = { status: "E2BIG" } as const;
const EXPIRED = { status: "EEXPIRED" } as const;
const NOT_FOR = { status: "EPERM" } as const;

/** What is done with keys, whose secrets stay where they are. Bounds, uses and versions stand here. */
export class KeyUses {
  readonly #ring: Keyring;

  constructor(ring: Keyring) {
    this.#ring = ring;
  }

  /** Ed25519 over each of the bare messages, by one version. Counts as one use. */
  sign(
    reference: KeyReference,
    messages: readonly Uint8Array[],
  ): Soon<MadeBy & { readonly signatures: readonly Uint8Array[] }> {
    if (messages.some(({ length }) => length > MESSAGE_LENGTH_MAX)) return TOO_BIG;
    return this.#ring.use(reference, "sign", (found) => {
      const version = makerOf(found, "ed25519", "sign");
      if ("status" in version) return version;
      const signatures = messages.map((message) => version.sign(message));
      return { status: "ok", signatures, ...madeBy(version) };
    });
  }

  /**
   * Whether a signature is of the named version or, where none is named, of any that may still
   * verify; the newest first.
   */
  verify(
    reference: KeyReference,
    signed: readonly { readonly message: Uint8Array; readonly signature: Uint8Array }[],
  ): Soon<{ readonly versions: readonly (HeldVersion | undefined)[] }> {
    if (signed.some(({ message }) => message.length > MESSAGE_LENGTH_MAX)) return TOO_BIG;
    return this.#ring.use<{ readonly versions: readonly (HeldVersion | undefined)[] }>(
      reference,
      "verify",
      ({ key, keyId }) => {
        if (key.facts.algorithm !== "ed25519") return INVALID;
        const least = key.facts.minVerify;
        const named = keyId && key.version(keyId);
        if (keyId !== undefined && named === undefined) return INVALID;
        if (named !== undefined && named.number < least) return EXPIRED;
        const candidates = named === undefined
          ? key.versions.filter(({ number }) => number >= least).toReversed()
          : [named];
        const versions = signed.map(({ message, signature }) =>
          candidates.find((version) => version.verifies(message, signature))
        );
        return { status: "ok", versions };
      },
    );
  }

  /** Seals each of the inputs by one version. Counts as one use. */
  async seal(
    reference: KeyReference,
    inputs: readonly SealInput[],
  ): Promise<Outcome<MadeBy & { readonly sealed: readonly Uint8Array[] }>> {
    const fault = inputs.map(sealFault).find((each) => each !== undefined);
    if (fault !== undefined) return fault;
    const nonces = await this.#ring.draw(SEAL_NONCE_LENGTH * inputs.length);
    if (nonces === undefined) return { status: "unavailable" };
    return await this.#ring.use(reference, "seal", (found) => {
      const version = makerOf(found, "xchacha20-poly1305", "decrypt");
      if ("status" in version) return version;
      const sealed = inputs.map((input, index) => sealedBy(version, input, nonceAt(nonces, index)));
      return { status: "ok", sealed, ...madeBy(version) };
    });
  }

  /** Opens each of what was sealed; all or none. Counts as one use. */
  unseal(
    reference: KeyReference,
    inputs: readonly { readonly sealed: Uint8Array; readonly aad: Uint8Array }[],
  ): Soon<{ readonly opened: readonly (Opened & MadeBy)[] }> {
    const big = inputs.some(({ sealed, aad }) =>
      sealed.length > SEALED_LENGTH_MAX || aad.length > AAD_LENGTH_MAX
    );
    if (big) return TOO_BIG;
    return this.#ring.use(reference, "unseal", (found) => {
      const opened: (Opened & MadeBy)[] = [];
      for (const input of inputs) {
        const one = openedBy(found, input);
        if ("status" in one) return one;
        opened.push(one);
      }
      return { status: "ok", opened };
    });
  }

  /** Seals anew, by the newest version, what an older one sealed; nobody sees what it is. */
  async rewrap(
    reference: KeyReference,
    input: { readonly sealed: Uint8Array; readonly aad: Uint8Array },
  ): Promise<Outcome<MadeBy & { readonly sealed: Uint8Array }>> {
    if (input.sealed.length > SEALED_LENGTH_MAX || input.aad.length > AAD_LENGTH_MAX) {
      return TOO_BIG;
    }
    const nonce = await this.#ring.draw(SEAL_NONCE_LENGTH);
    if (nonce === undefined) return { status: "unavailable" };
    return await this.#ring.use(reference, "rewrap", (found) => {
      const opened = openedBy(found, input);
      if ("status" in opened) return opened;
      const version = makerOf(
        { key: found.key, keyId: undefined },
        "xchacha20-poly1305",
        "decrypt",
      );
      if ("status" in version) return version;
      const sealed = sealedBy(version, { ...opened, aad: input.aad }, nonce);
      opened.plain.fill(0);
      return { status: "ok", sealed, ...madeBy(version) };
    });
  }

  /** X25519 with a remote key; EINVAL for one of low order. */
  agree(
    reference: KeyReference,
    remote: Uint8Array,
  ): Soon<MadeBy & { readonly shared: Uint8Array }> {
    if (remote.length !== X25519_LENGTH) return INVALID;
    return this.#ring.use(reference, "agree", (found) => {
      const version = makerOf(found, "x25519", "agree");
      if ("status" in version) return version;
      const shared = version.agreement.shared(remote);
      return shared === undefined ? INVALID : { status: "ok", shared, ...madeBy(version) };
    });
  }

  /**
   * HKDF-SHA-256 of the key, bound to a context: the newest version, or the one that is named. What
   * was derived from an older version is derived again by naming it.
   */
  derive(
    reference: KeyReference,
    { context, length }: { readonly context: Uint8Array; readonly length: number },
  ): Soon<MadeBy & { readonly derived: Uint8Array }> {
    if (context.length > CONTEXT_LENGTH_MAX) return TOO_BIG;
    if (length < DERIVED_LENGTH_MIN || length > DERIVED_LENGTH_MAX) return INVALID;
    return this.#ring.use(reference, "derive", ({ key, keyId }) => {
      const fault = useFault(key, "hkdf-sha256", "derive");
      if (fault !== undefined) return fault;
      const version = keyId === undefined ? key.newest : key.version(keyId);
      if (version === undefined) return INVALID;
      if (version.number < key.facts.minOpen) return EXPIRED;
      return { status: "ok", derived: version.derive(context, length), ...madeBy(version) };
    });
  }

  /** Seals to somebody's X25519 key. It takes no key of this device. */
  async sealTo(
    recipient: Uint8Array,
    { expiresMs, ...input }: SealInput & { readonly expiresMs: bigint },
  ): Promise<Outcome<{ readonly sealed: Uint8Array }>> {
    const fault = sealFault(input);
    if (fault !== undefined) return fault;
    if (recipient.length !== X25519_LENGTH) return INVALID;
    const secret = await this.#ring.draw(X25519_LENGTH);
    if (secret === undefined) return { status: "unavailable" };
    const sealed = sealTo(secret, { recipient, expiresMs, label: input.label }, input);
    return sealed === undefined ? INVALID : { status: "ok", sealed };
  }

  /** Opens what somebody sealed to a key of this device, unless it is a secret of a key. */
  openFrom(reference: KeyReference, input: OpenInput): Soon<Sent> {
    return this.#openFrom(reference, input, (label) => !label.startsWith(IMPORT_LABEL_PREFIX));
  }

  /**
   * Opens the secret of a key to be, which somebody sealed to a key of this device. Not by one that may
   * also agree: what it agrees on with the sender's key is what the secret is sealed under.
   */
  openImport(reference: KeyReference, input: OpenInput, algorithm: AlgorithmName): Soon<Sent> {
    const label = IMPORT_LABEL_PREFIX + algorithm;
    return this.#openFrom(reference, input, (found) => found === label, USE_BIT.agree);
  }

  #openFrom(
    reference: KeyReference,
    { sealed, aad }: OpenInput,
    opens: (label: string) => boolean,
    forbidden = 0,
  ): Soon<Sent> {
    if (sealed.length > SENT_LENGTH_MAX || aad.length > AAD_LENGTH_MAX) return TOO_BIG;
    return this.#ring.use(reference, "openFrom", ({ key }) => {
      const fault = useFault(key, "x25519", "decrypt");
      if (fault !== undefined) return fault;
      if ((key.facts.uses & forbidden) !== 0) return NOT_FOR;
      const parts = sentPartsOf(sealed);
      const version = parts &&
        key.versions.find(({ publicKey }) => equalBytes(publicKey, parts.head.recipient));
      if (parts === undefined || version === undefined || !opens(parts.head.label)) return INVALID;
      if (version.number < key.facts.minOpen) return EXPIRED;
      const plain = openSent(version.agreement, parts, aad);
      if (plain === undefined) return INVALID;
      const { label, expiresMs } = parts.head;
      // Only now is it known that nobody changed the time.
      if (expiresMs > 0n && this.#ring.nowMs() >= expiresMs) return EXPIRED;
      return { status: "ok", plain, label, expiresMs, ...madeBy(version) };
    });
  }
}

function madeBy({ number, keyId }: HeldVersion): MadeBy {
  return { version: number, keyId };
}

/** Why a key does nothing of a kind: it is of another algorithm, or not for that. */
function useFault(key: HeldKey, algorithm: AlgorithmName, use: KeyUse): KeyRefusal | undefined {
  if (key.facts.algorithm !== algorithm) return INVALID;
  return (key.facts.uses & USE_BIT[use]) === 0 ? NOT_FOR : undefined;
}

/** The version that makes something new: the newest, or one that is named and may still do it. */
function makerOf(
  { key, keyId }: Found,
  algorithm: AlgorithmName,
  use: KeyUse,
): HeldVersion | KeyRefusal {
  const fault = useFault(key, algorithm, use);
  if (fault !== undefined) return fault;
  const version = keyId === undefined ? key.newest : key.version(keyId);
  if (version === undefined) return INVALID;
  return version.number < key.facts.minSign ? EXPIRED : version;
}

function sealFault({ plain, aad, label }: SealInput): KeyRefusal | undefined {
  const fits = plain.length <= PLAIN_LENGTH_MAX && aad.length <= AAD_LENGTH_MAX &&
    utf8Length(label) <= LABEL_LENGTH_MAX;
  return fits ? undefined : TOO_BIG;
}

function sealedBy(version: HeldVersion, input: SealInput, nonce: Uint8Array): Uint8Array {
  const { number, keyId, secret } = version;
  return sealOwn(secret, { version: number, keyId, nonce, label: input.label }, input);
}

function openedBy(
  { key, keyId }: Found,
  { sealed, aad }: { readonly sealed: Uint8Array; readonly aad: Uint8Array },
): (Opened & MadeBy) | KeyRefusal {
  const fault = useFault(key, "xchacha20-poly1305", "decrypt");
  if (fault !== undefined) return fault;
  const parts = sealedPartsOf(sealed);
  const version = parts && key.version(parts.head.keyId);
  if (parts === undefined || version?.number !== parts.head.version) return INVALID;
  if (keyId !== undefined && !equalBytes(keyId, version.keyId)) return INVALID;
  if (version.number < key.facts.minOpen) return EXPIRED;
  const plain = openOwn(version.secret, parts, aad);
  return plain === undefined ? INVALID : { plain, label: parts.head.label, ...madeBy(version) };
}

function nonceAt(nonces: Uint8Array, index: number): Uint8Array {
  return nonces.subarray(index * SEAL_NONCE_LENGTH, (index + 1) * SEAL_NONCE_LENGTH);
}
