import type { CallStatus, Message, Slot, Syscalls, Timer } from "../core/syscalls.ts";

/** Requests that may be in flight on one channel. */
export const IN_FLIGHT_MAX = 1024;
/** How long a call waits for its reply unless it says otherwise. */
export const CALL_TIMEOUT_MS = 2_000;

/** A reply, with the capability that came along. */
export interface RawReply {
  readonly status: "ok";
  readonly frame: Uint8Array;
  readonly moved: Slot | undefined;
}

/** How an exchange may end without a reply. */
export type NoReply = { readonly status: "gone" | "no_reply" };

/** One request for {@linkcode RawChannel.exchange}. */
export interface Exchange {
  readonly frame: Uint8Array;
  /** Ties the reply to the request; `undefined` on protocols without a nonce. */
  readonly nonce: bigint | undefined;
  /** Capability that travels along: the channel's from now on. One that cannot go is closed. */
  readonly move: Slot | undefined;
  /** How long to wait for the reply; `undefined` for ever: an operation that parks. */
  readonly timeoutMs: number | undefined;
}

/** Carries request frames to one endpoint and brings their replies back. */
export interface RawChannel {
  exchange(exchange: Exchange): Promise<RawReply | NoReply>;
}

interface Pending {
  /** Its nonce; on protocols without one a number of the channel's own, below zero. */
  readonly key: bigint;
  readonly deadlineNs: number;
  /** The call has ended; without a nonce it keeps its place until its reply or its failure comes. */
  expired: boolean;
  settle(outcome: RawReply | NoReply): void;
}

/** Reads the nonce of a reply frame; `undefined` when it has none or does not parse. */
export type NonceReader = (frame: Uint8Array) => bigint | undefined;

/** Both slots of a right to call: to send requests with, and to receive their replies at. */
export interface ChannelSlots {
  readonly send: Slot;
  readonly receive: Slot;
}

/**
 * A channel over a send right and a reply endpoint of the task's own. Both end with the server; the
 * successor of the server is reached by the same channel once it is bound to new ones.
 *
 * Replies of protocols with a nonce come in any order. Without one they come in the order of the
 * requests, so a call that missed its deadline keeps its place and its late reply is dropped there.
 */
export class SyscallChannel implements RawChannel {
  readonly #syscalls: Syscalls;
  /** Absent while there is nobody to call. */
  #bound: ChannelSlots | undefined;
  readonly #nonceOf: NonceReader | undefined;
  readonly #timer: Timer;
  /** In the order of the requests. */
  readonly #pending = new Map<bigint, Pending>();
  #lastKey = 0n;
  #timerNs = Number.POSITIVE_INFINITY;

  /** @param nonceOf Absent on protocols without a nonce. */
  constructor(
    syscalls: Syscalls,
    slots: ChannelSlots | undefined,
    nonceOf: NonceReader | undefined,
  ) {
    this.#syscalls = syscalls;
    this.#nonceOf = nonceOf;
    this.#timer = syscalls.timerCreate();
    this.bind(slots);
    this.#expire();
  }

  /**
   * Leads to another server from now on, or nowhere. Calls under way are `gone`: their replies cannot
   * come. So are those to come while it leads nowhere.
   */
  bind(slots: ChannelSlots | undefined): void {
    this.#unbind();
    this.#bound = slots;
    if (slots !== undefined) this.#collect(slots);
  }

  #unbind(): void {
    const bound = this.#bound;
    if (bound === undefined) return;
    this.#bound = undefined;
    this.#syscalls.capClose(bound.send);
    this.#syscalls.capClose(bound.receive);
    for (const pending of this.#pending.values()) pending.settle({ status: "gone" });
    this.#pending.clear();
    this.#timerNs = Number.POSITIVE_INFINITY;
    this.#timer.set(undefined);
  }

