import type { initTasks } from "@runtime/boot/protocol.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { dsoftbusd } from "../dsoftbusd/protocol.ts";
import type { logdQuery } from "../logd/protocol.ts";
import type { policydV2 } from "../policyd/protocol.ts";
import type { KeptLog } from "./kept_log.ts";
import type { Quotas } from "./quotas.ts";
import type { LogSigner } from "./log_signer.ts";
import type { controld } from "./protocol.ts";

/** How much longer than the operation itself its relay may take, in milliseconds. */
const RELAY_MARGIN_MS = 1_000;
/** Operation in the audit record of a decision that the command line asked for. */
const CHECK_OPERATION = "controld.checkPolicy";

/** Whom controld relays to. */
export interface ControldPorts {
  readonly bus: Client<typeof dsoftbusd>;
  readonly log: Client<typeof logdQuery>;
  readonly kept: KeptLog;
  readonly quotas: Quotas;
  /** Has the log signed before the node stops. */
  readonly signer: Pick<LogSigner, "sign">;
  readonly policy: Client<typeof policydV2>;
  /** The boot, which alone knows of daemons that are down. */
  readonly init: Client<typeof initTasks>;
}

/**
 * Relays what policy allowed to the command line. There is no decision here: the dispatcher has asked
 * policyd about `nx-cli` before any of these runs, and the daemon behind asks again about controld.
 */
export function createControld(
  { bus, log, kept, quotas, signer, policy, init }: ControldPorts,
): Handlers<typeof controld> {
  return {
    identity: async () => relayed(await bus.identity({})),
    peers: async (request) => relayed(await bus.peers(request)),
    stats: async () => relayed(await bus.stats({})),
    connect: async (request) => relayed(await bus.connect(request, within(request))),
    ping: async (request) => relayed(await bus.ping(request, within(request))),
    resolve: async (request) => relayed(await bus.resolve(request, within(request))),
    log: async (request) => {
      const page = await log.queryAfter(request);
      return page.status === "ok" ? page : { status: LOG_STATUS[page.status] ?? "unavailable" };
    },
    logSegment: (request) => kept.logSegment(request),
    logCheckpoint: (request) => kept.logCheckpoint(request),
    ...quotas,
    checkPolicy: async (ask) => {
      const { status } = await policy.decide({ ...ask, operation: CHECK_OPERATION });
      if (status === "ok") return { status: "ok", allowed: 1 };
      if (status === "denied") return { status: "ok", allowed: 0 };
      return { status: status === "malformed" ? "malformed" : "unavailable" };
    },
    placePeer: async (request) => relayed(await bus.placePeer(request)),
    provoke: async (request) => relayed(await init.provoke(request)),
    ps: async () => relayed(await init.tasks({})),
    async stop() {
      const closed = await bus.closeAll({});
      await signer.sign();
      return relayed(closed);
    },
  };
}

const LOG_STATUS: Readonly<Record<string, "malformed" | "denied" | "timed_out">> = {
  "malformed": "malformed",
  "invalid_args": "malformed",
  "over_limit": "malformed",
  "denied": "denied",
  "no_reply": "timed_out",
};

function within({ timeoutMs }: { readonly timeoutMs: number }): { readonly timeoutMs: number } {
  return { timeoutMs: timeoutMs + RELAY_MARGIN_MS };
}

/** A reply as it came, but for a daemon that is gone or silent. */
function relayed<R extends { readonly status: string }>(
  reply: R,
): Exclude<R, { readonly status: "gone" | "no_reply" }> | Silent {
  if (reply.status === "gone") return { status: "unavailable" };
  if (reply.status === "no_reply") return { status: "timed_out" };
  // What is left is the reply without the two outcomes above; TypeScript does not narrow `R`.
  return reply as Exclude<R, { readonly status: "gone" | "no_reply" }>;
}

type Silent = { readonly status: "unavailable" } | { readonly status: "timed_out" };
