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
  /**
   * The send right that comes under a ticket: it may still be on its way.
   *
   * @param opened Called when it is here.
   * @returns Nothing for a ticket that came before.
   */
  arriving(inlet: Inlet, ticket: number, opened: () => void): Capability | undefined;
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

/** What came with a frame. */
interface Brought {
  readonly moved: Capability | undefined;
  /** Called when the receiver took it. */
  readonly taken: () => void;
}

/** Calls `then` when it was called twice. */
function afterBoth(then: () => void): () => void {
  let calls = 0;
  return () => {
    calls += 1;
    if (calls === 2) then();
  };
}

/**
 * The receiver's end of a right that is held in another isolate. It stamps the sender that the boot
 * bound to the wire, and keeps the endpoint's bounds: what finds no place in the queue waits here,
 * and a frame counts until it was taken and the right that it brought is here; never more of both
 * than the endpoint is deep.
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
      for (const frame of frames) this.#offer(frame);
      return;
    }
    this.#hearMoving(frames, news.rights);
  }

  #hearMoving(frames: readonly Uint8Array[], rights: readonly TravellingRight[]): void {
    const brought = new Map<number, Brought>();
    for (const right of rights) {
      const each = this.#bring(right);
      if (each === undefined || brought.has(right.index) || !(right.index in frames)) {
        return this.#violate();
      }
      brought.set(right.index, each);
    }
    for (const [index, frame] of frames.entries()) this.#offer(frame, brought.get(index));
  }

  #bring(right: TravellingRight): Brought | undefined {
    if ("memory" in right) {
      const memory = this.#kernel.memory(right.memory);
      return memory && { moved: memory, taken: this.#consume };
    }
    const taken = afterBoth(this.#consume);
    const arriving = this.#kernel.arriving(this, right.ticket, taken);
    return arriving && { moved: arriving, taken };
  }

  #offer(frame: Uint8Array, { moved, taken }: Brought = this.#nothing): void {
    const { sender, badge } = this.#source;
    this.#held += 1;
    const envelope: Envelope = {
      frame,
      sender,
      badge,
      moved,
      delivered: taken,
      discarded: () => {
        taken();
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

  readonly #nothing: Brought = { moved: undefined, taken: this.#consume };

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
