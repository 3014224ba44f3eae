import {
  encodeReply,
  encodeRequest,
  type Nonce,
  parseReply,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import type { Fields } from "@runtime/idl/field.ts";
import type { PackedService } from "@runtime/idl/service.ts";
import * as dsoftbusd from "@services/dsoftbusd/protocol.ts";
import * as identityd from "@services/identityd/protocol.ts";
import * as keystored from "@services/keystored/protocol.ts";
import * as logd from "@services/logd/protocol.ts";
import * as netstackd from "@services/netstackd/protocol.ts";
import * as policyd from "@services/policyd/protocol.ts";
import * as rngd from "@services/rngd/protocol.ts";
import * as samgrd from "@services/samgrd/protocol.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";
import { parsedOrRefused } from "./refusal.ts";

/** Frames of every daemon come back as they were built; what a damaged one says does too. */
export const name = "packed_frame";

const SERVICES: readonly PackedService[] = [
  dsoftbusd,
  identityd,
  keystored,
  logd,
  netstackd,
  policyd,
  rngd,
  samgrd,
].flatMap((module) => Object.values<unknown>(module).filter(isPacked));

function isPacked(value: unknown): value is PackedService {
  return typeof value === "object" && value !== null && "plane" in value &&
    value.plane === "packed";
}

type Values = Readonly<Record<string, unknown>>;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const service = oneOf(choices, SERVICES);
  const [opName, op] = oneOf(choices, Object.entries(service.ops));
  const nonce = chosenNonce(choices, service);
  const values = chosenValues(choices, op.request);
  const request = encodeRequest(service, { opName, nonce, values });
  deepEqual(parseRequest(service, request), { opName, nonce, values });
  requestOrRefusal(service, choices.damaged(request));
  const status = oneOf(choices, Object.keys(service.status));
  const replyValues = status === "ok" ? chosenValues(choices, op.reply) : {};
  const reply = encodeReply(service, { opName, nonce, status, values: replyValues });
  deepEqual(parseReply(service, opName, reply), { nonce, status, values: replyValues });
  replyOrRefusal(service, opName, choices.damaged(reply));
}

function requestOrRefusal(service: PackedService, frame: Uint8Array): void {
  const parsed = parseRequest(service, frame);
  if ("refusal" in parsed || bare(service, parsed.nonce)) return;
  deepEqual(parseRequest(service, encodeRequest(service, parsed)), parsed);
}

function replyOrRefusal(service: PackedService, opName: string, frame: Uint8Array): void {
  const parsed = parsedOrRefused(frame, (bytes) => parseReply(service, opName, bytes));
  if (parsed?.status !== "ok" || bare(service, parsed.nonce)) return;
  const built = encodeReply(service, { opName, ...parsed });
  deepEqual(parseReply(service, opName, built), parsed);
}

/** A nonce at the end may be absent from what is read, never from what is built. */
function bare(service: PackedService, nonce: Nonce): boolean {
  return nonce === undefined && service.envelope.request.includes("tailNonce64");
}

function chosenNonce(choices: Choices, service: PackedService): Nonce {
  const parts = service.envelope.request;
  if (parts.length === 0) return undefined;
  const low = BigInt(choices.u32());
  return parts.includes("nonce32") ? low : BigInt(choices.u32()) << 32n | low;
}

function chosenValues(choices: Choices, fields: Fields): Values {
  const values: Record<string, unknown> = {};
  for (const [field, { silent, samples }] of Object.entries(fields)) {
    if (silent !== true) values[field] = oneOf(choices, samples);
  }
  return values;
}

function oneOf<T>(choices: Choices, items: readonly T[]): T {
  const item = items[choices.below(items.length)];
  ok(item !== undefined);
  return item;
}
