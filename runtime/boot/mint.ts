import type { Wires } from "../core/ports.ts";
import { RING_MEMORY_LENGTH } from "../kernel/ring.ts";
import { bulkBetween } from "./bulk.ts";
import { ENDPOINT_DEPTH_MAX } from "../kernel/endpoint.ts";
import type { RightMove } from "../kernel/crossing.ts";
import type { CallerPlace, CallerWires, Crossing, EndpointPlace, Isolate } from "./isolate.ts";

/** Rights between isolates that a node may have at a time. */
export const CROSSING_RIGHTS_MAX = 4096;

/** A task and the isolate that it lives in. */
export interface TaskPlace {
  readonly isolate: Isolate;
  readonly task: string;
}

/** One right that crosses isolates: who sends, and who receives. */
interface Right {
  readonly holder: TaskPlace;
  readonly home: TaskPlace;
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
  #lastId = 0;

  constructor(wires: Wires) {
    this.#wires = wires;
  }

  /** Lets the server's isolate in, and returns what the caller's is to be given. */
  mintCall({ caller, server, badge, depth }: CallRequest): CallerWires {
    const calling = { isolate: caller.isolate, task: caller.place.task };
    const serving = { isolate: server.isolate, task: server.place.task };
    const [requests, requestsIn] = this.#mint(calling, serving);
    const [replies, repliesIn] = this.#mint(serving, calling);
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
   * @returns false when the isolate may not: the right over which it travels is not its own, or it
   *   names what no kernel would.
   */
  move(from: Isolate, { via, ticket, exported, depth }: RightMove): boolean {
    const way = this.#rights.get(via);
    const deep = Number.isInteger(depth) && depth >= 1 && depth <= ENDPOINT_DEPTH_MAX;
    if (way === undefined || way.holder.isolate !== from || !deep) return false;
    if (this.#rights.size >= CROSSING_RIGHTS_MAX) return false;
    const [out, into] = this.#mint(way.home, way.holder);
    from.letInExported({ exported, sender: way.home.task, requests: into });
    way.home.isolate.arrive({ via, ticket, window: depth, requests: out });
    return true;
  }

  /** Nobody sends or receives over it any more. */
  ended(id: number): void {
    this.#rights.delete(id);
  }

  /** A task is gone: whoever is at the other end of its rights is told. */
  sever(gone: (place: TaskPlace) => boolean): void {
    const told = new Map<Isolate, number[]>();
    for (const [id, { holder, home }] of this.#rights) {
      const [holds, serves] = [gone(holder), gone(home)];
      if (!holds && !serves) continue;
      this.#rights.delete(id);
      const left = holds ? home : holder;
      told.set(left.isolate, [...told.get(left.isolate) ?? [], id]);
    }
    for (const [isolate, ids] of told) isolate.sever(ids);
  }

  #mint(holder: TaskPlace, home: TaskPlace): readonly [Crossing, Crossing] {
    const id = ++this.#lastId;
    const bulk = bulkBetween(holder.task, home.task);
    const [out, into] = this.#wires.pair(bulk ? RING_MEMORY_LENGTH : 0);
    this.#rights.set(id, { holder, home });
    return [{ id, end: out }, { id, end: into }];
  }
}
