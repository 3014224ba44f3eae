import type { RawChannel } from "@runtime/idl/channel.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { type KeyInfo, type KeySummary, summaryOf, timeOf } from "./key_info.ts";
import {
  AAD_LENGTH_MAX,
  APP_LENGTH_MAX,
  CONTEXT_LENGTH_MAX,
  DESTROY_WAIT_DEFAULT_MS,
  LIST_KEYS_MAX,
  MESSAGE_LENGTH_MAX,
  PURPOSE_LENGTH_MAX,
} from "./key_limits.ts";
import type {
  EndedUse,
  KeyChange,
  KeyRef,
  MadeBy,
  NewKey,
  Opened,
  OpenInput,
  SealInput,
} from "./key_requests.ts";
import { KeyError } from "./keys_failure.ts";
import { keys } from "./keys_protocol.ts";
import { KEY_OPERATIONS, type KeyOperation } from "./lifecycle.ts";
import { SEALED_LENGTH_MAX, SENT_LENGTH_MAX } from "./sealed_blob.ts";
import {
  batch,
  changeOf,
  done,
  fits,
  garbled,
  isByte,
  madeBy,
  msOf,
  PUBLIC_LENGTH,
  refOf,
  sealable,
  SIGNATURE_LENGTH,
  told,
  wholeOf,
  wishOf,
} from "./wire_values.ts";

const NOTHING = new Uint8Array(0);

/**
 * Keys of applications, as keystored keeps them: they are made, used and ended by name, and no call
 * gives out a secret.
 *
 * Every call throws {@linkcode KeyError} where keystored refuses, with one of the codes of
 * {@linkcode KeyErrorCode}, and {@linkcode KeysUnavailable} where nobody answered.
 *
 * Specification: `docs/identity/keystore.md`.
 */
export class NexusKeys {
  readonly #keys: Client<typeof keys>;

  /** Asks through a channel to keystored: a daemon's own, or one over a control socket. */
  constructor(channel: RawChannel) {
    this.#keys = createClient(keys, channel);
  }

