import {
  type Announce,
  type AnnounceEnvelope,
  decodeAnnounce,
  type DecodedAnnounce,
  encodeAnnounce,
  encodeEnvelopeUnsigned,
} from "@net/discovery/announce.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";
import { parsedOrRefused } from "./refusal.ts";

/** What was announced is decoded; whatever else is decoded encodes to the bytes it came from. */
export const name = "announce";

const SERVICES_MAX = 16;
const NAME_LENGTH_MAX = 64;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const announce = chosenAnnounce(choices);
  const v1 = encodeAnnounce(announce);
  const unsigned = chosenEnvelope(choices);
  const signature = choices.bytes(64);
  const signed = encodeEnvelopeUnsigned(v1, unsigned);
  deepEqual(decodeAnnounce(v1), { announce, envelope: undefined, signed: v1 });
  const whole = Uint8Array.of(...signed, ...signature);
  deepEqual(decodeAnnounce(whole), { announce, envelope: { ...unsigned, signature }, signed });
  replay(choices.damaged(whole));
}

export function replay(bytes: Uint8Array): void {
  const decoded = parsedOrRefused(bytes, decodeAnnounce);
  if (decoded === undefined) return;
  const again = encoded(decoded);
  ok(again.length <= bytes.length);
  deepEqual(again, bytes.slice(0, again.length));
  deepEqual(decoded.signed, bytes.subarray(0, decoded.signed.length));
}

function encoded({ announce, envelope }: DecodedAnnounce): Uint8Array {
  const v1 = encodeAnnounce(announce);
  if (envelope === undefined) return v1;
  return Uint8Array.of(...encodeEnvelopeUnsigned(v1, envelope), ...envelope.signature);
}

function chosenAnnounce(choices: Choices): Announce {
  return {
    deviceId: chosenName(choices),
    port: choices.below(0x10000),
    noiseStatic: choices.bytes(32),
    services: Array.from({ length: choices.below(SERVICES_MAX + 1) }, () => chosenName(choices)),
  };
}

function chosenName(choices: Choices): string {
  const length = choices.between(1, NAME_LENGTH_MAX);
  return Array.from({ length }, () => String.fromCharCode(choices.between(0x20, 0x7e))).join("");
}

function chosenEnvelope(choices: Choices): Omit<AnnounceEnvelope, "signature"> {
  return {
    key: choices.bytes(32),
    epoch: choices.u32(),
    bootId: choices.bytes(16),
    sequence: BigInt(choices.u32()) << 32n | BigInt(choices.u32()),
    notAfterMs: BigInt(choices.u32()),
  };
}
