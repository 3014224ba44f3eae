import { Arena } from "../core/arena.ts";
import { FRAME_LENGTH_MAX, type Principal } from "../core/syscalls.ts";
import type { Capability } from "./capability.ts";

/** Messages that may wait at one endpoint, at most. Source: Open Nexus OS kernel, "Endpoints". */
export const ENDPOINT_DEPTH_MAX = 256;
/** Queued frame bytes over all endpoints of one task. */
export const QUEUED_BYTES_PER_OWNER_MAX = 256 << 10;
/** Queued frame bytes over the whole node. */
export const QUEUED_BYTES_MAX = 1 << 20;

/** A message on its way. Once it was queued the sender is done with it. */
export interface Envelope {
  readonly frame: Uint8Array;
  readonly sender: Principal;
  /** Which right it was sent with. */
  readonly badge: number;
  /** The capability that travels. */
  readonly moved: Capability | undefined;
  /** The receiver has it, and the capability: the sender no longer answers for either. */
  readonly delivered: () => void;
  /** It was sent and nobody will take it: the capability ends with it. */
  readonly discarded: () => void;
}

/** A byte count against a bound; one per owner and one for the node. */
export interface ByteBudget {
  readonly max: number;
  used: number;
}

/** Who waits for a message: runs once, with a message or with the reason why none comes. */
export interface ReceiveWaiter {
  /** Returns false when the receiver cannot take it (its table is full): the message stays first. */
  deliver(envelope: Envelope): boolean;
  fail(status: "no_such_endpoint" | "peer_closed"): void;
}

/** Who waits for room. */
export interface SendWaiter {
  readonly envelope: Envelope;
  done(status: "ok" | "no_such_endpoint"): void;
}

/** Outcome of offering a message to an endpoint. */
export type OfferStatus = "ok" | "queue_full" | "no_space" | "no_such_endpoint";

/** Where a send right leads: an endpoint of this isolate, or the way to one in another. */
export interface Sink {
  /** Where the frames lie that are sent there. */
  readonly frames: Arena;
  readonly closed: boolean;
  /** Whether a send right may travel there: within an isolate always. */
  readonly takesRights: boolean;
  /** Takes a message now, or says why not. Never overtakes a sender that waits for room. */
  offer(envelope: Envelope): OfferStatus;
  /** Queues a sender behind those that wait for room already. */
  awaitRoom(waiter: SendWaiter): void;
  /** Withdraws a sender that waits for room. Returns whether it still waited. */
  withdrawSender(waiter: SendWaiter): boolean;
  /** A send right was made. */
  sendHeld(): void;
  /** A send right was dropped. */
  sendDropped(): void;
}

/**
 * A bounded queue of messages with waiters on both ends, first come first served. Bounds: `depth`
 * messages, `depth` × 8 KiB, and the budgets of the owner and of the node.
 */
export class Endpoint implements Sink {
  readonly depth: number;
  /** Where the frames lie that are sent here: whoever receives shares them with nobody. */
  readonly frames = new Arena();
  readonly #budgets: readonly ByteBudget[];
  readonly #onClose: (() => void)[];
  readonly #queue: Envelope[] = [];
  readonly #receivers: ReceiveWaiter[] = [];
  readonly #senders: SendWaiter[] = [];
  #queuedBytes = 0;
  #sendHolders = 0;
  #abandoned = false;
  #closed = false;

  /** @param onClose Runs once, when the endpoint closes: its owner's quota is free again. */
  constructor(depth: number, budgets: readonly ByteBudget[], onClose: () => void) {
    this.depth = depth;
    this.#budgets = budgets;
    this.#onClose = [onClose];
  }

  get closed(): boolean {
    return this.#closed;
  }

  get takesRights(): boolean {
    return true;
  }

  /** Names who hears that the endpoint has closed. */
  onClosed(tell: () => void): void {
    this.#onClose.push(tell);
  }

  /** Messages that wait. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Messages that wait, those of senders that wait for room among them. */
  get waiting(): number {
    return this.#queue.length + this.#senders.length;
  }

