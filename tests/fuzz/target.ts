/**
 * A fuzz target: a file `tests/fuzz/<meaning>_fuzz.ts` that exports these by name.
 *
 * A seed makes everything the target does: the same seed fails the same way on every machine.
 */
export interface FuzzTarget {
  /** Also the folder of its corpus, `tests/fuzz/corpus/<name>`. */
  readonly name: string;
  /** Builds one case from a seed (32 bits) and throws when an invariant does not hold. */
  fuzz(seed: number): void | Promise<void>;
  /** Runs one file of the corpus; for targets whose input is bytes. */
  replay?(bytes: Uint8Array): void | Promise<void>;
}
