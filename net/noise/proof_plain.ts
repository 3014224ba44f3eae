const COMMA = 0x2c;
const ARRAY_CLOSE = 0x5d;
const ZERO = 0x30;

/** Length of a device id in hex digits, of a key and of a signature in bytes. */
export const PLAIN_ID_LENGTH = 64;
const KEY_LENGTH = 32;
const SIGNATURE_LENGTH = 64;

/** What stands between the values of a proof that has no other member, byte for byte. */
const [BEFORE_ID, BEFORE_KEY, BEFORE_SIGNATURE] = [
  '{"device_id":"',
  '","verifying_key":[',
  ',"signature":[',
].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array, Uint8Array];
const OBJECT_CLOSE = 0x7d;

const FIXED_LENGTH = BEFORE_ID.length + PLAIN_ID_LENGTH + BEFORE_KEY.length +
  BEFORE_SIGNATURE.length + 1;
/** Each byte takes up to three digits and a comma, or the bracket behind the last. */
const LENGTH_MAX = FIXED_LENGTH + 4 * (KEY_LENGTH + SIGNATURE_LENGTH);

/** The values of a proof in its plain form. */
export interface PlainProof {
  /** Where its 64 bytes of device id stand; they are not checked. */
  readonly deviceIdAt: number;
  readonly verifyingKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** One proof is written here at a time. */
const TEXT = new Uint8Array(LENGTH_MAX);

/**
 * The plain form of a proof: compact, this order of members, no other member.
 *
 * @returns `undefined` when a value does not have its usual length, or the device id is not ASCII.
 */
export function writePlainProof(
  deviceId: string,
  verifyingKey: Uint8Array,
  signature: Uint8Array,
): Uint8Array | undefined {
  const lengths = deviceId.length === PLAIN_ID_LENGTH && verifyingKey.length === KEY_LENGTH &&
    signature.length === SIGNATURE_LENGTH;
  if (!lengths) return undefined;
  TEXT.set(BEFORE_ID);
  let at = BEFORE_ID.length;
  for (let index = 0; index < PLAIN_ID_LENGTH; index++) {
    const code = deviceId.charCodeAt(index);
    if (code > 0x7f) return undefined;
    TEXT[at++] = code;
  }
  TEXT.set(BEFORE_KEY, at);
  at = writeList(at + BEFORE_KEY.length, verifyingKey);
  TEXT.set(BEFORE_SIGNATURE, at);
  at = writeList(at + BEFORE_SIGNATURE.length, signature);
  TEXT[at++] = OBJECT_CLOSE;
  return TEXT.slice(0, at);
}

/** Writes decimals and the closing bracket. @returns the offset behind it. */
function writeList(start: number, bytes: Uint8Array): number {
  let at = start;
  for (let index = 0; index < bytes.length; index++) {
    const value = bytes[index] ?? 0;
    if (value >= 100) TEXT[at++] = ZERO + (value / 100 | 0);
    if (value >= 10) TEXT[at++] = ZERO + (value / 10 | 0) % 10;
    TEXT[at++] = ZERO + value % 10;
    TEXT[at++] = COMMA;
  }
  TEXT[at - 1] = ARRAY_CLOSE;
  return at;
}

/**
 * Reads a proof that stands exactly as {@linkcode writePlainProof} writes one.
 *
 * @returns `undefined` for everything else, which is left to the parser for any JSON: the two never
 *   disagree.
 */
export function readPlainProof(bytes: Uint8Array): PlainProof | undefined {
  if (bytes.length > LENGTH_MAX || !standsAt(bytes, 0, BEFORE_ID)) return undefined;
  const deviceIdAt = BEFORE_ID.length;
  const values = new Uint8Array(KEY_LENGTH + SIGNATURE_LENGTH);
  const verifyingKey = values.subarray(0, KEY_LENGTH);
  const signature = values.subarray(KEY_LENGTH);
  const afterKey = readList(bytes, deviceIdAt + PLAIN_ID_LENGTH, BEFORE_KEY, verifyingKey);
  const end = readList(bytes, afterKey, BEFORE_SIGNATURE, signature);
  if (end !== bytes.length - 1 || bytes[end] !== OBJECT_CLOSE) return undefined;
  return { deviceIdAt, verifyingKey, signature };
}

/** Reads `before` and as many decimals as `values` holds. @returns the offset behind them, or -1. */
function readList(
  bytes: Uint8Array,
  start: number,
  before: Uint8Array,
  values: Uint8Array,
): number {
  if (start < 0 || !standsAt(bytes, start, before)) return -1;
  let at = start + before.length;
  for (let index = 0; index < values.length; index++) {
    const first = at;
    let value = 0;
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at)) {
      value = value * 10 + digit;
    }
    const length = at - first;
    const padded = length > 1 && bytes[first] === ZERO;
    const closer = index === values.length - 1 ? ARRAY_CLOSE : COMMA;
    if (length === 0 || padded || value > 255 || bytes[at] !== closer) return -1;
    values[index] = value;
    at++;
  }
  return at;
}

function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] ?? 0) - ZERO;
  return digit <= 9 ? digit : -1;
}

function standsAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[at + index] !== text[index]) return false;
  }
  return true;
}
