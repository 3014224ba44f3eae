import type { Clock, Turns } from "@runtime/core/ports.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { CONTROL_PRINCIPAL, controld } from "../controld/protocol.ts";
import type { HeldState } from "../statefsd/client/node_state.ts";
import { statefsd } from "../statefsd/protocol.ts";
import type { RunningNode } from "./ports.ts";

/** Between two notes of how far the image has come, in milliseconds. */
export const NOTE_INTERVAL_MS = 10_000;

/** Notes beside the image how far it has come, as long as a node runs on it. */
export class StateWatch {
  readonly #ports: { readonly clock: Clock; readonly turns: Turns };
  readonly #held: Pick<HeldState, "note">;
  readonly #state: Pick<Client<typeof statefsd>, "stats">;
  readonly #control: Pick<Client<typeof controld>, "identity">;
  #cancel: () => void = () => {};
  #ended = false;

  constructor(
    ports: { readonly clock: Clock; readonly turns: Turns },
    held: Pick<HeldState, "note">,
    node: Pick<RunningNode, "connect">,
  ) {
    this.#ports = ports;
    this.#held = held;
    this.#state = createClient(statefsd, node.connect(CONTROL_PRINCIPAL, statefsd));
    this.#control = createClient(controld, node.connect(CONTROL_PRINCIPAL, controld));
  }

  /** Notes now, and again and again. */
  async begin(): Promise<void> {
    await this.note();
    this.#again();
  }

  /** Asks statefsd once; a daemon that does not answer now is asked the next time. */
  async note(): Promise<void> {
    const stats = await this.#state.stats({});
    if (stats.status !== "ok") return;
    const own = await this.#control.identity({});
    const deviceId = own.status === "ok" ? own.deviceId : undefined;
    this.#held.note({ sequence: stats.sequence, deviceId });
  }

  /** Notes for the last time. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#cancel();
    await this.#try();
  }

  /** A host that cannot write now may later: what was noted before holds until then. */
  async #try(): Promise<void> {
    try {
      await this.note();
    } catch (error) {
      if (!(error instanceof FileFailure)) throw error;
    }
  }

  #again(): void {
    const { clock, turns } = this.#ports;
    this.#cancel = turns.at(clock.nowNs() + NOTE_INTERVAL_MS * 1e6, async () => {
      await this.#try();
      // A note under way when the node ends has no successor: the directory is let go of.
      if (!this.#ended) this.#again();
    });
  }
}
