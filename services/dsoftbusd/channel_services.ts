import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Clock } from "@runtime/core/ports.ts";
import {
  encodeCapnpRefusal,
  encodeCapnpReply,
  encodeCapnpRequest,
  parseCapnpReply,
  parseCapnpRequest,
} from "@runtime/idl/capnp_frame.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { ParsedReply } from "@runtime/idl/packed_frame.ts";
import type { Gate } from "@runtime/idl/policy.ts";
import { samgrdCapnp } from "../samgrd/protocol.ts";
import { PING, PONG } from "./session.ts";

/** How long a decision about a peer's pings is good for, in milliseconds. */
export const PING_DECISION_MS = 1_000;

/** Asks for a pong without the payload, between nodes of ours: bytes that go one way. */
export const PUSH: Uint8Array = Uint8Array.of(0x70, 0x75, 0x73, 0x68);

/** A refusal on the services channel that is no samgr reply: `0x80 || status denied`. */
const DENIED_PING = Uint8Array.of(0x80, samgrdCapnp.status.denied);

/** What the services channel needs. */
export interface ServicesPorts {
  readonly gate: Gate;
  readonly samgr: Client<typeof samgrdCapnp>;
  readonly clock: Clock;
}

/**
 * Serves one peer's requests on the services channel: ping and samgr resolve, each judged under
 * `peer:<device id>`, never under dsoftbusd's own rights.
 */
export function createServicesChannel(
  ports: ServicesPorts,
  deviceId: string,
): (request: Uint8Array) => Uint8Array | Promise<Uint8Array> {
  const subject = `peer:${deviceId}`;
  let pingAllowed = false;
  let pingDecidedNs = Number.NEGATIVE_INFINITY;
  const ping = async (request: Uint8Array) => {
    const payload = request.slice(PING.length);
    const ask = { subject, capability: "dsoftbus.ping", operation: "session.ping", target: "" };
    // Counted from the question on: a slow answer is no fresher for it.
    const askedNs = ports.clock.nowNs();
    pingAllowed = await ports.gate(ask);
    pingDecidedNs = askedNs;
    if (!pingAllowed) return DENIED_PING;
    return starts(request, PUSH) ? PONG : concatBytes(PONG, payload);
  };
  return (request) => {
    const push = starts(request, PUSH);
    if (!push && !starts(request, PING)) return samgr(ports, subject, request);
    const fresh = ports.clock.nowNs() - pingDecidedNs < PING_DECISION_MS * 1e6;
    if (!fresh || !pingAllowed) return ping(request);
    if (push) return PONG;
    // The reply differs from the request in one letter: turned round in place, no copy.
    request.set(PONG);
    return request;
  };
}

/** Makes a resolve request for the services channel. */
export function resolveRequest(name: string): Uint8Array {
  return encodeCapnpRequest(samgrdCapnp, { opName: "resolve", values: { name } });
}

/** What a peer's samgr says to a resolve. */
export interface ResolveReply {
  readonly status: string;
  readonly found: boolean;
  readonly endpoint: number;
}

/** Reads the reply to a resolve; `undefined` when it is none. */
export function resolveReply(reply: Uint8Array): ResolveReply | undefined {
  const parsed = parsedReply(reply);
  if (parsed === undefined) return undefined;
  const { status, values } = parsed;
  return {
    status,
    found: values["found"] === true,
    endpoint: typeof values["endpoint"] === "number" ? values["endpoint"] : 0,
  };
}

function parsedReply(reply: Uint8Array): ParsedReply | undefined {
  try {
    return parseCapnpReply(samgrdCapnp, "resolve", reply);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Whether a reply to a ping says that the peer's policy denies it. */
export function pingDenied(reply: Uint8Array): boolean {
  return equalBytes(reply, DENIED_PING);
}

/** Whether a reply to a ping is its pong. */
export function pongs(reply: Uint8Array): boolean {
  return starts(reply, PONG);
}

function starts(bytes: Uint8Array, word: Uint8Array): boolean {
  for (let index = 0; index < word.length; index++) {
    if (bytes[index] !== word[index]) return false;
  }
  return true;
}

/** A peer may resolve. Whatever else it asks for is refused by name, and the session lives on. */
async function samgr(
  { gate, samgr }: ServicesPorts,
  subject: string,
  frame: Uint8Array,
): Promise<Uint8Array> {
  const request = parseCapnpRequest(samgrdCapnp, frame);
  if ("refusal" in request) {
    const status = request.refusal.code === "unknown_op" ? "unsupported" : "malformed";
    return encodeCapnpRefusal(samgrdCapnp, request.code, status);
  }
  const { opName, values } = request;
  const op = samgrdCapnp.ops[opName as keyof typeof samgrdCapnp.ops];
  const name = typeof values["name"] === "string" ? values["name"] : "";
  const { capability } = op;
  const ask = { subject, capability, operation: `samgrd.${opName}`, target: name.slice(0, 64) };
  if (!await gate(ask)) return encodeCapnpRefusal(samgrdCapnp, op.code, "denied");
  if (opName !== "resolve") return encodeCapnpRefusal(samgrdCapnp, op.code, "unsupported");
  const reply = await samgr.resolve({ name });
  if (reply.status === "gone" || reply.status === "no_reply") {
    return encodeCapnpRefusal(samgrdCapnp, op.code, "unsupported");
  }
  if (reply.status !== "ok") return encodeCapnpRefusal(samgrdCapnp, op.code, reply.status);
  const { endpoint, found } = reply;
  return encodeCapnpReply(samgrdCapnp, { opName, status: "ok", values: { endpoint, found } });
}
