import { atomicAdd, atomicLoad, atomicStore } from "../core/atomic.ts";
import type { Wire } from "../core/ports.ts";
import type { Principal } from "../core/syscalls.ts";
import { framesOf } from "./batch.ts";
import type { Capability } from "./capability.ts";
import type { Endpoint, Envelope } from "./endpoint.ts";
import { CLOSED, CONSUMED, ROOM, type TravellingRight, WAITING, wireNews } from "./wire_format.ts";

/** What an inlet needs of its kernel. */
export interface InletKernel {
  /** A memory object over bytes that came along; `undefined` when it may not have this length. */
  memory(bytes: ArrayBuffer): Capability | undefined;
  /** The send right that comes under a ticket: it may still be on its way. */
  arriving(inlet: Inlet, ticket: number): Capability | undefined;
  /** It was on its way to nobody. */
  discarded(capability: Capability): void;
  /** The other end broke the rules of the wire, and was cut off. */
  violated(inlet: Inlet): void;
  ended(inlet: Inlet): void;
}

/** Who sends over a wire, as the boot said when it minted the right. */
export interface InletSource {
  readonly id: number;
  readonly sender: Principal;
  readonly badge: number;
}

/**
 * The receiver's end of a right that is held in another isolate. It stamps the sender that the boot
 * bound to the wire, and keeps the endpoint's bounds: what finds no place in the queue waits here,
 * never more than the endpoint is deep.
 */
export class Inlet {
  readonly id: number;
  readonly #source: InletSource;
  readonly #endpoint: Endpoint;
  readonly #wire: Wire;
  readonly #kernel: InletKernel;
  /** Messages that came and were not yet taken. */
  #held = 0;
  #over = false;

  constructor(source: InletSource, wire: Wire, endpoint: Endpoint, kernel: InletKernel) {
    this.id = source.id;
    this.#source = source;
    this.#wire = wire;
    this.#endpoint = endpoint;
    this.#kernel = kernel;
    endpoint.sendHeld();
    endpoint.onClosed(() => this.#closed());
    wire.listen((message) => this.#hear(message));
  }

  /** The sender is gone, and what it sent before is all that comes. */
  cut(): void {
    if (this.#over) return;
    this.#finish();
    this.#endpoint.sendDropped();
  }

  #hear(message: unknown): void {
    if (this.#over) return;
    const news = wireNews(message);
    if (news?.kind === "dropped") return this.cut();
    const frames = news && framesOf(news.bytes, this.#endpoint.depth - this.#held);
    if (news === undefined || frames === undefined) return this.#violate();
    if (news.rights.length === 0) {
      for (const frame of frames) this.#offer(frame, undefined);
      return;
    }
    this.#hearMoving(frames, news.rights);
  }

  #hearMoving(frames: readonly Uint8Array[], rights: readonly TravellingRight[]): void {
    const moved = new Map<number, Capability>();
    for (const right of rights) {
      const capability = "memory" in right
        ? this.#kernel.memory(right.memory)
        : this.#kernel.arriving(this, right.ticket);
      if (capability === undefined || moved.has(right.index) || !(right.index in frames)) {
        return this.#violate();
      }
      moved.set(right.index, capability);
    }
    for (const [index, frame] of frames.entries()) this.#offer(frame, moved.get(index));
  }

  #offer(frame: Uint8Array, moved: Capability | undefined): void {
    const { sender, badge } = this.#source;
    this.#held += 1;
    const envelope: Envelope = {
      frame,
      sender,
      badge,
      moved,
      delivered: this.#consume,
      discarded: () => {
        this.#consume();
        if (moved !== undefined) this.#kernel.discarded(moved);
      },
    };
    const status = this.#endpoint.offer(envelope);
    if (status === "ok") return;
    if (status === "no_such_endpoint") return envelope.discarded();
    this.#endpoint.awaitRoom({
      envelope,
      done(outcome) {
        if (outcome !== "ok") envelope.discarded();
      },
    });
  }

  readonly #consume = (): void => {
    this.#held -= 1;
    const { cells } = this.#wire;
    atomicAdd(cells, CONSUMED, 1);
    if (atomicLoad(cells, WAITING) === 0) return;
    atomicStore(cells, WAITING, 0);
    if (!this.#over) this.#wire.post(ROOM);
  };

  #closed(): void {
    if (this.#over) return;
    this.#wire.post(CLOSED);
    this.#finish();
  }

  #violate(): void {
    // First: once the right has ended the boot knows nobody at its other end.
    this.#kernel.violated(this);
    this.cut();
  }

  #finish(): void {
    this.#over = true;
    this.#wire.close();
    this.#kernel.ended(this);
  }
}
