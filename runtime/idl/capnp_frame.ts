/**
 * Frames of the Cap'n Proto plane: `opcode || message`; a refusal, which upstream cannot express, is
 * `opcode|0x80 || status`.
 *
 * @module
 */

import type { Arena } from "../core/arena.ts";
import { assert } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import { decodeStruct, encodeStruct } from "../capnp/codec.ts";
import type { ParsedReply, ParsedRequest, RefusedRequest } from "./packed_frame.ts";
import { type CapnpOp, type CapnpService, REPLY_BIT } from "./service.ts";

type Values = Readonly<Record<string, unknown>>;

/** Builds `opcode || message` for a request. @param arena Where it lies, if it is short. */
export function encodeCapnpRequest(
  service: CapnpService,
  request: { opName: string; values: Values },
  arena?: Arena,
): Uint8Array {
  const { code, request: struct } = opOf(service, request.opName);
  return framed(service, { code, struct, values: request.values }, arena);
}

/** Builds a reply: the message of a success, the status of a refusal. */
export function encodeCapnpReply(
  service: CapnpService,
  reply: { opName: string; status: string; values: Values },
  arena?: Arena,
): Uint8Array {
  const { code, reply: struct } = opOf(service, reply.opName);
  return reply.status === "ok"
    ? framed(service, { code, struct, values: reply.values }, arena)
    : encodeCapnpRefusal(service, code, reply.status);
}

/** Builds `opcode|0x80 || status`. */
export function encodeCapnpRefusal(
  service: CapnpService,
  code: number,
  status: string,
): Uint8Array {
  const value = service.status[status];
  assert(value !== undefined, "a reply has a status of its protocol");
  return Uint8Array.of(code | REPLY_BIT, value);
}

/** Parses a request, or says why it does not parse. */
export function parseCapnpRequest(
  service: CapnpService,
  frame: Uint8Array,
): ParsedRequest | RefusedRequest {
  const code = frame[0] ?? 0;
  try {
    const [opName, op] = opByCode(service, frame);
    const values = bodyOf(service, op.request, frame);
    return { opName, nonce: undefined, values };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { refusal: error, code: code & ~REPLY_BIT, nonce: undefined };
  }
}

/**
 * Parses the reply to an operation.
 *
 * @throws {WireError} when it is not one.
 */
export function parseCapnpReply(
  service: CapnpService,
  opName: string,
  frame: Uint8Array,
): ParsedReply {
  const op = opOf(service, opName);
  if (frame[0] === (op.code | REPLY_BIT)) return refusalOf(service, frame);
  if (frame[0] !== op.code) throw new WireError("unknown_op", 0);
  return { status: "ok", nonce: undefined, values: bodyOf(service, op.reply, frame) };
}

function refusalOf(service: CapnpService, frame: Uint8Array): ParsedReply {
  if (frame.length > 2) throw new WireError("trailing_bytes", 2);
  for (const [status, code] of Object.entries(service.status)) {
    if (code === frame[1] && status !== "ok") return { status, nonce: undefined, values: {} };
  }
  throw new WireError("value_out_of_range", 1);
}

function framed(
  { schema }: CapnpService,
  { code, struct, values }: { code: number; struct: CapnpOp["request"]; values: Values },
  arena: Arena | undefined,
): Uint8Array {
  if (struct === null) return Uint8Array.of(code);
  const frame = encodeStruct(schema, struct.name, values, { front: 1, arena });
  frame[0] = code;
  return frame;
}

/** Upstream ignores the body of an operation that has no request struct. */
function bodyOf(service: CapnpService, struct: CapnpOp["request"], frame: Uint8Array): Values {
  if (struct === null) return {};
  try {
    return decodeStruct(service.schema, struct.name, frame.subarray(1));
  } catch (error) {
    if (error instanceof WireError) throw new WireError(error.code, error.offset + 1);
    throw error;
  }
}

function opOf(service: CapnpService, opName: string): CapnpOp {
  const op = service.ops[opName];
  assert(op !== undefined, "the operation is one of the protocol's");
  return op;
}

/** Operations by opcode, worked out once for each protocol. */
const BY_CODE = new WeakMap<CapnpService, ReadonlyMap<number, [string, CapnpOp]>>();

function opByCode(service: CapnpService, frame: Uint8Array): [string, CapnpOp] {
  const [code] = frame;
  if (code === undefined) throw new WireError("truncated", 0);
  let byCode = BY_CODE.get(service);
  if (byCode === undefined) {
    byCode = new Map(Object.entries(service.ops).map((entry) => [entry[1].code, entry]));
    BY_CODE.set(service, byCode);
  }
  const found = byCode.get(code);
  if (found === undefined) throw new WireError("unknown_op", 0);
  return found;
}
