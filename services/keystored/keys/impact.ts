import { type AlgorithmName, type KeyUse, USE_BIT } from "../client/algorithm.ts";
import { conditionOf, type KeyOperation, lifeAfter, LIFECYCLE } from "../client/lifecycle.ts";
import type { KeyFacts } from "./key_record.ts";

/** A use of one version. */
export interface VersionUse {
  readonly operation: KeyOperation;
  readonly version: number;
}

interface UseRule {
  readonly algorithm: AlgorithmName;
  /** `undefined`: it takes no secret. */
  readonly use: KeyUse | undefined;
  /** Which of the key's least versions holds. */
  readonly least: "minSign" | "minOpen" | "minVerify";
}

/** What is done with a version, and what for that must be so beside the key's condition. */
export const VERSION_USES = {
  sign: { algorithm: "ed25519", use: "sign", least: "minSign" },
  verify: { algorithm: "ed25519", use: undefined, least: "minVerify" },
  seal: { algorithm: "xchacha20-poly1305", use: "decrypt", least: "minSign" },
  unseal: { algorithm: "xchacha20-poly1305", use: "decrypt", least: "minOpen" },
  rewrap: { algorithm: "xchacha20-poly1305", use: "decrypt", least: "minOpen" },
  agree: { algorithm: "x25519", use: "agree", least: "minSign" },
  derive: { algorithm: "hkdf-sha256", use: "derive", least: "minOpen" },
  openFrom: { algorithm: "x25519", use: "decrypt", least: "minOpen" },
} as const satisfies Readonly<Partial<Record<KeyOperation, UseRule>>>;
export type VersionOperation = keyof typeof VERSION_USES;

/** Every use that works at a time. A limit that is reached ends those that take the secret. */
export function usesAt(facts: KeyFacts, nowMs: bigint): readonly VersionUse[] {
  const { state, expiresMs, used, usesMax } = facts;
  if (state === "destroyed") return [];
  const usedUp = usesMax > 0n && used >= usesMax;
  const condition = conditionOf(state, expiresMs > 0n && nowMs >= expiresMs);
  const works = (operation: VersionOperation, version: number) => {
    const rule: UseRule = VERSION_USES[operation];
    return LIFECYCLE[operation][condition] === "ok" && rule.algorithm === facts.algorithm &&
      (rule.use === undefined || !usedUp && (facts.uses & USE_BIT[rule.use]) !== 0) &&
      version >= facts[rule.least];
  };
  const operations = Object.keys(VERSION_USES) as VersionOperation[]; // its own keys
  return operations.flatMap((operation) =>
    facts.versions.filter(({ version }) => works(operation, version))
      .map(({ version }) => ({ operation, version }))
  );
}

/** A key's facts after a change that the table allows. @param keep Of `trim`. */
export function factsAfter(
  facts: KeyFacts,
  action: KeyOperation,
  keep: number,
): KeyFacts {
  const life = lifeAfter(facts, action);
  const newest = facts.versions.at(-1)?.version ?? 0;
  if (action === "rotate") return { ...facts, ...life, minSign: newest + 1 };
  if (action === "trim") return { ...facts, ...life, versions: facts.versions.slice(-keep) };
  return { ...facts, ...life };
}

/** What a change would end. */
export function endsOf(
  facts: KeyFacts,
  { action, keep, nowMs }: {
    readonly action: KeyOperation;
    readonly keep: number;
    readonly nowMs: bigint;
  },
): readonly VersionUse[] {
  const after = usesAt(factsAfter(facts, action, keep), nowMs);
  return usesAt(facts, nowMs).filter((one) =>
    !after.some((other) => other.operation === one.operation && other.version === one.version)
  );
}
