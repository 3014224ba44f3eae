/**
 * Frames of the packed plane: `magic0 magic1 version op`, the envelope's parts, the body.
 *
 * @module
 */

import type { Arena } from "../core/arena.ts";
import { assert } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import { Reader } from "../core/reader.ts";
import { FRAME_LENGTH_MAX } from "../core/syscalls.ts";
import { Writer } from "../core/writer.ts";
import { readFields, readSplit, sizeOf, writeFields, writeSplit } from "./body.ts";
import type { Fields } from "./field.ts";
import { layoutOf } from "./frame_layout.ts";
import {
  type PackedOp,
  type PackedService,
  REPLY_BIT,
  type ReplyPart,
  type RequestPart,
} from "./service.ts";

/** Bytes of magic, version and opcode. */
export const HEADER_LENGTH = 4;

const PART_SIZE: Readonly<Record<RequestPart | ReplyPart, number>> = {
  status: 1,
  zero8: 1,
  length16: 2,
  nonce32: 4,
  nonce64: 8,
  tailNonce64: 8,
};

/** What ties a reply to its request; protocols without one have one request in flight. */
export type Nonce = bigint | undefined;

/** A request that parsed. */
export interface ParsedRequest {
  readonly opName: string;
  readonly nonce: Nonce;
  readonly values: Readonly<Record<string, unknown>>;
}

/** A frame that did not, with what its reply needs. */
export interface RefusedRequest {
  readonly refusal: WireError;
  /** The opcode byte, 0 where the frame has none. */
  readonly code: number;
  readonly nonce: Nonce;
}

/** A reply that parsed. `values` is empty unless the status is `ok`. */
export interface ParsedReply {
  readonly status: string;
  readonly nonce: Nonce;
  /** Made for this reply: the caller's own. */
  readonly values: Record<string, unknown>;
}

/** Whether a frame starts with the protocol's magic and version. */
export function speaks(service: PackedService, frame: Uint8Array): boolean {
  const { magic } = layoutOf(service);
  return frame[0] === magic[0] && frame[1] === magic[1] && frame[2] === service.version;
}

/** Builds a request frame. @param arena Where it lies, if it is short. */
export function encodeRequest(
  service: PackedService,
  request: { opName: string; nonce: Nonce; values: Readonly<Record<string, unknown>> },
  arena?: Arena,
): Uint8Array {
  const op = opOf(service, request.opName);
  const writer = new Writer(FRAME_LENGTH_MAX, arena);
  writeHeader(writer, service, op.code);
  for (const part of service.envelope.request) {
    if (part !== "tailNonce64") writeNonce(writer, part, request.nonce);
  }
  writeBody(writer, op.request, { values: request.values, split: op.requestLayout === "split" });
  if (layoutOf(service).requestTail) writeNonce(writer, "tailNonce64", request.nonce);
  return writer.finish();
}

/** Builds a reply frame. Fields go with `ok`, or always where the operation says so. */
export function encodeReply(
  service: PackedService,
  reply: {
    opName: string;
    nonce: Nonce;
    status: string;
    values: Readonly<Record<string, unknown>>;
  },
  arena?: Arena,
): Uint8Array {
  const op = opOf(service, reply.opName);
  const { nonce, status, values } = reply;
  return replyFrame(service, op, { code: op.code, nonce, status, values }, arena);
}

/** Builds the reply to a frame that did not parse, as long as any other of its operation. */
export function encodeRefusal(
  service: PackedService,
  refused: { code: number; nonce: Nonce; status: string },
): Uint8Array {
  const op = Object.values(service.ops).find(({ code }) => code === refused.code);
  return replyFrame(service, op, { ...refused, values: {} });
}

/** Parses a request, or says why it does not parse and how to answer. */
export function parseRequest(
  service: PackedService,
  frame: Uint8Array,
): ParsedRequest | RefusedRequest {
  const reader = new Reader(frame);
  const code = frame[HEADER_LENGTH - 1] ?? 0;
  let nonce: Nonce;
  try {
    readHeader(reader, service);
    reader.u8();
    for (const part of service.envelope.request) {
      if (part !== "tailNonce64") nonce = readNonce(reader, part);
    }
    const [opName, op] = opByCode(service, code, 3);
    const values = readBody(reader, op.request, op.requestLayout === "split");
    if (layoutOf(service).requestTail && reader.remaining > 0) {
      nonce = readNonce(reader, "tailNonce64");
    }
    reader.end();
    return { opName, nonce, values };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { refusal: error, code, nonce };
  }
}

