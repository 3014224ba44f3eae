import { Arena } from "../core/arena.ts";
import { assert } from "../core/assert.ts";
import { atomicLoad, atomicStore } from "../core/atomic.ts";
import type { Wire } from "../core/ports.ts";
import type { Capability } from "./capability.ts";
import { Batch } from "./batch.ts";
import type { Envelope, OfferStatus, SendWaiter, Sink } from "./endpoint.ts";
import {
  CONSUMED,
  DROPPED,
  ROOM,
  type TravellingRight,
  WAITING,
  WIRE_CELLS,
} from "./wire_format.ts";

/** Microtasks without a further frame after which a batch goes: what one wake-up sends, goes together. */
const QUIET_HOPS = 6;

/** What an outlet needs of its kernel. */
export interface OutletKernel {
  /** Runs `work` after the microtasks that are ready. */
  soon(work: () => void): void;
  /** Whether one more send right may leave the isolate. */
  exportRoom(): boolean;
  /** Starts the journey of a send right that travels over this outlet. */
  exportRight(outlet: Outlet, ticket: number, capability: Capability): void;
  /** Nothing goes over it any more. */
  ended(outlet: Outlet): void;
}

/**
 * The sender's end of a right to an endpoint in another isolate. It holds as many messages as the
 * endpoint has places: what is sent and not yet taken is counted in a cell that the receiver's kernel
 * moves on, so that a sender learns here and now whether there is room. One that came with a message
 * has no wire at first, and no room.
 */
export class Outlet implements Sink {
  readonly frames = new Arena();
  readonly #kernel: OutletKernel;
  readonly #batch = new Batch();
  readonly #senders: SendWaiter[] = [];
  /** What travels with the frames of the batch. */
  #travelling: TravellingRight[] = [];
  /** Memory objects that were sent and may not have been taken yet, by the count at which they were. */
  readonly #charged: { readonly sent: number; readonly delivered: () => void }[] = [];
  #id: number | undefined;
  #wire: Wire | undefined;
  #cells: Int32Array = new Int32Array(WIRE_CELLS);
  #window = 0;
  #sent = 0;
  #tickets = 0;
  #holders = 0;
  #dropped = false;
  #hops = -1;
  #closed = false;

  constructor(kernel: OutletKernel) {
    this.#kernel = kernel;
  }

  /** Names the right to the boot, once it has a wire. */
  get id(): number | undefined {
    return this.#id;
  }

  /**
   * Opens the way.
   *
   * @param window Messages that the endpoint takes before it must be emptied.
   */
  bind(id: number, wire: Wire, window: number): void {
    assert(this.#wire === undefined, "an outlet has one wire");
    this.#id = id;
    if (this.#closed) {
      wire.post(DROPPED);
      wire.close();
      return;
    }
    this.#wire = wire;
    this.#cells = wire.cells;
    this.#window = window;
    wire.listen((message) => {
      if (message === ROOM) this.#admitSenders();
      else this.cut();
    });
    this.#admitSenders();
  }

  /** Messages that were sent and not yet taken. */
  get queued(): number {
    return (this.#sent - atomicLoad(this.#cells, CONSUMED)) | 0;
  }

  get depth(): number {
    return this.#window;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get takesRights(): boolean {
    return this.#kernel.exportRoom();
  }

  offer(envelope: Envelope): OfferStatus {
    if (this.#closed) return "no_such_endpoint";
    if (this.#senders.length > 0 || this.queued >= this.#window) return "queue_full";
    this.#stage(envelope);
    return "ok";
  }

  awaitRoom(waiter: SendWaiter): void {
    this.#senders.push(waiter);
    atomicStore(this.#cells, WAITING, 1);
    // The receiver may have made room before it could see that somebody waits.
    this.#admitSenders();
  }

  withdrawSender(waiter: SendWaiter): boolean {
    const index = this.#senders.indexOf(waiter);
    if (index < 0) return false;
    this.#senders.splice(index, 1);
    this.#leaveIfDropped();
    return true;
  }

  sendHeld(): void {
    this.#holders += 1;
  }

  /** Without a holder nobody can send any more: the other end is told after what waits was sent. */
  sendDropped(): void {
    this.#holders -= 1;
    this.#dropped = this.#holders === 0;
    this.#leaveIfDropped();
  }

  /** It arrived, and nobody will ever hold it. */
  abandon(): void {
    this.#dropped = true;
    this.#leaveIfDropped();
  }

  /** The endpoint is gone. */
  cut(): void {
    if (!this.#closed) this.#end();
  }

  /** Gives up the charge for memory objects that were taken meanwhile. */
  settleCharges(): void {
    const taken = atomicLoad(this.#cells, CONSUMED);
    for (let first = this.#charged[0]; first !== undefined; first = this.#charged[0]) {
      if (((taken - first.sent) | 0) < 0) return;
      this.#charged.shift();
      first.delivered();
    }
  }

  #leaveIfDropped(): void {
    if (!this.#dropped || this.#closed || this.#senders.length > 0) return;
    this.#flush();
    this.#wire?.post(DROPPED);
    this.#end();
  }

  #stage({ frame, moved, delivered }: Envelope): void {
    if (!this.#batch.fits(frame.length)) this.#flush();
    if (moved !== undefined) this.#take(moved, delivered);
    this.#batch.add(frame);
    frame.fill(0); // it was this outlet's copy, and lies in an arena that lives on
    this.#sent = (this.#sent + 1) | 0;
    if (moved?.object.kind === "vmo") this.#charged.push({ sent: this.#sent, delivered });
    const waits = this.#hops >= 0;
    this.#hops = QUIET_HOPS;
    if (!waits) this.#kernel.soon(this.#hop);
  }

  #take(moved: Capability, delivered: () => void): void {
    const index = this.#batch.count;
    const { object } = moved;
    assert(object.kind !== "mmio", "a device does not travel");
    if (object.kind === "vmo") {
      this.#travelling.push({ index, memory: object.vmo.bytes.buffer });
      return;
    }
    this.#tickets += 1;
    this.#travelling.push({ index, ticket: this.#tickets });
    this.#kernel.exportRight(this, this.#tickets, moved);
    delivered();
  }

  readonly #hop = (): void => {
    if (this.#hops > 0) {
      this.#hops -= 1;
      this.#kernel.soon(this.#hop);
      return;
    }
    this.#hops = -1;
    this.#flush();
  };

  #flush(): void {
    const wire = this.#wire;
    if (this.#batch.count === 0 || wire === undefined || this.#closed) return;
    const frames = this.#batch.take();
    if (this.#travelling.length === 0) return wire.post(frames);
    const rights = this.#travelling;
    this.#travelling = [];
    const memory = rights.flatMap((right) => "memory" in right ? [right.memory] : []);
    wire.post({ frames, rights }, memory);
  }

  #admitSenders(): void {
    for (let waiter = this.#senders[0]; waiter !== undefined; waiter = this.#senders[0]) {
      if (this.queued >= this.#window) {
        atomicStore(this.#cells, WAITING, 1);
        return;
      }
      this.#senders.shift();
      this.#stage(waiter.envelope);
      waiter.done("ok");
    }
    this.#leaveIfDropped();
  }

  #end(): void {
    this.#closed = true;
    this.#wire?.close();
    this.#kernel.ended(this);
    for (const { delivered } of this.#charged.splice(0)) delivered();
    for (const waiter of this.#senders.splice(0)) waiter.done("no_such_endpoint");
  }
}
