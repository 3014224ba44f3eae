import type { BusPorts } from "./bus.ts";
import type { DialTarget } from "./dialer.ts";

/** A peer whose name led nowhere at the start: what is known of it but its address. */
export interface UnresolvedPeer extends Omit<DialTarget, "address" | "typed"> {
  /** Its address as somebody typed it. */
  readonly typed: string;
}

/** A peer that waits for its name. */
interface Waiting {
  readonly peer: UnresolvedPeer;
  readonly sinceNs: number;
}

/** Peers that cannot be dialled before somebody tells where their names lead. */
export class UnresolvedPeers {
  #waiting: readonly Waiting[];

  constructor(ports: Pick<BusPorts, "clock" | "journal">, peers: readonly UnresolvedPeer[]) {
    const sinceNs = ports.clock.nowNs();
    this.#waiting = peers.map((peer) => ({ peer, sinceNs }));
    for (const { typed, port } of peers) {
      const refusal = { reason: "name_unresolved", peer: undefined } as const;
      ports.journal.refused(refusal, { address: 0, port, typed });
    }
  }

  get all(): readonly Waiting[] {
    return this.#waiting;
  }

  /** Takes out the peers that were typed so, to be dialled at `address`. */
  placed({ typed, address }: { typed: string; address: number }): readonly DialTarget[] {
    const found = this.#waiting.filter(({ peer }) => peer.typed === typed);
    this.#waiting = this.#waiting.filter(({ peer }) => peer.typed !== typed);
    return found.map(({ peer }) => ({ ...peer, address }));
  }
}
