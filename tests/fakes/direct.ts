import { fnv1a64 } from "@runtime/core/fnv.ts";
import type { Principal } from "@runtime/core/syscalls.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import type { Ask, Gate } from "@runtime/idl/policy.ts";
import { bind, type Bound, type Handlers, serve } from "@runtime/idl/server.ts";
import type { Service } from "@runtime/idl/service.ts";

/** Who calls, and what policy says; `tester` and "allowed" unless told. */
export interface DirectOptions {
  readonly sender?: string | undefined;
  readonly gate?: Gate | undefined;
}

/** A gate that remembers what it was asked. */
export interface WatchedGate {
  readonly gate: Gate;
  readonly asks: readonly Ask[];
}

/** @param allowed What the gate answers: the same to all, or by capability. */
export function watchedGate(allowed: boolean | ((ask: Ask) => boolean)): WatchedGate {
  const asks: Ask[] = [];
  const gate: Gate = (ask) => {
    asks.push(ask);
    return Promise.resolve(typeof allowed === "boolean" ? allowed : allowed(ask));
  };
  return { gate, asks };
}

/** A principal as the kernel would stamp it. */
export function principal(name: string): Principal {
  return { name, sid: fnv1a64(name) };
}

/**
 * A client whose frames go through the dispatcher of `handlers` and nothing else: every byte is
 * encoded, parsed, gated and encoded again. What a handler throws comes out of the call.
 */
export function directClient<S extends Service>(
  service: S,
  handlers: Handlers<S>,
  options: DirectOptions = {},
): Client<S> {
  return createClient(service, directChannel([bind(service, handlers)], options));
}

/** The channel beneath {@linkcode directClient}, for tests that write frames by hand. */
export function directChannel(bound: readonly Bound[], options: DirectOptions = {}): RawChannel {
  const exchange = directFrames(bound, options);
  return {
    async exchange({ frame }) {
      const reply = await exchange(frame);
      return reply === undefined
        ? { status: "no_reply" }
        : { status: "ok", frame: reply, moved: undefined };
    },
  };
}

/** Sends one frame to the dispatcher and takes its reply. */
export function directFrames(
  bound: readonly Bound[],
  { sender = "tester", gate = () => Promise.resolve(true) }: DirectOptions = {},
): (frame: Uint8Array) => Promise<Uint8Array | undefined> {
  const answer = serve(bound, gate);
  return async (frame) => {
    const reply = await answer(frame.slice(), { sender: principal(sender), moved: undefined });
    return reply?.frame;
  };
}