  exchange(exchange: Exchange): Promise<RawReply | NoReply> {
    const bound = this.#bound;
    const full = this.#pending.size >= IN_FLIGHT_MAX || this.#inFlight(exchange.nonce);
    if (bound === undefined || full) {
      this.#discard(exchange);
      return Promise.resolve({ status: "gone" });
    }
    const deadlineNs = exchange.timeoutMs === undefined
      ? Number.POSITIVE_INFINITY
      : this.#syscalls.clock.nowNs() + exchange.timeoutMs * 1e6;
    return new Promise((resolve) => {
      const pending: Pending = {
        key: exchange.nonce ?? --this.#lastKey,
        deadlineNs,
        expired: false,
        settle: resolve,
      };
      this.#pending.set(pending.key, pending);
      this.#watch(deadlineNs);
      this.#dispatch(bound.send, exchange, pending);
    });
  }

  /** Two calls under one nonce would get each other's replies. */
  #inFlight(nonce: bigint | undefined): boolean {
    return nonce !== undefined && this.#pending.has(nonce);
  }

  #dispatch(send: Slot, exchange: Exchange, pending: Pending): void {
    if (exchange.move === undefined) {
      const status = this.#syscalls.trySend(send, exchange.frame);
      if (status === "ok") return;
      if (status !== "queue_full" && status !== "no_space") return this.#fail(pending, status);
    }
    const deadlineNs = Number.isFinite(pending.deadlineNs) ? pending.deadlineNs : undefined;
    this.#syscalls.send(send, exchange.frame, { move: exchange.move, deadlineNs })
      .then((status) => {
        if (status === "ok") return;
        this.#discard(exchange);
        this.#fail(pending, status);
      });
  }

  #discard({ move }: Exchange): void {
    if (move !== undefined) this.#syscalls.capClose(move);
  }

  #fail(pending: Pending, status: CallStatus): void {
    if (!this.#withdraw(pending)) return;
    pending.settle({ status: status === "timed_out" ? "no_reply" : "gone" });
  }

  #withdraw(pending: Pending): boolean {
    return this.#pending.get(pending.key) === pending && this.#pending.delete(pending.key);
  }

  /** Takes replies until the server ends or another takes its place. */
  async #collect(slots: ChannelSlots): Promise<void> {
    while (this.#bound === slots) {
      const message = await this.#syscalls.receive(slots.receive);
      if (message.status === "ok") this.#settle(message, this.#bound === slots);
      else if (this.#bound === slots) this.#unbind();
    }
  }

  /** @param wanted Whether the server that sent it is still the one that is called. */
  #settle(message: Message, wanted: boolean): void {
    const pending = wanted ? this.#takeAnswered(message.frame) : undefined;
    if (pending !== undefined) {
      return pending.settle({ status: "ok", frame: message.frame, moved: message.moved });
    }
    if (message.moved !== undefined) this.#syscalls.capClose(message.moved);
  }

  #takeAnswered(frame: Uint8Array): Pending | undefined {
    if (this.#nonceOf === undefined) {
      const [first] = this.#pending.values();
      if (first !== undefined) this.#pending.delete(first.key);
      return first?.expired === true ? undefined : first;
    }
    const nonce = this.#nonceOf(frame);
    const answered = nonce === undefined ? this.#oldestUnnamed() : this.#pending.get(nonce);
    if (answered !== undefined) this.#pending.delete(answered.key);
    return answered;
  }

  /** A refusal of a frame that held no nonce has none either: it is for who sent such a frame. */
  #oldestUnnamed(): Pending | undefined {
    for (const pending of this.#pending.values()) if (pending.key < 0n) return pending;
    return undefined;
  }

  /** One timer serves all calls; it moves only when an earlier deadline comes. */
  #watch(deadlineNs: number): void {
    if (deadlineNs >= this.#timerNs) return;
    this.#timerNs = deadlineNs;
    this.#timer.set(deadlineNs);
  }

  async #expire(): Promise<void> {
    for (;;) {
      await this.#timer.wait();
      this.#timerNs = Number.POSITIVE_INFINITY;
      this.#expireDue(this.#syscalls.clock.nowNs());
      for (const { deadlineNs, expired } of this.#pending.values()) {
        if (!expired) this.#watch(deadlineNs);
      }
    }
  }

  #expireDue(nowNs: number): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.expired || pending.deadlineNs > nowNs) continue;
      pending.expired = true;
      if (this.#nonceOf !== undefined) this.#withdraw(pending);
      pending.settle({ status: "no_reply" });
    }
  }
}
