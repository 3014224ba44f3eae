import type { Endpoint, Stack } from "@net/stack/stack.ts";
import { parseIpv4 } from "@net/wire/ipv4.ts";
import { assert } from "@runtime/core/assert.ts";
import {
  type AnyEntry,
  type Entry,
  HandleTable,
  type SocketKind,
  type SocketKinds,
} from "./handle_table.ts";
import { Linger } from "./linger.ts";
import type { Served } from "./network.ts";
import { type GiveUp, ParkingLot, WaitQueue } from "./parking.ts";
import { ANY_IPV4 } from "./protocol.ts";

/**
 * Connections that may wait at one listener to be accepted, those being made included: more than a
 * gateway leads here at a time, so that whoever comes through it is refused by the listener's owner,
 * by name, and not below it.
 */
export const LISTEN_BACKLOG = 1024;

/** Payload of an echo request: what `ping` sends everywhere, in bytes. */
const PING_LENGTH = 56;

/** The interface as it is configured, and the network as requests see it. */
export interface SocketsPorts {
  readonly stack: Stack;
  /** Own addresses, as numbers. */
  readonly addresses: readonly number[];
  readonly random32: () => number;
  readonly nowMs: () => number;
  /** Something may have to be sent. */
  readonly touch: () => void;
}

/** An address and port as requests name them. */
export interface SocketAddress {
  readonly ip: string;
  readonly port: number;
}

/** Why there is no handle. */
export type Refused = "in_use" | "limit" | "unreachable";

/**
 * The sockets of all owners: who has which, who waits for what, and what still ends in order. Both
 * versions of the facade stand on it.
 */
export class Sockets implements Served {
  readonly table: HandleTable;
  readonly lot: ParkingLot;
  readonly #ports: SocketsPorts;
  readonly #linger = new Linger();
  /** Entries whose socket changed since the last {@linkcode settle}. */
  readonly #changed = new Set<AnyEntry>();
  readonly #pingIdent: number;
  #pingSequence = 0;

  constructor(ports: SocketsPorts, table = new HandleTable()) {
    this.table = table;
    this.lot = new ParkingLot(ports.nowMs, ports.touch);
    this.#ports = ports;
    this.#pingIdent = ports.random32() & 0xffff;
  }

  get stack(): Stack {
    return this.#ports.stack;
  }

