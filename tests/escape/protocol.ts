import { rest, text8 } from "@runtime/idl/field.ts";
import { defineService, NONCE32 } from "@runtime/idl/service.ts";

/** Longest report of an attempt, in bytes. */
const REPORT_LENGTH_MAX = 8_000;

function declared(daemon: string) {
  return defineService({
    name: `attack.${daemon}`,
    magic: "XX",
    version: 1,
    envelope: NONCE32,
    endpoint: "attack",
    status: { ok: 0, denied: 1, malformed: 2 },
    ops: {
      attempt: {
        code: 0x20,
        doc: "Tries something, and says as JSON what came of it.",
        capability: null,
        request: { name: text8(1, 64), argument: text8(0, 255) },
        reply: { report: rest(REPORT_LENGTH_MAX) },
      },
    },
  });
}

const SERVICES = new Map<string, ReturnType<typeof declared>>();

/** How a test has a hostile daemon try something: one protocol each. No product serves it. */
export function attackOf(daemon: string): ReturnType<typeof declared> {
  const service = SERVICES.get(daemon) ?? declared(daemon);
  SERVICES.set(daemon, service);
  return service;
}
