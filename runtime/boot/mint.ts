import type { Wires } from "../core/ports.ts";
import { RING_MEMORY_LENGTH } from "../kernel/ring.ts";
import { bulkBetween } from "./bulk.ts";
import { ENDPOINT_DEPTH_MAX } from "../kernel/endpoint.ts";
import { type RightMove, RIGHTS_EXPORTED_MAX } from "../kernel/crossing.ts";
import type { CallerPlace, CallerWires, Crossing, EndpointPlace, Isolate } from "./isolate.ts";

/** Rights between isolates that a node may have at a time. */
export const CROSSING_RIGHTS_MAX = 4096;

/** A task and the isolate that it lives in. */
export interface TaskPlace {
  readonly isolate: Isolate;
  readonly task: string;
}

/**
 * Rights that left one isolate with messages and are held still. Its kernel lets fewer leave; some may
 * have ended without the boot having heard of it yet.
 */
const MOVED_PER_ISOLATE_MAX = 2 * RIGHTS_EXPORTED_MAX;

/** One right that crosses isolates: who sends, and who receives. */
interface Right {
  readonly holder: TaskPlace;
  readonly home: TaskPlace;
  /** It came with a message. */
  readonly moved: boolean;
}

/** A right to call, as it is asked for. */
export interface CallRequest {
  readonly caller: { readonly isolate: Isolate; readonly place: CallerPlace };
  readonly server: { readonly isolate: Isolate; readonly place: EndpointPlace };
  readonly badge: number;
  /** Messages that may wait at the endpoint. */
  readonly depth: number;
}

/**
 * Every right whose holder and whose endpoint live in different isolates. The boot alone mints wires,
 * so this table is what decides who may send where, and under whose name.
 */
export class Mint {
  readonly #wires: Wires;
  readonly #rights = new Map<number, Right>();
  /** How many of them left an isolate with messages. */
  readonly #moved = new WeakMap<Isolate, number>();
  #lastId = 0;

  constructor(wires: Wires) {
    this.#wires = wires;
  }

  /** Lets the server's isolate in, and returns what the caller's is to be given. */
  mintCall({ caller, server, badge, depth }: CallRequest): CallerWires {
    const calling = { isolate: caller.isolate, task: caller.place.task };
    const serving = { isolate: server.isolate, task: server.place.task };
    const [requests, requestsIn] = this.#mint(calling, serving, false);
    const [replies, repliesIn] = this.#mint(serving, calling, false);
    server.isolate.letIn({
      server: server.place,
      caller: calling.task,
      badge,
      requests: requestsIn,
      replies,
    });
    return {
      caller: caller.place,
      server: serving.task,
      window: depth,
      requests,
      replies: repliesIn,
    };
  }

  /**
   * Mints a send right anew for whom it travels to.
   *
   * A right over which it travels may have ended meanwhile: then nothing arrives.
   *
   * @returns false when the isolate may not: the right over which it travels is not its own, or it
   *   names what no kernel would, or more than one lets leave.
   */
  move(from: Isolate, { via, ticket, exported, depth }: RightMove): boolean {
    const way = this.#rights.get(via);
    const deep = Number.isInteger(depth) && depth >= 1 && depth <= ENDPOINT_DEPTH_MAX;
    if (way === undefined) return deep && this.#wasMinted(via);
    if (way.holder.isolate !== from || !deep || !this.#hasRoom(from)) return false;
    const [out, into] = this.#mint(way.home, way.holder, true);
    from.letInExported({ exported, sender: way.home.task, requests: into });
    way.home.isolate.arrive({ via, ticket, window: depth, requests: out });
    return true;
  }

  /**
   * An isolate says that nothing goes over a right any more. It is told when no move over it, from
   * before, is still to come.
   *
   * @returns false when the right is not its own.
   */
  ended(from: Isolate, id: number): boolean {
    const right = this.#rights.get(id);
    if (right === undefined && !this.#wasMinted(id)) return false;
    if (right !== undefined) {
      if (right.holder.isolate !== from && right.home.isolate !== from) return false;
      this.#drop(id, right);
    }
    from.forget(id);
    return true;
  }

  /**
   * An isolate says that the other end of a right broke the rules. Whom to believe is not known, and to
   * end whoever is accused would be a weapon: the two hear no more of each other over it.
   *
   * @returns false when the right is not its own.
   */
  violated(from: Isolate, id: number): boolean {
    const right = this.#rights.get(id);
    if (right === undefined) return this.#wasMinted(id);
    if (right.home.isolate !== from) return false;
    this.#drop(id, right);
    right.holder.isolate.sever([id]);
    return true;
  }

  /** A task is gone: whoever is at the other end of its rights is told. */
  sever(gone: (place: TaskPlace) => boolean): void {
    const told = new Map<Isolate, number[]>();
    for (const [id, right] of this.#rights) {
      const { holder, home } = right;
      const [holds, serves] = [gone(holder), gone(home)];
      if (!holds && !serves) continue;
      this.#drop(id, right);
      const left = holds ? home : holder;
      told.set(left.isolate, [...told.get(left.isolate) ?? [], id]);
    }
    for (const [isolate, ids] of told) isolate.sever(ids);
  }

  #wasMinted(id: number): boolean {
    return id >= 1 && id <= this.#lastId;
  }

  #hasRoom(from: Isolate): boolean {
    const moved = this.#moved.get(from) ?? 0;
    return moved < MOVED_PER_ISOLATE_MAX && this.#rights.size < CROSSING_RIGHTS_MAX;
  }

  #count({ home: { isolate }, moved }: Right, change: 1 | -1): void {
    if (moved) this.#moved.set(isolate, (this.#moved.get(isolate) ?? 0) + change);
  }

  #drop(id: number, right: Right): void {
    this.#rights.delete(id);
    this.#count(right, -1);
  }

  #mint(holder: TaskPlace, home: TaskPlace, moved: boolean): readonly [Crossing, Crossing] {
    const id = ++this.#lastId;
    const bulk = bulkBetween(holder.task, home.task);
    const [out, into] = this.#wires.pair(bulk ? RING_MEMORY_LENGTH : 0);
    const right = { holder, home, moved };
    this.#rights.set(id, right);
    this.#count(right, 1);
    return [{ id, end: out }, { id, end: into }];
  }
}