  get nextMs(): number {
    return Math.min(this.lot.nextMs, this.#linger.nextMs);
  }

  settle(nowMs: number): void {
    for (const entry of this.#changed) {
      this.#changed.delete(entry);
      entry.incoming.serve();
      entry.outgoing.serve();
    }
    this.lot.expire(nowMs);
    this.#linger.expire(nowMs);
  }

  touch(): void {
    this.#ports.touch();
  }

  /** Milliseconds on the stack's clock. */
  nowMs(): number {
    return this.#ports.nowMs();
  }

  listen(owner: bigint, at: SocketAddress): Entry<"listener"> | Refused {
    if (!this.table.hasRoom(owner)) return "limit";
    const local = this.#localOf(at);
    if (local === undefined) return "unreachable";
    const socket = this.stack.listenTcp({ ...local, backlog: LISTEN_BACKLOG });
    return typeof socket === "string" ? socket : this.#enter("listener", owner, socket);
  }

  /** Takes a connection that waits; `undefined` when none does. */
  accept(entry: Entry<"listener">): Entry<"stream"> | "limit" | undefined {
    if (entry.socket.waiting === 0) return undefined;
    if (!this.table.hasRoom(entry.owner)) return "limit";
    const socket = entry.socket.accept();
    return socket === undefined ? undefined : this.#enter("stream", entry.owner, socket);
  }

  connect(owner: bigint, to: SocketAddress): Entry<"stream"> | Refused {
    if (!this.table.hasRoom(owner)) return "limit";
    const socket = this.stack.connectTcp({ remote: endpointOf(to) });
    this.touch();
    return typeof socket === "string" ? socket : this.#enter("stream", owner, socket);
  }

  bindUdp(owner: bigint, at: SocketAddress): Entry<"datagrams"> | Refused {
    if (!this.table.hasRoom(owner)) return "limit";
    const local = this.#localOf(at);
    if (local === undefined) return "unreachable";
    const socket = this.stack.bindUdp(local);
    return typeof socket === "string" ? socket : this.#enter("datagrams", owner, socket);
  }

  /** Resolves with the round trip in milliseconds, or `undefined` when the time is over. */
  ping(
    owner: bigint,
    to: { readonly ip: string; readonly timeoutMs: number },
  ): Promise<number | undefined> | "limit" | "unreachable" {
    if (!this.lot.enter(owner)) return "limit";
    this.#pingSequence = (this.#pingSequence + 1) & 0xffff;
    const echo = {
      remote: addressOf(to.ip),
      ident: this.#pingIdent,
      sequence: this.#pingSequence,
      payload: new Uint8Array(PING_LENGTH),
    };
    let finished = (_rttMs: number | undefined): void => {};
    const result = new Promise<number | undefined>((resolve) => finished = resolve);
    const done = (rttMs: number | undefined) => {
      this.lot.exit(owner);
      finished(rttMs);
    };
    const started = this.stack.ping(echo, done, this.#ports.nowMs(), to.timeoutMs);
    if (started !== "ok") this.lot.exit(owner);
    this.touch();
    return started === "ok" ? result : started;
  }

  /** Lets go of a handle: a connection ends in order, its requests that wait find it gone. */
  close(entry: AnyEntry): void {
    if (!this.#leave(entry)) return;
    if (entry.kind === "stream") this.#linger.add(entry.socket, this.#ports.nowMs());
    else entry.socket.close();
    endWaiting(entry, "not_found");
    this.touch();
  }

  /** Resets a connection and lets go of its handle. */
  abort(entry: Entry<"stream">): void {
    if (!this.#leave(entry)) return;
    entry.socket.abort();
    endWaiting(entry, "reset");
    this.touch();
  }

  /** The owner has ended: nobody will read, write or accept any more. */
  release(owner: bigint): void {
    for (const entry of this.table.of(owner)) {
      if (entry.kind === "stream") this.abort(entry);
      else this.close(entry);
    }
  }

  /** Lets go of the handle of a connection that is over. */
  forget(entry: Entry<"stream">): void {
    this.#leave(entry);
  }

  #leave(entry: AnyEntry): boolean {
    entry.socket.onChange = undefined;
    this.#changed.delete(entry);
    return this.table.remove(entry);
  }

  #enter<K extends SocketKind>(kind: K, owner: bigint, socket: SocketKinds[K]): Entry<K> {
    const entry: Entry<K> = {
      handle: this.table.nextHandle(),
      owner,
      kind,
      socket,
      incoming: new WaitQueue(this.lot),
      outgoing: new WaitQueue(this.lot),
    };
    // Kind and socket belong together by the signature; the union of entries cannot express that.
    const known = entry as unknown as AnyEntry;
    this.table.add(known);
    entry.socket.onChange = () => void this.#changed.add(known);
    return entry;
  }

  #localOf({ ip, port }: SocketAddress): { port: number; address?: number } | undefined {
    if (ip === ANY_IPV4) return { port };
    const address = addressOf(ip);
    return this.#ports.addresses.includes(address) ? { port, address } : undefined;
  }
}

function endWaiting(entry: AnyEntry, reason: GiveUp): void {
  entry.incoming.end(reason);
  entry.outgoing.end(reason);
}

/** An address and port as the stack takes them. */
export function endpointOf({ ip, port }: SocketAddress): Endpoint {
  return { address: addressOf(ip), port };
}

/** An address that came through a request's codec is one. */
function addressOf(ip: string): number {
  const address = parseIpv4(ip);
  assert(address !== undefined, "an address is four decimal octets");
  return address;
}