/**
 * Parses the reply to an operation.
 *
 * @throws {WireError} when it is not one.
 */
export function parseReply(service: PackedService, opName: string, frame: Uint8Array): ParsedReply {
  const op = opOf(service, opName);
  const reader = new Reader(frame);
  readHeader(reader, service);
  if (reader.u8() !== (op.code | REPLY_BIT)) throw new WireError("unknown_op", 3);
  const head = readReplyHead(reader, service);
  const told = op.refusalReply?.[head.status];
  const present = head.status === "ok" ||
    (op.replyFields === "always" && reader.remaining > tailOf(service));
  const values = told !== undefined
    ? readBody(reader, told, false)
    : present
    ? readBody(reader, op.reply, op.replyLayout === "split")
    : {};
  const nonce = layoutOf(service).replyTail && reader.remaining > 0
    ? readNonce(reader, "tailNonce64")
    : head.nonce;
  reader.end();
  const telling = head.status === "ok" || told !== undefined;
  return { status: head.status, nonce, values: telling ? values : {} };
}

/** The nonce of a reply, without looking at the rest. @throws {WireError} when it has none. */
export function replyNonce(service: PackedService, frame: Uint8Array): Nonce {
  if (layoutOf(service).replyTail) {
    if (frame.length < lengthBeforeTail(service, frame) + 8) return undefined;
    return new Reader(frame.subarray(frame.length - 8)).u64();
  }
  const reader = new Reader(frame);
  readHeader(reader, service);
  reader.u8();
  return readReplyHead(reader, service).nonce;
}

/** Bytes that a reply has at least before its trailing nonce: a refusal may carry zero fields. */
function lengthBeforeTail(service: PackedService, frame: Uint8Array): number {
  const code = (frame[3] ?? 0) & ~REPLY_BIT;
  const op = Object.values(service.ops).find((candidate) => candidate.code === code);
  return HEADER_LENGTH + 1 + (op?.replyFields === "always" ? sizeOf(op.reply) : 0);
}

/** Whether replies of the protocol name their request. */
export function correlated(service: PackedService): boolean {
  return layoutOf(service).correlated;
}

/** Most bytes of a request or a reply of this operation. */
export function frameSizeMax(service: PackedService, op: PackedOp): number {
  const around = (parts: readonly (RequestPart | ReplyPart)[]) =>
    parts.reduce((size, part) => size + PART_SIZE[part], HEADER_LENGTH);
  return Math.max(
    around(service.envelope.request) + sizeOf(op.request),
    around(service.envelope.reply) + sizeOf(op.reply),
  );
}

/** Writes the body that goes with a status: fields, zeros in their place, or nothing. */
function writeReplyBody(
  writer: Writer,
  op: PackedOp,
  reply: { status: string; values: Readonly<Record<string, unknown>> },
): void {
  const split = op.replyLayout === "split";
  const told = op.refusalReply?.[reply.status];
  if (reply.status === "ok") writeBody(writer, op.reply, { values: reply.values, split });
  else if (told !== undefined) {
    writeBody(writer, told, { values: { ...zeros(told), ...reply.values }, split: false });
  } else if (op.replyFields === "always") {
    writeBody(writer, op.reply, { values: zeros(op.reply), split });
  }
}

