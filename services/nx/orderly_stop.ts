import type { Clock, Turns } from "@runtime/core/ports.ts";
import { createClient } from "@runtime/idl/client.ts";
import { CONTROL_PRINCIPAL, controld } from "../controld/protocol.ts";
import type { RunningNode } from "./ports.ts";
import { within } from "./within.ts";

/** How long an orderly stop waits for the daemons. */
const STOP_TIMEOUT_MS = 500;
/** How long it then waits for the ends of sessions to reach the peers, and for theirs. */
const DRAIN_TIMEOUT_MS = 300;

/** Has a node's daemons end what they do, and waits until the peers know, within a time. */
export async function stopSessions(
  node: Pick<RunningNode, "connect">,
  { clock, turns, drained }: {
    readonly clock: Clock;
    readonly turns: Turns;
    /** Resolves once nothing is under way to a peer any more. */
    readonly drained: () => Promise<void>;
  },
): Promise<void> {
  const control = createClient(controld, node.connect(CONTROL_PRINCIPAL, controld));
  await control.stop({}, { timeoutMs: STOP_TIMEOUT_MS });
  await within(drained(), { clock, turns, timeoutMs: DRAIN_TIMEOUT_MS });
}
