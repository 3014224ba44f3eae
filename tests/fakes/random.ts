/**
 * Numbers from a seed, for tests that try many things in an order that a failure can name.
 *
 * @returns what picks an integer 0..below-1.
 */
export function choices(seed: number): (below: number) => number {
  let state = (seed * 0x9e3779b9) >>> 0 || 1;
  return (below) => {
    // xorshift32: good enough to vary a test, and the same everywhere.
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}
