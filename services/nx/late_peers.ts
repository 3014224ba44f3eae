import { HostSocketFailure } from "@runtime/core/ports.ts";
import { createClient } from "@runtime/idl/client.ts";
import { CONTROL_PRINCIPAL, controld } from "../controld/protocol.ts";
import { hostPortText } from "./address.ts";
import type { PeerAddress, RunningNode } from "./ports.ts";
import type { ControlClient, Shell } from "./shell.ts";

/** Wait before the second look-up of a name, in milliseconds; it doubles with every further one. */
export const LOOKUP_WAIT_MIN_MS = 1_000;
/** Longest wait between two look-ups. */
export const LOOKUP_WAIT_MAX_MS = 30_000;

/**
 * Looks up again the names that led nowhere when the node started, and has it dial each peer once
 * its name leads somewhere. Returns what ends that.
 */
export function dialLater(
  shell: Shell,
  node: Pick<RunningNode, "connect" | "placeOf" | "unplaced">,
): () => void {
  if (node.unplaced.length === 0) return () => {};
  const client = createClient(controld, node.connect(CONTROL_PRINCIPAL, controld));
  const late = node.unplaced.map((peer) => new LatePeer(shell, { node, client, peer }));
  for (const peer of late) peer.begin();
  return () => {
    for (const peer of late) peer.end();
  };
}

interface LateDial {
  readonly node: Pick<RunningNode, "placeOf">;
  readonly client: ControlClient;
  readonly peer: PeerAddress;
}

class LatePeer {
  readonly #shell: Shell;
  readonly #dial: LateDial;
  #waitMs = LOOKUP_WAIT_MIN_MS;
  #over = false;
  #cancel: () => void = () => {};

  constructor(shell: Shell, dial: LateDial) {
    this.#shell = shell;
    this.#dial = dial;
  }

  begin(): void {
    this.#shell.output.complain(`cannot resolve ${this.#host} yet, trying again`);
    this.#wait();
  }

  end(): void {
    this.#over = true;
    this.#cancel();
  }

  get #host(): string {
    return this.#dial.peer.address.host;
  }

  #wait(): void {
    const { clock, turns } = this.#shell.ports;
    this.#cancel = turns.at(clock.nowNs() + this.#waitMs * 1e6, () => this.#again());
    this.#waitMs = Math.min(this.#waitMs * 2, LOOKUP_WAIT_MAX_MS);
  }

  async #again(): Promise<void> {
    const { client, node, peer } = this.#dial;
    const address = await node.placeOf(peer).catch(unusable);
    if (this.#over) return;
    if (address === undefined) return this.#wait();
    if (address === "unusable") return this.#give("leads to no address that can be dialled");
    const { status } = await client.placePeer({ typed: hostPortText(peer.address), address });
    if (status === "limit") this.#give("is not dialled: the node dials as many peers as it may");
  }

  #give(why: string): void {
    this.#shell.output.complain(`${this.#host} ${why}`);
  }
}

function unusable(error: unknown): "unusable" {
  if (error instanceof HostSocketFailure) return "unusable";
  throw error;
}
