import { fnv1a64 } from "../core/fnv.ts";
import type { Principal } from "../core/syscalls.ts";

/** Longest principal name, in bytes: upstream's bound for a service name. */
export const PRINCIPAL_NAME_LENGTH_MAX = 48;

/** Principals that one kernel knows at most. */
export const PRINCIPALS_MAX = 1024;

/** Why a name cannot become a principal. */
export type PrincipalRefusal = "name_invalid" | "name_taken" | "sid_collision" | "too_many";

/** The principal of a name that the boot has registered. */
export function principalNamed(name: string): Principal {
  return Object.freeze({ sid: fnv1a64(name), name });
}

const NAME = /^[a-z][a-z0-9.:_-]*$/;

/**
 * Every principal that was ever spawned, by name and by sid.
 *
 * The sid is a 64-bit hash of the name and not collision-resistant, so a second name with the sid of
 * a first is refused: within one node a sid stands for one name.
 */
export class PrincipalRegistry {
  readonly #byName = new Map<string, Principal>();
  readonly #bySid = new Map<bigint, Principal>();
  readonly #hash: (name: string) => bigint;

  /** @param hash How a name becomes a sid; tests pass one that collides. */
  constructor(hash: (name: string) => bigint = fnv1a64) {
    this.#hash = hash;
  }

  register(name: string): Principal | PrincipalRefusal {
    if (!NAME.test(name) || name.length > PRINCIPAL_NAME_LENGTH_MAX) return "name_invalid";
    if (this.#byName.has(name)) return "name_taken";
    if (this.#byName.size === PRINCIPALS_MAX) return "too_many";
    const sid = this.#hash(name);
    if (sid === 0n || this.#bySid.has(sid)) return "sid_collision";
    const principal: Principal = Object.freeze({ sid, name });
    this.#byName.set(name, principal);
    this.#bySid.set(sid, principal);
    return principal;
  }

  /**
   * The principal of a task that ended, for its successor: the same name, the same sid. Whoever is not
   * that task's successor gets nothing: the name stays taken.
   */
  succeed(name: string, predecessor: { readonly self: Principal; readonly exited: boolean }):
    | Principal
    | PrincipalRefusal {
    const known = this.#byName.get(name);
    return predecessor.exited && known === predecessor.self ? known : "name_taken";
  }

  byName(name: string): Principal | undefined {
    return this.#byName.get(name);
  }

  bySid(sid: bigint): Principal | undefined {
    return this.#bySid.get(sid);
  }
}
