import { assert } from "../core/assert.ts";

/** Where an implementation comes from. `noble` is the reference and is always there. */
export type ProviderName = "native" | "own" | "noble";

/** One implementation of a primitive. */
export interface Candidate<T> {
  readonly name: ProviderName;
  readonly implementation: T;
}

/**
 * Chooses one of several implementations of a primitive, once, at its first use: the first candidate
 * that passes the self-test. A candidate that throws in it has failed it.
 */
export class Provider<T> {
  readonly primitive: string;
  readonly #candidates: readonly Candidate<T>[];
  readonly #works: (implementation: T) => boolean;
  #chosen: Candidate<T> | undefined;

  /**
   * @param primitive Its name, as {@linkcode Provider} is listed under.
   * @param candidates Fastest first.
   * @param works Compares the implementation with known answers.
   */
  constructor(
    primitive: string,
    candidates: readonly Candidate<T>[],
    works: (implementation: T) => boolean,
  ) {
    this.primitive = primitive;
    this.#candidates = candidates;
    this.#works = works;
  }

  /** The implementation in use. */
  get use(): T {
    return (this.#chosen ??= this.#choose()).implementation;
  }

  /** Which one that is. */
  get name(): ProviderName {
    return (this.#chosen ??= this.#choose()).name;
  }

  /** Names of all candidates, fastest first. */
  get names(): readonly ProviderName[] {
    return this.#candidates.map((candidate) => candidate.name);
  }

  /** Uses the named candidate from now on; `undefined` chooses by self-test again. */
  force(name: ProviderName | undefined): void {
    const forced = this.#candidates.find((candidate) => candidate.name === name);
    assert(name === undefined || forced !== undefined, "a forced provider exists");
    this.#chosen = forced;
  }

  #choose(): Candidate<T> {
    for (const candidate of this.#candidates) {
      if (this.#passes(candidate)) return candidate;
    }
    assert(false, "one implementation of each primitive passes its self-test");
  }

  #passes(candidate: Candidate<T>): boolean {
    try {
      return this.#works(candidate.implementation);
    } catch {
      return false;
    }
  }
}
