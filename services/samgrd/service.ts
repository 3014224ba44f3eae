import { utf8Length } from "@runtime/core/utf8.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { type samgrd, type samgrdCapnp, SERVICE_NAME_LENGTH_MAX } from "./protocol.ts";
import type { Registry } from "./registry.ts";

const PONG = Uint8Array.of(0x50, 0x4f, 0x4e, 0x47);

/** Handlers of both planes over one registry. */
export interface SamgrdHandlers {
  readonly samgrd: Handlers<typeof samgrd>;
  readonly capnp: Handlers<typeof samgrdCapnp>;
}

export function createSamgrd(registry: Registry): SamgrdHandlers {
  return { samgrd: packedHandlers(registry), capnp: capnpHandlers(registry) };
}

function packedHandlers(registry: Registry): Handlers<typeof samgrd> {
  return {
    register({ name, send, receive }, { sender }) {
      if (!registry.register(sender.sid, name, { send, receive })) return { status: "over_limit" };
      return { status: "ok", send: 0, receive: 0 };
    },
    lookup({ name }, { sender }) {
      const place = registry.lookup(sender.sid, name);
      return place === undefined ? { status: "not_found" } : { status: "ok", ...place };
    },
    ping: () => ({ status: "ok", pong: PONG }),
    senderServiceId: (_request, { sender }) => ({ status: "ok", sid: sender.sid }),
    resolveStatus({ name }) {
      if (!registry.known(name)) return { status: "not_found" };
      return { status: "ok", send: 0, receive: 0 };
    },
  };
}

function capnpHandlers(registry: Registry): Handlers<typeof samgrdCapnp> {
  return {
    register({ name, endpoint }, { sender }) {
      const ok = named(name) &&
        registry.register(sender.sid, name, { send: endpoint, receive: 0 });
      return { status: "ok", ok };
    },
    resolve({ name }, { sender }) {
      const place = named(name) ? registry.lookup(sender.sid, name) : undefined;
      return { status: "ok", endpoint: place?.send ?? 0, found: place !== undefined };
    },
    heartbeat({ endpoint }, { sender }) {
      if (!registry.reaches(sender.sid, endpoint)) return { status: "not_found" };
      return { status: "ok", endpoint };
    },
  };
}

function named(name: string): boolean {
  const length = utf8Length(name);
  return length > 0 && length <= SERVICE_NAME_LENGTH_MAX;
}
