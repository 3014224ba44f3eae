import { Arena } from "../core/arena.ts";
import { WireError } from "../core/error.ts";
import type { Slot } from "../core/syscalls.ts";
import { encodeCapnpRequest, parseCapnpReply } from "./capnp_frame.ts";
import { CALL_TIMEOUT_MS, type RawChannel } from "./channel.ts";
import {
  correlated,
  encodeRequest,
  type ParsedReply,
  parseReply,
  replyNonce,
} from "./packed_frame.ts";
import type { OpName, ReplyOf, RequestOf, Service } from "./service.ts";

/** Options of one call. */
export interface CallOptions {
  /** Capability that travels with the request. */
  readonly move?: Slot | undefined;
  /** How long to wait for the reply, in milliseconds; `"never"` to wait for ever. */
  readonly timeoutMs?: number | "never" | undefined;
}

/** A daemon as its caller sees it: a method each operation. */
export type Client<S extends Service> = {
  readonly [K in OpName<S>]: (
    request: RequestOf<S, K>,
    options?: CallOptions,
  ) => Promise<ReplyOf<S, K> & { readonly move?: Slot | undefined }>;
};

/**
 * Makes the typed client of a protocol over a channel.
 *
 * A reply that does not parse is `gone`: the other end does not speak the protocol. The cast of the
 * client side stands here.
 *
 * @param garbled Hears of each reply that did not parse.
 */
export function createClient<S extends Service>(
  service: S,
  channel: RawChannel,
  garbled: () => void = () => {},
): Client<S> {
  let lastNonce = 0n;
  const arena = new Arena();
  const named = service.plane === "packed" && correlated(service);
  const methods = Object.keys(service.ops).map((opName) => {
    const method = async (values: Record<string, unknown>, options: CallOptions = {}) => {
      lastNonce = (lastNonce + 1n) & 0xffffffffn;
      const nonce = named ? lastNonce : undefined;
      const frame = service.plane === "capnp"
        ? encodeCapnpRequest(service, { opName, values }, arena)
        : encodeRequest(service, { opName, nonce: lastNonce, values }, arena);
      const timeoutMs = options.timeoutMs === "never"
        ? undefined
        : options.timeoutMs ?? CALL_TIMEOUT_MS;
      const reply = await channel.exchange({ frame, nonce, move: options.move, timeoutMs });
      if (reply.status !== "ok") return reply;
      const answer = parsed(service, opName, reply.frame);
      if (answer === undefined) garbled();
      return flattened(answer, reply.moved);
    };
    return [opName, method] as const;
  });
  return Object.fromEntries(methods) as unknown as Client<S>;
}

/** Reads the nonce of the protocol's replies, or `undefined` when they have none. */
export function nonceReaderOf(
  service: Service,
): ((frame: Uint8Array) => bigint | undefined) | undefined {
  if (service.plane === "capnp" || !correlated(service)) return undefined;
  return (frame) => {
    try {
      return replyNonce(service, frame);
    } catch (error) {
      if (error instanceof WireError) return undefined;
      throw error;
    }
  };
}

function parsed(service: Service, opName: string, frame: Uint8Array): ParsedReply | undefined {
  try {
    return service.plane === "capnp"
      ? parseCapnpReply(service, opName, frame)
      : parseReply(service, opName, frame);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** The reply as callers see it, in the object that the parser made for it. */
function flattened(reply: ParsedReply | undefined, moved: Slot | undefined) {
  if (reply === undefined) return { status: "gone" };
  const flat: Record<string, unknown> = reply.values;
  flat["status"] = reply.status;
  if (moved !== undefined) flat["move"] = moved;
  return flat;
}
