/**
 * The bounds of keystore v1.1. What is longer is refused with E2BIG, what is more with EDQUOTA.
 *
 * @module
 */

/** Longest name of an application, in bytes. */
export const APP_LENGTH_MAX = 48;
/** Longest purpose, in bytes. */
export const PURPOSE_LENGTH_MAX = 32;
/** Longest label, of a key or of what is sealed, in bytes. */
export const LABEL_LENGTH_MAX = 64;
/** Longest message of one signature, in bytes. */
export const MESSAGE_LENGTH_MAX = 7_168;
/** Longest plaintext of one seal, in bytes. */
export const PLAIN_LENGTH_MAX = 6_144;
/** Longest associated data of one seal, in bytes. */
export const AAD_LENGTH_MAX = 1_024;
/** Longest context of a derivation, in bytes. */
export const CONTEXT_LENGTH_MAX = 128;
/** Fewest bytes that are derived. */
export const DERIVED_LENGTH_MIN = 16;
/** Most bytes that are derived. */
export const DERIVED_LENGTH_MAX = 64;

/** Versions that one key keeps; trim makes room. */
export const VERSIONS_MAX = 32;
/** Keys of one application, those that were destroyed included. */
export const KEYS_PER_APP_MAX = 1_024;
/** Keys of one device. */
export const KEYS_MAX = 16_384;
/** Keys of one page of a list. */
export const LIST_KEYS_MAX = 32;

/** Messages of one batched call; their bytes fit a frame. */
export const BATCH_MAX = 96;
/** Bytes of all messages of one batched call. */
export const BATCH_BYTES_MAX = 7_168;

/** How long a destroyed key can be called back, in milliseconds, unless said: seven days. */
export const DESTROY_WAIT_DEFAULT_MS = 7 * 86_400_000;
/** Shortest time that a destroyed key can be called back, in milliseconds. */
export const DESTROY_WAIT_MIN_MS = 1_000;
/** Longest time that a destroyed key can be called back, in milliseconds. */
export const DESTROY_WAIT_MAX_MS = 365 * 86_400_000;

/** Latest time that a key may name, in milliseconds since the Unix epoch: the end of the year 9999. */
export const TIME_MAX_MS = 253_402_300_799_999;

/** The last part of a name: small letters, digits, `-`, `_`; an application's has dots as well. */
const PART = "[a-z0-9_-]+";
const APP = new RegExp(`^[a-z][a-z0-9_-]*(?:\\.${PART})*$`);
const PURPOSE = new RegExp(`^[a-z][a-z0-9_-]*(?:\\.${PART})*$`);

/** Whether a text can be the name of an application. */
export function isAppName(text: string): boolean {
  return text.length <= APP_LENGTH_MAX && APP.test(text);
}

/** Whether a text can be a purpose. None looks like a key's id. */
export function isPurpose(text: string): boolean {
  return text.length <= PURPOSE_LENGTH_MAX && PURPOSE.test(text);
}
