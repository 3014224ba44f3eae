import type { TcpListener, TcpSocket, UdpSocket } from "@net/stack/stack.ts";
import type { WaitQueue } from "./parking.ts";

/** Handles at a time, of all owners. */
export const HANDLES_MAX = 1024;
/** Handles at a time, of one owner. */
export const HANDLES_PER_OWNER_MAX = 512;
/** Handles that are given out before one that was let go of comes again. */
export const HANDLE_HORIZON = 0xffff_ffff - HANDLES_MAX;

/** Sockets of the stack by what they are here. */
export interface SocketKinds {
  readonly listener: TcpListener;
  readonly stream: TcpSocket;
  readonly datagrams: UdpSocket;
}

export type SocketKind = keyof SocketKinds;

/** What a handle stands for. */
export interface Entry<K extends SocketKind = SocketKind> {
  readonly handle: number;
  /** `sender_service_id` of whom it belongs to. */
  readonly owner: bigint;
  readonly kind: K;
  readonly socket: SocketKinds[K];
  /** Requests that wait for something to come. */
  readonly incoming: WaitQueue;
  /** Requests that wait for something to be sent, or to be connected. */
  readonly outgoing: WaitQueue;
}

/** An entry of any kind, told apart by `kind`. */
export type AnyEntry = { readonly [K in SocketKind]: Entry<K> }[SocketKind];

/**
 * Handles by number. Numbers rise, so that one that was let go of means nothing for
 * {@linkcode HANDLE_HORIZON} more, and a handle of somebody else is as absent as one that never was.
 */
export class HandleTable {
  readonly #entries = new Map<number, AnyEntry>();
  readonly #counts = new Map<bigint, number>();
  #last: number;

  /** @param last The number before the first; tests start near the end. */
  constructor(last = 0) {
    this.#last = last;
  }

  get size(): number {
    return this.#entries.size;
  }

  countOf(owner: bigint): number {
    return this.#counts.get(owner) ?? 0;
  }

  hasRoom(owner: bigint): boolean {
    return this.size < HANDLES_MAX && this.countOf(owner) < HANDLES_PER_OWNER_MAX;
  }

  /** A number for the next entry: never 0, never one in use. */
  nextHandle(): number {
    do {
      this.#last = this.#last === 0xffff_ffff ? 1 : this.#last + 1;
    } while (this.#entries.has(this.#last));
    return this.#last;
  }

  add(entry: AnyEntry): void {
    this.#entries.set(entry.handle, entry);
    this.#counts.set(entry.owner, this.countOf(entry.owner) + 1);
  }

  /** @returns Whether it was there. */
  remove(entry: AnyEntry): boolean {
    if (!this.#entries.delete(entry.handle)) return false;
    const count = this.countOf(entry.owner) - 1;
    if (count === 0) this.#counts.delete(entry.owner);
    else this.#counts.set(entry.owner, count);
    return true;
  }

  /** Everything that belongs to an owner. */
  of(owner: bigint): readonly AnyEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.owner === owner);
  }

  /** The owner's entry, whatever it is. */
  any(handle: number, owner: bigint): AnyEntry | undefined {
    const entry = this.#entries.get(handle);
    return entry?.owner === owner ? entry : undefined;
  }

  stream(handle: number, owner: bigint): Entry<"stream"> | undefined {
    const entry = this.any(handle, owner);
    return entry?.kind === "stream" ? entry : undefined;
  }

  listener(handle: number, owner: bigint): Entry<"listener"> | undefined {
    const entry = this.any(handle, owner);
    return entry?.kind === "listener" ? entry : undefined;
  }

  datagrams(handle: number, owner: bigint): Entry<"datagrams"> | undefined {
    const entry = this.any(handle, owner);
    return entry?.kind === "datagrams" ? entry : undefined;
  }
}
