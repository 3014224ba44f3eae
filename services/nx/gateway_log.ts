import type { Clock, Turns } from "@runtime/core/ports.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { LEVELS, logdV2 } from "../logd/protocol.ts";
import type { RunningNode } from "./ports.ts";

/** Principal under which the gateway's refusals stand in the log. It is no task. */
export const GATEWAY_PRINCIPAL = "host-gateway";
/** Between two lines about one cause, in milliseconds: what comes meanwhile is told together. */
export const GATEWAY_LOG_MS = 1_000;

/** The log as it stands once the node has booted. */
interface Open {
  readonly log: Client<typeof logdV2>;
  /** Ends the wait for the next line. */
  cancel: () => void;
}

/**
 * Names in the node's log what its gateway turned away: such a connection reaches no daemon that
 * could.
 */
export class GatewayLog {
  readonly #time: { readonly clock: Clock; readonly turns: Turns };
  /** What is still to be told, by cause. */
  readonly #counts = new Map<string, number>();
  #open: Open | undefined;
  #resting = false;

  constructor(time: { readonly clock: Clock; readonly turns: Turns }) {
    this.#time = time;
  }

  /** One connection was turned away. Before {@linkcode begin} it is only counted. */
  readonly add = (why: string): void => {
    this.#counts.set(why, (this.#counts.get(why) ?? 0) + 1);
    this.#tell();
  };

  /** The node has booted: from now on its logd is told. */
  begin(node: Pick<RunningNode, "connect">): void {
    const log = createClient(logdV2, node.connect(GATEWAY_PRINCIPAL, logdV2));
    this.#open = { log, cancel: () => {} };
    this.#tell();
  }

  end(): void {
    this.#open?.cancel();
    this.#open = undefined;
  }

  #tell(): void {
    const open = this.#open;
    if (open === undefined || this.#resting || this.#counts.size === 0) return;
    const level = LEVELS.indexOf("warn");
    for (const [why, count] of this.#counts) {
      const fields = `count=${count}\n`;
      open.log.append({ level, scope: "gateway", message: `refused ${why}`, fields });
    }
    this.#counts.clear();
    this.#resting = true;
    const { clock, turns } = this.#time;
    open.cancel = turns.at(clock.nowNs() + GATEWAY_LOG_MS * 1e6, () => {
      this.#resting = false;
      this.#tell();
    });
  }
}
