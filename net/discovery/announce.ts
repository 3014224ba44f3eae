/**
 * The announce that one node gives another: upstream's v1 bytes, and behind them the signed envelope
 * `NXA2` that upstream's decoder skips as trailing bytes.
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";

/** First four bytes of an announce and of a request for one. */
export const ANNOUNCE_MAGIC = Uint8Array.of(0x4e, 0x58, 0x53, 0x42);
/** What a caller sends to get the announce: the magic and version 0. */
export const ANNOUNCE_REQUEST = Uint8Array.of(...ANNOUNCE_MAGIC, 0);

/** Bounds of the v1 bytes. Source: open-nexus-OS, discovery packet v1. */
export const DEVICE_ID_LENGTH_MAX = 64;
export const SERVICE_COUNT_MAX = 16;
export const SERVICE_NAME_LENGTH_MAX = 64;
/** Largest legal v1 announce, in bytes. */
export const ANNOUNCE_V1_LENGTH_MAX = 1145;
/** Largest announce with its envelope, in bytes. */
export const ANNOUNCE_LENGTH_MAX = ANNOUNCE_V1_LENGTH_MAX + 6 + 132;

const UTF8 = new TextEncoder();
const VERSION = 1;
const ENVELOPE_MAGIC = "NXA2";
/** Key 32, epoch 4, boot id 16, sequence 8, notAfterMs 8, signature 64. */
const ENVELOPE_LENGTH = 132;
const SIGNATURE_LENGTH = 64;

/** What a v1 announce says. */
export interface Announce {
  /** Text, 1..64 bytes. A node of ours announces its 64 hex digits. */
  readonly deviceId: string;
  /** TCP port of sessions. */
  readonly port: number;
  /** X25519 public key, 32 bytes. */
  readonly noiseStatic: Uint8Array;
  /** At most 16 names of 1..64 bytes. */
  readonly services: readonly string[];
}

/** What the envelope adds. */
export interface AnnounceEnvelope {
  /** Ed25519 key that signs, 32 bytes; its SHA-256 must be the device id. */
  readonly key: Uint8Array;
  readonly epoch: number;
  /** 16 bytes from rngd, new at every boot. */
  readonly bootId: Uint8Array;
  /** Rises with every announce of one key and epoch. */
  readonly sequence: bigint;
  /** Milliseconds since the Unix epoch. */
  readonly notAfterMs: bigint;
  readonly signature: Uint8Array;
}

/** An announce as it came: `envelope` is absent from a v1 peer's. */
export interface DecodedAnnounce {
  readonly announce: Announce;
  readonly envelope: AnnounceEnvelope | undefined;
  /** The bytes that the envelope's signature covers, without its purpose label. */
  readonly signed: Uint8Array;
}

/**
 * Builds the v1 bytes.
 *
 * Source: open-nexus-OS, discovery packet v1; integers big-endian.
 */
export function encodeAnnounce(announce: Announce): Uint8Array {
  const writer = new Writer(ANNOUNCE_V1_LENGTH_MAX);
  writer.bytes(ANNOUNCE_MAGIC).u8(VERSION);
  putText(writer, announce.deviceId);
  writer.u16Be(announce.port).bytes(announce.noiseStatic).u8(announce.services.length);
  for (const service of announce.services) putText(writer, service);
  return writer.finish().slice();
}

/** The length counts bytes, not letters. */
function putText(writer: Writer, text: string): void {
  const bytes = UTF8.encode(text);
  writer.u8(bytes.length).bytes(bytes);
}

/** The bytes that the envelope's signature covers: v1 bytes, `NXA2`, length, the fields before it. */
export function encodeEnvelopeUnsigned(
  v1: Uint8Array,
  envelope: Omit<AnnounceEnvelope, "signature">,
): Uint8Array {
  const writer = new Writer(ANNOUNCE_LENGTH_MAX);
  writer.bytes(v1).text(ENVELOPE_MAGIC).u16Be(ENVELOPE_LENGTH);
  writer.bytes(envelope.key).u32Be(envelope.epoch).bytes(envelope.bootId);
  writer.u64Be(envelope.sequence).u64Be(envelope.notAfterMs);
  return writer.finish().slice();
}

/**
 * Parses an announce. Bytes behind the services that are no envelope are ignored, as upstream does.
 *
 * @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `length_out_of_range`, `not_utf8`.
 */
export function decodeAnnounce(bytes: Uint8Array): DecodedAnnounce {
  if (bytes.length > ANNOUNCE_LENGTH_MAX) throw new WireError("length_out_of_range", 0);
  const reader = new Reader(bytes);
  const announce = readV1(reader);
  const v1Length = reader.offset;
  const envelope = readEnvelope(reader);
  const signedLength = envelope === undefined ? v1Length : reader.offset - SIGNATURE_LENGTH;
  return { announce, envelope, signed: bytes.subarray(0, signedLength) };
}

function readV1(reader: Reader): Announce {
  const magic = reader.bytes(4);
  if (magic.some((byte, index) => byte !== ANNOUNCE_MAGIC[index])) {
    throw new WireError("bad_magic", 0);
  }
  if (reader.u8() !== VERSION) throw new WireError("bad_version", 4);
  const deviceId = readText(reader, DEVICE_ID_LENGTH_MAX);
  const port = reader.u16Be();
  const noiseStatic = reader.bytes(32).slice();
  const at = reader.offset;
  const count = reader.u8();
  if (count > SERVICE_COUNT_MAX) throw new WireError("length_out_of_range", at);
  const services = Array.from({ length: count }, () => readText(reader, SERVICE_NAME_LENGTH_MAX));
  return { deviceId, port, noiseStatic, services };
}

function readText(reader: Reader, lengthMax: number): string {
  const at = reader.offset;
  const length = reader.u8();
  if (length < 1 || length > lengthMax) throw new WireError("length_out_of_range", at);
  return reader.text(length);
}

function readEnvelope(reader: Reader): AnnounceEnvelope | undefined {
  if (reader.remaining < ENVELOPE_MAGIC.length + 2) return undefined;
  const magic = reader.bytes(4);
  if (magic.some((byte, index) => byte !== ENVELOPE_MAGIC.charCodeAt(index))) return undefined;
  const at = reader.offset;
  if (reader.u16Be() !== ENVELOPE_LENGTH) throw new WireError("length_out_of_range", at);
  return {
    key: reader.bytes(32).slice(),
    epoch: reader.u32Be(),
    bootId: reader.bytes(16).slice(),
    sequence: reader.u64Be(),
    notAfterMs: reader.u64Be(),
    signature: reader.bytes(SIGNATURE_LENGTH).slice(),
  };
}
