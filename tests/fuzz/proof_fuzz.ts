import {
  type DecodedProof,
  decodeJson,
  decodeProof,
  deviceIdOf,
  encodeProof,
} from "@net/noise/proof.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";
import { parsedOrRefused } from "./refusal.ts";

/** A proof comes back as it was written; what is accepted beyond that, `JSON.parse` reads alike. */
export const name = "proof";

const DEPTH_MAX = 4;
const MEMBERS_MAX = 3;
const TEXTS = ["", "a", '"\\', "\u00e9", "\ud83d\udd11", "\u0000", "v2", "__proto__"] as const;
const FRAGMENTS = [",", ":", "[", "]", "{", "}", '"', "\\u", "-", "0", "1e9", "null", " "] as const;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const verifyingKey = choices.bytes(32);
  const extensions = new Map<string, string>();
  for (let left = choices.below(MEMBERS_MAX); left > 0; left--) {
    extensions.set(choices.pick<string>(TEXTS), JSON.stringify(chosenValue(choices, 0)));
  }
  const proof = {
    deviceId: deviceIdOf(verifyingKey),
    verifyingKey,
    signature: choices.bytes(64),
  };
  const bytes = encodeProof(proof, extensions);
  deepEqual(decodeProof(bytes), { ...proof, extensions });
  replay(choices.oneIn(2) ? choices.damaged(bytes) : spliced(choices, bytes));
  const foreign = { ...proof, deviceId: deviceIdOf(choices.bytes(32)) };
  deepEqual(parsedOrRefused(encodeProof(foreign), decodeProof)?.deviceId, foreign.deviceId);
}

export function replay(bytes: Uint8Array): void {
  const decoded = parsedOrRefused(bytes, decodeProof);
  deepEqual(decoded, parsedOrRefused(bytes, decodeJson));
  if (decoded !== undefined) readsAlike(decoded, bytes);
}

function readsAlike(decoded: DecodedProof, bytes: Uint8Array): void {
  const { device_id: deviceId, verifying_key: key, signature, ...rest } = JSON.parse(
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
  );
  deepEqual(decoded.deviceId, deviceId);
  deepEqual([...decoded.verifyingKey], key);
  deepEqual([...decoded.signature], signature);
  deepEqual([...decoded.extensions.keys()].sort(), Object.keys(rest).sort());
  for (const [member, text] of decoded.extensions) {
    ok(Object.hasOwn(rest, member));
    deepEqual(JSON.parse(text), rest[member]);
  }
}

/** A copy with a piece of JSON put in, or instead of a byte. */
function spliced(choices: Choices, bytes: Uint8Array): Uint8Array {
  const at = choices.below(bytes.length);
  const fragment = new TextEncoder().encode(choices.pick<string>(FRAGMENTS));
  const skipped = choices.below(2);
  return Uint8Array.of(...bytes.subarray(0, at), ...fragment, ...bytes.subarray(at + skipped));
}

function chosenValue(choices: Choices, depth: number): unknown {
  const kinds = depth < DEPTH_MAX ? 6 : 4;
  switch (choices.below(kinds)) {
    case 0:
      return choices.u32() / choices.pick([1, 7, 2 ** 40]);
    case 1:
      return choices.pick<string>(TEXTS);
    case 2:
      return choices.oneIn(2);
    case 3:
      return null;
    case 4:
      return Array.from({ length: choices.below(3) }, () => chosenValue(choices, depth + 1));
    default:
      return { [choices.pick<string>(TEXTS)]: chosenValue(choices, depth + 1) };
  }
}
