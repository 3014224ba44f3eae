import type { Provocation } from "./protocol.ts";

/** Elements of each array that a hog keeps: they lie on the heap, whose bound it is after. */
const HOARD_LENGTH = 1 << 22;

/** What a daemon was made to throw. */
export class Provoked extends Error {
  override readonly name = "Provoked";
}

/**
 * Makes the isolate that runs this misbehave, to see what the node makes of it.
 *
 * @throws {Provoked} for `throw`; anything else does not return.
 */
export function provoke(how: Provocation): never {
  const hoard: unknown[] = [];
  switch (how) {
    case "throw":
      throw new Provoked("a fault on demand");
    case "loop":
      for (;;);
    case "hog":
      for (;;) hoard.push(new Array(HOARD_LENGTH).fill(hoard.length));
  }
}