/** @param op Whose body follows the head; `undefined` for an operation that there is not. */
function replyFrame(
  service: PackedService,
  op: PackedOp | undefined,
  reply: {
    code: number;
    nonce: Nonce;
    status: string;
    values: Readonly<Record<string, unknown>>;
  },
  arena?: Arena,
): Uint8Array {
  const writer = new Writer(FRAME_LENGTH_MAX, arena);
  writeHeader(writer, service, reply.code | REPLY_BIT);
  const status = service.status[reply.status];
  assert(status !== undefined, "a reply has a status of its protocol");
  let lengthAt: number | undefined;
  let tail = false;
  for (const part of service.envelope.reply) {
    if (part === "status") writer.u8(status);
    else if (part === "zero8") writer.u8(0);
    else if (part === "length16") {
      lengthAt = writer.length;
      writer.u16(0);
    } else if (part === "tailNonce64") tail = true;
    else writeReplyNonce(writer, part, reply.nonce);
  }
  const bodyAt = writer.length;
  if (op !== undefined) writeReplyBody(writer, op, reply);
  if (lengthAt !== undefined) writer.patch(lengthAt, 2, writer.length - bodyAt);
  if (tail && reply.nonce !== undefined) writer.u64(reply.nonce);
  return writer.finish();
}

/** A malformed request may have had no nonce: the reply then has none either, as upstream's. */
function writeReplyNonce(writer: Writer, part: "nonce32" | "nonce64", nonce: Nonce): void {
  if (nonce !== undefined) writeNonce(writer, part, nonce);
}

function readReplyHead(reader: Reader, service: PackedService): { status: string; nonce: Nonce } {
  let status = "ok";
  let nonce: Nonce;
  for (const part of service.envelope.reply) {
    const at = reader.offset;
    if (part === "status") status = statusByCode(service, reader.u8(), at);
    else if (part === "zero8") zero(reader);
    else if (part === "length16") lengthOfRest(reader);
    else if (part !== "tailNonce64" && reader.remaining > 0) nonce = readNonce(reader, part);
  }
  return { status, nonce };
}

function zero(reader: Reader): void {
  const at = reader.offset;
  if (reader.u8() !== 0) throw new WireError("value_out_of_range", at);
}

function lengthOfRest(reader: Reader): void {
  const at = reader.offset;
  if (reader.u16() !== reader.remaining) throw new WireError("length_out_of_range", at);
}

/** Bytes behind a refusal's head: a trailing nonce, where the protocol has one. */
function tailOf(service: PackedService): number {
  return layoutOf(service).replyTail ? 8 : 0;
}

function statusByCode(service: PackedService, code: number, offset: number): string {
  const name = layoutOf(service).statusNames.get(code);
  if (name === undefined) throw new WireError("value_out_of_range", offset);
  return name;
}

function zeros(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.zero]));
}

function readHeader(reader: Reader, service: PackedService): void {
  const { magic } = layoutOf(service);
  if (reader.u8() !== magic[0]) throw new WireError("bad_magic", 0);
  if (reader.u8() !== magic[1]) throw new WireError("bad_magic", 1);
  if (reader.u8() !== service.version) throw new WireError("bad_version", 2);
}

function writeHeader(writer: Writer, service: PackedService, code: number): void {
  const { magic } = layoutOf(service);
  writer.u8(magic[0]).u8(magic[1]);
  writer.u8(service.version).u8(code);
}

function readNonce(reader: Reader, part: "nonce32" | "nonce64" | "tailNonce64"): bigint {
  return part === "nonce32" ? BigInt(reader.u32()) : reader.u64();
}

function writeNonce(
  writer: Writer,
  part: "nonce32" | "nonce64" | "tailNonce64",
  nonce: Nonce,
): void {
  assert(nonce !== undefined, "a correlated request has a nonce");
  if (part === "nonce32") writer.u32(Number(nonce & 0xffffffffn));
  else writer.u64(nonce);
}

function readBody(reader: Reader, fields: Fields, split: boolean): Record<string, unknown> {
  return split ? readSplit(reader, fields) : readFields(reader, fields);
}

function writeBody(
  writer: Writer,
  fields: Fields,
  body: { values: Readonly<Record<string, unknown>>; split: boolean },
): void {
  if (body.split) writeSplit(writer, fields, body.values);
  else writeFields(writer, fields, body.values);
}

function opOf(service: PackedService, opName: string): PackedOp {
  const op = service.ops[opName];
  assert(op !== undefined, "the operation is one of the protocol's");
  return op;
}

function opByCode(service: PackedService, code: number, offset: number): [string, PackedOp] {
  const name = layoutOf(service).opNames.get(code);
  const op = name === undefined ? undefined : service.ops[name];
  if (name === undefined || op === undefined) throw new WireError("unknown_op", offset);
  return [name, op];
}
