import type { CallerPlace, Join } from "./isolate.ts";
import type { Service } from "../idl/service.ts";

/** A right that was minted, with the protocol that it is for. */
export interface Minted {
  readonly join: Join;
  readonly service: Service;
}

/** A right at its server: which of its endpoints it leads to, under which badge. */
export interface HeldRight {
  readonly endpoint: string;
  readonly badge: number;
}

/** Who may call whom on this node: every right as it was minted last, by its caller. */
export class Rights {
  readonly #byCaller = new Map<string, Map<string, Minted>>();

  /** Remembers a right, in the place of what its key led to before. */
  add(minted: Minted): void {
    const { task, key } = minted.join.caller;
    const own = this.#byCaller.get(task) ?? new Map<string, Minted>();
    own.set(key, minted);
    this.#byCaller.set(task, own);
  }

  /** Rights that lead to a daemon. */
  to(server: string): readonly Minted[] {
    return [...this.#byCaller.values()].flatMap((own) => [...own.values()])
      .filter(({ join }) => join.server.task === server);
  }

  /** Rights of one caller. */
  of(caller: CallerPlace["task"]): readonly Minted[] {
    return [...this.#byCaller.get(caller)?.values() ?? []];
  }

  /** A caller has ended. @returns what it held, by server. */
  drop(caller: string): ReadonlyMap<string, readonly HeldRight[]> {
    const dropped = Map.groupBy(this.of(caller), ({ join }) => join.server.task);
    this.#byCaller.delete(caller);
    const held = [...dropped].map(([server, minted]) => {
      const rights = minted.map(({ join: { server: { endpoint }, badge } }) => ({
        endpoint,
        badge,
      }));
      return [server, rights] as const;
    });
    return new Map(held);
  }
}