  /** Makes a key. EALREADY: the application has one for the purpose. EDQUOTA: there are too many. */
  async create(key: NewKey): Promise<KeyInfo> {
    const wish = wishOf("create", key);
    return told("create", await this.#keys.create(wish));
  }

  /**
   * Makes a key of a secret of 32 bytes that was sealed to one of this device's keys, with the label
   * `nexus:import:<algorithm>`. It says for ever that it was imported.
   *
   * @param wrapping Purpose of the key that it was sealed to, of the same application.
   */
  async importKey(
    key: NewKey,
    { wrapping, sealed }: { readonly wrapping: string; readonly sealed: Uint8Array },
  ): Promise<KeyInfo> {
    const wish = wishOf("importKey", key);
    fits("importKey", utf8Length(wrapping), PURPOSE_LENGTH_MAX);
    fits("importKey", sealed.length, SENT_LENGTH_MAX);
    return told("importKey", await this.#keys.importKey({ ...wish, wrapping, sealed }));
  }

  /** Everything that is told of a key. ENOENT: there never was one. */
  async get(ref: KeyRef): Promise<KeyInfo> {
    return told("get", await this.#keys.get(refOf("get", ref)));
  }

  /** Keys in order, of one application or of all. Reads on page by page. */
  async *list(app = ""): AsyncGenerator<KeySummary> {
    fits("list", utf8Length(app), APP_LENGTH_MAX);
    let after = "";
    for (let more = true; more;) {
      const page = done("list", await this.#keys.list({ app, after, countMax: LIST_KEYS_MAX }));
      for (const values of page.keys) {
        yield summaryOf(values) ?? garbled("list");
        after = `${values.app}/${values.purpose}`;
      }
      more = page.more !== 0 && page.keys.length > 0;
    }
  }

  /** Adds a version, which signs and seals from now on. */
  async rotate(ref: KeyRef): Promise<KeyInfo> {
    return told("rotate", await this.#keys.rotate(refOf("rotate", ref)));
  }

  /** Ends every use, for good. */
  async revoke(ref: KeyRef): Promise<KeyInfo> {
    return told("revoke", await this.#keys.revoke(refOf("revoke", ref)));
  }

  /** Ends every use until {@linkcode NexusKeys.resume}. */
  async suspend(ref: KeyRef): Promise<KeyInfo> {
    return told("suspend", await this.#keys.suspend(refOf("suspend", ref)));
  }

  /** Takes a suspended key into use again. */
  async resume(ref: KeyRef): Promise<KeyInfo> {
    return told("resume", await this.#keys.resume(refOf("resume", ref)));
  }

  /** Lets a key only verify and open from now on. */
  async retire(ref: KeyRef): Promise<KeyInfo> {
    return told("retire", await this.#keys.retire(refOf("retire", ref)));
  }

  /** Ends every use, and lets the secrets go after a while. @param waitMs A second to a year. */
  async destroy(ref: KeyRef, waitMs: number = DESTROY_WAIT_DEFAULT_MS): Promise<KeyInfo> {
    const request = { ...refOf("destroy", ref), waitMs: wholeOf("destroy", waitMs) };
    return told("destroy", await this.#keys.destroy(request));
  }

  /** Calls a key back to the state in which its destruction found it. */
  async cancelDestroy(ref: KeyRef): Promise<KeyInfo> {
    return told("cancelDestroy", await this.#keys.cancelDestroy(refOf("cancelDestroy", ref)));
  }

  /** Changes what may be changed of a key. EINVAL: a least version is above the newest. */
  async update(ref: KeyRef, change: KeyChange): Promise<KeyInfo> {
    const request = { ...refOf("update", ref), ...changeOf(change) };
    return told("update", await this.#keys.update(request));
  }

  /** Lets all but the newest versions go. @param keep How many stay, at least 1. */
  async trim(ref: KeyRef, keep: number): Promise<KeyInfo> {
    if (!isByte(keep)) throw new KeyError("EINVAL", "trim");
    return told("trim", await this.#keys.trim({ ...refOf("trim", ref), keep }));
  }

  /**
   * What a change would end, without making it. It is refused as the change would be.
   *
   * @param keep Of `trim`: how many versions stay.
   */
  async impact(ref: KeyRef, action: KeyOperation, keep = 0): Promise<readonly EndedUse[]> {
    if (!isByte(keep)) throw new KeyError("EINVAL", "impact");
    const request = { ...refOf("impact", ref), action: KEY_OPERATIONS.indexOf(action), keep };
    const { ends } = done("impact", await this.#keys.impact(request));
    return ends.map(({ operation, version }) => ({
      operation: KEY_OPERATIONS[operation] ?? garbled("impact"),
      version,
    }));
  }

  /** Ed25519 over the message as it is. */
  async sign(
    ref: KeyRef,
    message: Uint8Array,
  ): Promise<MadeBy & { readonly signature: Uint8Array }> {
    fits("sign", message.length, MESSAGE_LENGTH_MAX);
    const reply = done("sign", await this.#keys.sign({ ...refOf("sign", ref), message }));
    return { ...madeBy(reply), signature: reply.signature.slice() };
  }

  /** Signatures over several messages by one version, in one call. */
  async signMany(
    ref: KeyRef,
    messages: readonly Uint8Array[],
  ): Promise<MadeBy & { readonly signatures: readonly Uint8Array[] }> {
    for (const { length } of messages) fits("signMany", length, MESSAGE_LENGTH_MAX);
    batch("signMany", messages.map(({ length }) => length));
    const list = messages.map((message) => ({ message }));
    const request = { ...refOf("signMany", ref), messages: list };
    const reply = done("signMany", await this.#keys.signMany(request));
    const signatures = reply.signatures.map(({ signature }) => signature.slice());
    return { ...madeBy(reply), signatures };
  }

  /**
   * The version that made a signature: the named one or, where none is named, any that may still
   * verify; `undefined` when none did.
   */
  async verify(
    ref: KeyRef,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<number | undefined> {
    fits("verify", message.length, MESSAGE_LENGTH_MAX);
    if (signature.length !== SIGNATURE_LENGTH) return undefined;
    const request = { ...refOf("verify", ref), message, signature };
    const { valid, version } = done("verify", await this.#keys.verify(request));
    return valid === 1 ? version : undefined;
  }

  /** Checks several signatures as {@linkcode NexusKeys.verify} does, in one call. */
  async verifyMany(
    ref: KeyRef,
    signed: readonly { readonly message: Uint8Array; readonly signature: Uint8Array }[],
  ): Promise<readonly (number | undefined)[]> {
    batch("verifyMany", signed.map(({ message }) => message.length + SIGNATURE_LENGTH));
    for (const { message, signature } of signed) {
      fits("verifyMany", message.length, MESSAGE_LENGTH_MAX);
      if (signature.length !== SIGNATURE_LENGTH) throw new KeyError("EINVAL", "verifyMany");
    }
    const request = { ...refOf("verifyMany", ref), signed };
    const { versions } = done("verifyMany", await this.#keys.verifyMany(request));
    return versions.map(({ version }) => version === 0 ? undefined : version);
  }

  /** Seals several values by one version, in one call. */
  async sealMany(
    ref: KeyRef,
    values: readonly SealInput[],
  ): Promise<MadeBy & { readonly sealed: readonly Uint8Array[] }> {
    const inputs = values.map(({ plain, aad = NOTHING, label = "" }) => ({ plain, aad, label }));
    for (const input of inputs) sealable("sealMany", input);
    batch(
      "sealMany",
      inputs.map(({ plain, aad, label }) => plain.length + aad.length + utf8Length(label)),
    );
    const request = { ...refOf("sealMany", ref), inputs };
    const reply = done("sealMany", await this.#keys.sealMany(request));
    return { ...madeBy(reply), sealed: reply.outputs.map(({ sealed }) => sealed.slice()) };
  }

  /** Opens several values, all or none, in one call. */
  async unsealMany(ref: KeyRef, values: readonly OpenInput[]): Promise<readonly Opened[]> {
    const inputs = values.map(({ sealed, aad = NOTHING }) => ({ sealed, aad }));
    for (const { sealed, aad } of inputs) {
      fits("unsealMany", sealed.length, SEALED_LENGTH_MAX);
      fits("unsealMany", aad.length, AAD_LENGTH_MAX);
    }
    batch("unsealMany", inputs.map(({ sealed, aad }) => sealed.length + aad.length));
    const request = { ...refOf("unsealMany", ref), inputs };
    const { outputs } = done("unsealMany", await this.#keys.unsealMany(request));
    return outputs.map(({ plain, label, ...by }) => ({
      ...madeBy(by),
      plain: plain.slice(),
      label,
    }));
  }

  /** Seals bytes so that this key alone opens them. */
  async seal(
    ref: KeyRef,
    { plain, aad = NOTHING, label = "" }: SealInput,
  ): Promise<MadeBy & { readonly sealed: Uint8Array }> {
    sealable("seal", { plain, aad, label });
    const request = { ...refOf("seal", ref), plain, aad, label };
    const reply = done("seal", await this.#keys.seal(request));
    return { ...madeBy(reply), sealed: reply.sealed.slice() };
  }

  /** Opens what this key sealed. EINVAL: it was another key, other data, or bytes were changed. */
  async unseal(ref: KeyRef, { sealed, aad = NOTHING }: OpenInput): Promise<Opened> {
    fits("unseal", sealed.length, SEALED_LENGTH_MAX);
    fits("unseal", aad.length, AAD_LENGTH_MAX);
    const request = { ...refOf("unseal", ref), sealed, aad };
    const reply = done("unseal", await this.#keys.unseal(request));
    return { ...madeBy(reply), plain: reply.plain.slice(), label: reply.label };
  }

  /** Seals anew, by the newest version, what this key sealed. Nobody sees the plaintext. */
  async rewrap(
    ref: KeyRef,
    { sealed, aad = NOTHING }: OpenInput,
  ): Promise<MadeBy & { readonly sealed: Uint8Array }> {
    fits("rewrap", sealed.length, SEALED_LENGTH_MAX);
    fits("rewrap", aad.length, AAD_LENGTH_MAX);
    const request = { ...refOf("rewrap", ref), sealed, aad };
    const reply = done("rewrap", await this.#keys.rewrap(request));
    return { ...madeBy(reply), sealed: reply.sealed.slice() };
  }

  /** X25519 with a remote public key of 32 bytes. EINVAL: one of low order. */
  async agree(
    ref: KeyRef,
    remote: Uint8Array,
  ): Promise<MadeBy & { readonly shared: Uint8Array }> {
    if (remote.length !== PUBLIC_LENGTH) throw new KeyError("EINVAL", "agree");
    const reply = done("agree", await this.#keys.agree({ ...refOf("agree", ref), remote }));
    return { ...madeBy(reply), shared: reply.shared.slice() };
  }

  /** Bytes that follow from the key and a context. @param length 16 to 64. */
  async derive(
    ref: KeyRef,
    { context, length }: { readonly context: Uint8Array; readonly length: number },
  ): Promise<MadeBy & { readonly derived: Uint8Array }> {
    fits("derive", context.length, CONTEXT_LENGTH_MAX);
    if (!isByte(length)) throw new KeyError("EINVAL", "derive");
    const reply = done(
      "derive",
      await this.#keys.derive({ ...refOf("derive", ref), context, length }),
    );
    return { ...madeBy(reply), derived: reply.derived.slice() };
  }

  /** Seals bytes to somebody's X25519 key: not even this device opens them. */
  async sealTo(
    app: string,
    recipient: Uint8Array,
    { plain, aad = NOTHING, label = "", expiresMs: end }: SealInput & {
      readonly expiresMs?: number;
    },
  ): Promise<Uint8Array> {
    sealable("sealTo", { plain, aad, label });
    fits("sealTo", utf8Length(app), APP_LENGTH_MAX);
    if (recipient.length !== PUBLIC_LENGTH || app === "") throw new KeyError("EINVAL", "sealTo");
    const expiresMs = msOf("sealTo", end);
    const request = { app, recipient, plain, aad, label, expiresMs };
    return done("sealTo", await this.#keys.sealTo(request)).sealed.slice();
  }

  /** Opens what somebody sealed to a key of this device. EEXPIRED: its time is over. */
  async openFrom(
    ref: KeyRef,
    { sealed, aad = NOTHING }: OpenInput,
  ): Promise<Opened & { readonly expiresMs: number | undefined }> {
    fits("openFrom", sealed.length, SENT_LENGTH_MAX);
    fits("openFrom", aad.length, AAD_LENGTH_MAX);
    const request = { ...refOf("openFrom", ref), sealed, aad };
    const reply = done("openFrom", await this.#keys.openFrom(request));
    const { plain, label, expiresMs } = reply;
    return { ...madeBy(reply), plain: plain.slice(), label, expiresMs: timeOf(expiresMs) };
  }
}
