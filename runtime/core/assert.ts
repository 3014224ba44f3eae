/** A bug in this program. It faults the task that hits it; callers see `gone`. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * States what must be true here. A failure is a bug, never bad input.
 *
 * @param claim The sentence that should hold; it must not contain bytes of any frame or key.
 * @throws {InvariantError} when it does not.
 */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new InvariantError(`Invariant broken: ${claim}`);
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(_value: never, claim: string): never {
  throw new InvariantError(`Invariant broken: ${claim}`);
}
