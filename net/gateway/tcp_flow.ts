import type { HostSocketError, HostStreamObserver, HostTcp } from "@runtime/core/ports.ts";
import type { TcpSocket } from "../stack/stack.ts";

/** The host is read on once the guest's send ring has this much room: no tiny pieces. */
const RESUME_BYTES = 32_768;

/** What a flow tells its owner. */
export interface TcpFlowEvents {
  /** The host's connection stands. */
  opened(flow: TcpFlow): void;
  /** The guest's side changed: {@linkcode TcpFlow.pump} should run once the stack is done. */
  guestChanged(flow: TcpFlow): void;
  /** The host's side changed: it should run now. */
  hostChanged(flow: TcpFlow): void;
  /** The host's connection is over, and with it the flow. */
  over(flow: TcpFlow, error: HostSocketError | undefined): void;
}

/**
 * One connection of the guest joined to one of the host: bytes, FIN, RST and back-pressure pass
 * both ways. Nothing is kept in between but what either side holds anyway.
 */
export class TcpFlow implements HostStreamObserver {
  readonly host: HostTcp;
  /** For the owner's queue of flows to pump. */
  queued = false;
  readonly #events: TcpFlowEvents;
  #guest: TcpSocket | undefined;
  #hostEnded = false;
  #guestEnded = false;
  /** The host waits for room on the guest's side, or the guest for room on the host's. */
  #hostWaits = false;
  #guestWaits = false;
  #over = false;

  constructor(host: HostTcp, events: TcpFlowEvents) {
    this.host = host;
    this.#events = events;
    host.observe(this);
  }

  get guest(): TcpSocket | undefined {
    return this.#guest;
  }

  /** Joins the guest's side. Until then nothing is read from the host. */
  join(guest: TcpSocket): void {
    this.#guest = guest;
    guest.onChange = () => this.#events.guestChanged(this);
    if (this.#hostEnded) guest.end();
    this.#events.guestChanged(this);
  }

  /** Passes on what either side has and the other has room for. */
  pump(): void {
    const guest = this.#guest;
    if (guest === undefined || this.#over) return;
    if (guest.failure !== undefined) {
      this.host.reset();
      return;
    }
    this.#pumpOut(guest);
    if (this.#hostWaits && roomy(guest)) {
      this.#hostWaits = false;
      this.host.resume();
    }
  }

  /** Ends both sides at once. `over` follows. */
  reset(): void {
    if (this.#over) return;
    this.#guest?.abort();
    this.host.reset();
  }

  opened(): void {
    this.#events.opened(this);
  }

  data(bytes: Uint8Array): number {
    const taken = this.#guest?.write(bytes) ?? 0;
    if (taken < bytes.length) this.#hostWaits = true;
    this.#events.hostChanged(this);
    return taken;
  }

  ended(): void {
    this.#hostEnded = true;
    this.#guest?.end();
    this.#events.hostChanged(this);
  }

  writable(): void {
    this.#guestWaits = false;
    this.#events.hostChanged(this);
  }

  closed(error: HostSocketError | undefined): void {
    this.#over = true;
    const guest = this.#guest;
    if (guest !== undefined) {
      guest.onChange = undefined;
      if (error === undefined) guest.end();
      else guest.abort();
    }
    this.#events.over(this, error);
  }

  #pumpOut(guest: TcpSocket): void {
    while (!this.#guestWaits && guest.readable > 0) {
      const view = guest.peek();
      const taken = this.host.write(view);
      this.#guestWaits = taken < view.length;
      guest.consume(taken);
    }
    if (!guest.readEnded || this.#guestEnded) return;
    this.#guestEnded = true;
    this.host.end();
  }
}

/** Whether the guest's side takes a piece worth the trouble, or all that it will ever take. */
function roomy(guest: TcpSocket): boolean {
  return guest.writable >= RESUME_BYTES || (guest.writable > 0 && guest.unacknowledged === 0);
}
