/**
 * What keys are for: algorithms and uses, by their numbers in records, ids and frames.
 *
 * @module
 */

/** What a key may be used for. */
export const KEY_USES = ["sign", "decrypt", "agree", "derive"] as const;
/** One of {@linkcode KEY_USES}. */
export type KeyUse = typeof KEY_USES[number];

/** The bit of each use. */
export const USE_BIT: Readonly<Record<KeyUse, number>> = {
  sign: 1,
  decrypt: 2,
  agree: 4,
  derive: 8,
};

/** An algorithm, and what its keys can do at all. */
export interface Algorithm {
  readonly name: AlgorithmName;
  readonly code: number;
  readonly uses: readonly KeyUse[];
  /** Whether others need its public half; otherwise the public value only commits to the secret. */
  readonly asymmetric: boolean;
}

/** Names of all algorithms. */
export const ALGORITHM_NAMES = [
  "ed25519",
  "xchacha20-poly1305",
  "x25519",
  "hkdf-sha256",
] as const;
/** One of {@linkcode ALGORITHM_NAMES}. */
export type AlgorithmName = typeof ALGORITHM_NAMES[number];

/** Every algorithm. A number is never given twice. */
export const ALGORITHMS: Readonly<Record<AlgorithmName, Algorithm>> = {
  "ed25519": { name: "ed25519", code: 1, uses: ["sign"], asymmetric: true },
  "xchacha20-poly1305": {
    name: "xchacha20-poly1305",
    code: 2,
    uses: ["decrypt"],
    asymmetric: false,
  },
  "x25519": { name: "x25519", code: 3, uses: ["agree", "decrypt"], asymmetric: true },
  "hkdf-sha256": { name: "hkdf-sha256", code: 4, uses: ["derive"], asymmetric: false },
};

/** The algorithm of a number; `undefined` for a number that none has. */
export function algorithmOf(code: number): Algorithm | undefined {
  return Object.values(ALGORITHMS).find((algorithm) => algorithm.code === code);
}

/** The bits of all uses that an algorithm has. */
export function usesMask({ uses }: Pick<Algorithm, "uses">): number {
  return uses.reduce((mask, use) => mask | USE_BIT[use], 0);
}

/** The uses in a mask, in their order. */
export function usesOf(mask: number): readonly KeyUse[] {
  return KEY_USES.filter((use) => (mask & USE_BIT[use]) !== 0);
}