  /** Delivers or queues. Never overtakes a sender that waits for room. */
  offer(envelope: Envelope): OfferStatus {
    if (this.#closed) return "no_such_endpoint";
    if (this.#queue.length === 0 && this.#handOver(envelope)) return "ok";
    if (this.#senders.length > 0 || this.#queue.length >= this.depth) return "queue_full";
    if (!this.#fits(envelope.frame.length)) return "no_space";
    this.#enqueue(envelope);
    return "ok";
  }

  /** Queues a sender behind those that wait for room already. */
  awaitRoom(waiter: SendWaiter): void {
    this.#senders.push(waiter);
  }

  /** Withdraws a sender that waits for room. Returns whether it still waited. */
  withdrawSender(waiter: SendWaiter): boolean {
    return remove(this.#senders, waiter);
  }

  /** Takes the next message for `waiter`, or queues the waiter. */
  receive(waiter: ReceiveWaiter): void {
    if (this.#closed) return waiter.fail("no_such_endpoint");
    const first = this.#queue[0];
    if (first === undefined) return this.#receiveUnqueued(waiter);
    if (!waiter.deliver(first)) return;
    this.#queue.shift();
    this.#release(first.frame.length);
    this.#admitSenders();
  }

  /** Withdraws a receiver that waits. Returns whether it still waited. */
  withdrawReceiver(waiter: ReceiveWaiter): boolean {
    return remove(this.#receivers, waiter);
  }

  /** A send right to this endpoint was made. */
  sendHeld(): void {
    this.#sendHolders += 1;
  }

  /** A send right to this endpoint was dropped; after the last one receivers get `peer_closed`. */
  sendDropped(): void {
    this.#sendHolders -= 1;
    if (this.#sendHolders > 0) return;
    this.#abandoned = true;
    for (const waiter of this.#receivers.splice(0)) waiter.fail("peer_closed");
  }

  /** Ends the endpoint: waiters are told, what was queued ends with it, what was not stays its sender's. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const tell of this.#onClose.splice(0)) tell();
    for (const envelope of this.#queue.splice(0)) {
      this.#release(envelope.frame.length);
      envelope.discarded();
    }
    for (const waiter of this.#senders.splice(0)) waiter.done("no_such_endpoint");
    for (const waiter of this.#receivers.splice(0)) waiter.fail("no_such_endpoint");
  }

  /** A sender may wait although nothing is queued: the budget that it lacks is used elsewhere. */
  #receiveUnqueued(waiter: ReceiveWaiter): void {
    const sender = this.#senders[0];
    if (sender !== undefined) {
      if (!waiter.deliver(sender.envelope)) return;
      this.#senders.shift();
      return sender.done("ok");
    }
    if (this.#sendHolders === 0 && this.#abandoned) return waiter.fail("peer_closed");
    this.#receivers.push(waiter);
  }

  /** A receiver that cannot take the message has been told, and waits no longer. */
  #handOver(envelope: Envelope): boolean {
    for (let waiter = this.#receivers.shift(); waiter; waiter = this.#receivers.shift()) {
      if (waiter.deliver(envelope)) return true;
    }
    return false;
  }

  #enqueue(envelope: Envelope): void {
    this.#queue.push(envelope);
    this.#queuedBytes += envelope.frame.length;
    for (const budget of this.#budgets) budget.used += envelope.frame.length;
  }

  #release(length: number): void {
    this.#queuedBytes -= length;
    for (const budget of this.#budgets) budget.used -= length;
  }

  #fits(length: number): boolean {
    if (this.#queuedBytes + length > this.depth * FRAME_LENGTH_MAX) return false;
    return this.#budgets.every((budget) => budget.used + length <= budget.max);
  }

  #admitSenders(): void {
    for (let waiter = this.#senders[0]; waiter !== undefined; waiter = this.#senders[0]) {
      if (this.#queue.length >= this.depth || !this.#fits(waiter.envelope.frame.length)) return;
      this.#senders.shift();
      this.#enqueue(waiter.envelope);
      waiter.done("ok");
    }
  }
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}
