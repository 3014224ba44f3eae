import type { Outlet } from "./outlet.ts";

/** A send right whose frame is here, and whose wire is not. */
interface Claim {
  readonly outlet: Outlet;
  readonly opened: () => void;
}

/** What travels over one right to here, by ticket. */
interface Way {
  readonly claimed: Map<number, Claim>;
  /** Rights whose wire is here, and whose frame is not. */
  readonly opened: Map<number, Outlet>;
}

/**
 * Send rights on their way to this isolate. Each comes twice, in either order: as a ticket with a frame
 * of its sender's, and as a wire from the boot. What waits for its wire is bounded by the endpoint
 * that the frame came to, what waits for its frame by what the boot lets leave an isolate.
 */
export class Arrivals {
  readonly #ways = new Map<number, Way>();

  /** Frames may come over a right now. */
  begin(via: number): void {
    this.#ways.set(via, { claimed: new Map(), opened: new Map() });
  }

  /**
   * A frame brought a ticket.
   *
   * @param make A right whose wire is yet to come.
   * @param opened Called when the wire is here, at once where it came first.
   * @returns Nothing for a ticket that came before.
   */
  claim(
    { via, ticket }: { readonly via: number; readonly ticket: number },
    make: () => Outlet,
    opened: () => void,
  ): Outlet | undefined {
    const way = this.#ways.get(via);
    if (way === undefined || way.claimed.has(ticket)) return undefined;
    const known = way.opened.get(ticket);
    if (known !== undefined) {
      way.opened.delete(ticket);
      opened();
      return known;
    }
    const outlet = make();
    way.claimed.set(ticket, { outlet, opened });
    return outlet;
  }

  /**
   * The boot brings a wire.
   *
   * @param bind Opens an outlet over it.
   * @param make A right whose frame is yet to come.
   */
  open(
    { via, ticket }: { readonly via: number; readonly ticket: number },
    bind: (outlet: Outlet) => void,
    make: () => Outlet,
  ): void {
    const way = this.#ways.get(via);
    const claim = way?.claimed.get(ticket);
    if (claim !== undefined) {
      way?.claimed.delete(ticket);
      bind(claim.outlet);
      claim.opened();
      return;
    }
    const outlet = make();
    bind(outlet);
    if (way === undefined) outlet.abandon();
    else way.opened.set(ticket, outlet);
  }

  /** No frame comes over a right any more; wires of what came before may. */
  end(via: number): void {
    const way = this.#ways.get(via);
    for (const outlet of way?.opened.values() ?? []) outlet.abandon();
    way?.opened.clear();
    if (way?.claimed.size === 0) this.#ways.delete(via);
  }

  /** No wire comes either. */
  forget(via: number): void {
    const way = this.#ways.get(via);
    this.#ways.delete(via);
    for (const { outlet } of way?.claimed.values() ?? []) outlet.cut();
  }
}
