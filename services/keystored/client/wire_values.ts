/**
 * From what the client library takes to what travels, and back. What cannot travel is refused as
 * keystored would refuse it.
 *
 * @module
 */

import { utf8Length } from "@runtime/core/utf8.ts";
import type { RequestOf } from "@runtime/idl/service.ts";
import { ALGORITHMS, USE_BIT } from "./algorithm.ts";
import { KEY_ERRORS, type KeyErrorCode } from "./key_error.ts";
import { KEY_ID_TEXT_LENGTH, keyIdText } from "./key_id.ts";
import { infoOf, type KeyInfo } from "./key_info.ts";
import {
  AAD_LENGTH_MAX,
  APP_LENGTH_MAX,
  BATCH_BYTES_MAX,
  BATCH_MAX,
  LABEL_LENGTH_MAX,
  PLAIN_LENGTH_MAX,
  PURPOSE_LENGTH_MAX,
} from "./key_limits.ts";
import type { KeyChange, KeyRef, MadeBy, NewKey } from "./key_requests.ts";
import { KeyError, KeysUnavailable } from "./keys_failure.ts";
import { type keys, UPDATE_BIT } from "./keys_protocol.ts";

type Change = Omit<RequestOf<typeof keys, "update">, "app" | "key">;
type Reply = { readonly status: string };
type Done<R extends Reply> = Extract<R, { readonly status: "ok" }>;

/** Largest number that a version's field holds. */
const VERSION_NUMBER_MAX = 0xffffffff;
export const SIGNATURE_LENGTH = 64;
export const PUBLIC_LENGTH = 32;

/** What is longer than a field is refused as keystored would refuse it. */
export function fits(operation: string, length: number, most: number): void {
  if (length > most) throw new KeyError("E2BIG", operation);
}

/** Bounds a batch: how many, and the bytes of all of it. @param lengths Of each of its items. */
export function batch(operation: string, lengths: readonly number[]): void {
  fits(operation, lengths.length, BATCH_MAX);
  fits(operation, lengths.reduce((total, length) => total + length, 0), BATCH_BYTES_MAX);
}

export function sealable(
  operation: string,
  { plain, aad, label }: { plain: Uint8Array; aad: Uint8Array; label: string },
): void {
  fits(operation, plain.length, PLAIN_LENGTH_MAX);
  fits(operation, aad.length, AAD_LENGTH_MAX);
  fits(operation, utf8Length(label), LABEL_LENGTH_MAX);
}

export function refOf(operation: string, { app, key }: KeyRef): KeyRef {
  fits(operation, utf8Length(app), APP_LENGTH_MAX);
  fits(operation, utf8Length(key), KEY_ID_TEXT_LENGTH);
  if (app === "" || key === "") throw new KeyError("EINVAL", operation);
  return { app, key };
}

export function wishOf(
  operation: string,
  { app, purpose, algorithm, uses = [], label = "", expiresMs, maxUses = 0n }: NewKey,
): RequestOf<typeof keys, "create"> {
  refOf(operation, { app, key: purpose });
  fits(operation, utf8Length(purpose), PURPOSE_LENGTH_MAX);
  fits(operation, utf8Length(label), LABEL_LENGTH_MAX);
  return {
    app,
    purpose,
    algorithm: ALGORITHMS[algorithm].code,
    uses: uses.reduce((mask, use) => mask | USE_BIT[use], 0),
    label,
    expiresMs: msOf(operation, expiresMs),
    usesMax: countOf(operation, maxUses),
  };
}

export function changeOf({ label, expiresMs, maxUses, minimum = {} }: KeyChange): Change {
  const bits = [
    label === undefined ? 0 : UPDATE_BIT.label,
    expiresMs === undefined ? 0 : UPDATE_BIT.expiresMs,
    maxUses === undefined ? 0 : UPDATE_BIT.usesMax,
    minimum.sign === undefined ? 0 : UPDATE_BIT.minSign,
    minimum.open === undefined ? 0 : UPDATE_BIT.minOpen,
    minimum.verify === undefined ? 0 : UPDATE_BIT.minVerify,
  ];
  const version = (value = 0) => {
    if (value > VERSION_NUMBER_MAX) throw new KeyError("EINVAL", "update");
    return Number(wholeOf("update", value));
  };
  fits("update", utf8Length(label ?? ""), LABEL_LENGTH_MAX);
  return {
    mask: bits.reduce((mask, bit) => mask | bit, 0),
    label: label ?? "",
    expiresMs: msOf("update", expiresMs ?? undefined),
    usesMax: countOf("update", maxUses ?? 0n),
    minSign: version(minimum.sign),
    minOpen: version(minimum.open),
    minVerify: version(minimum.verify),
  };
}

/** A time as it travels; 0 for none. */
export function msOf(operation: string, ms: number | undefined): bigint {
  return ms === undefined ? 0n : wholeOf(operation, ms);
}

/** A whole number that a field can hold. */
export function wholeOf(operation: string, value: number): bigint {
  if (!Number.isSafeInteger(value) || value < 0) throw new KeyError("EINVAL", operation);
  return BigInt(value);
}

function countOf(operation: string, value: bigint): bigint {
  if (value < 0n || value >= 1n << 64n) throw new KeyError("EINVAL", operation);
  return value;
}

export function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xff;
}

export function madeBy({ version, keyId }: { version: number; keyId: Uint8Array }): MadeBy {
  return { version, keyId: keyIdText(keyId) };
}

export function told(
  operation: string,
  reply: Reply & Parameters<typeof infoOf>[0] | Reply,
): KeyInfo {
  return infoOf(done(operation, reply) as Parameters<typeof infoOf>[0]) ?? garbled(operation);
}

/** The reply of an operation that was done. */
export function done<R extends Reply>(operation: string, reply: R): Done<R> {
  if (isDone(reply)) return reply;
  const { status } = reply;
  if (isRefusal(status)) throw new KeyError(status, operation, boundOf(reply));
  const silent = status === "gone" || status === "no_reply" || status === "damaged";
  throw new KeysUnavailable(silent ? status : "unavailable", operation);
}

function isDone<R extends Reply>(reply: R): reply is Done<R> {
  return reply.status === "ok";
}

function isRefusal(status: string): status is KeyErrorCode {
  return KEY_ERRORS.some((code) => code === status);
}

export function garbled(operation: string): never {
  throw new KeysUnavailable("garbled", operation);
}

/** What a refusal tells of a bound. */
function boundOf(reply: Reply): { readonly used?: bigint; readonly limit?: bigint } {
  const { used, limit } = reply as { readonly used?: unknown; readonly limit?: unknown }; // as EXCESS
  return typeof used === "bigint" && typeof limit === "bigint" ? { used, limit } : {};
}
