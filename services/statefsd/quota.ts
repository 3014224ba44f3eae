import { WireError } from "@runtime/core/error.ts";
import type { Clock } from "@runtime/core/ports.ts";
import { decodeQuotaLimits, type QuotaLimits } from "./quota_limits.ts";
import { chargeOf, type Growths, isApp, limitsOwner, namesOwner, ownersOf } from "./quota_owner.ts";
import type { StoredValue } from "./value_index.ts";

/** An owner above its soft limit is warned of once in this time. */
export const WARNING_WINDOW_NS = 60e9;
/** Owners whose last warning is remembered; of more, the oldest is forgotten. */
const WARNED_MAX = 4096;

/** What an owner takes, and may take, in bytes of the log. */
export interface QuotaUsage extends QuotaLimits {
  /** `subject:<name>` or `app:<id>`. */
  readonly owner: string;
  readonly used: number;
}

/** An owner in a list. */
export interface ListedUsage extends QuotaUsage {
  /** Whether it has limits of its own; otherwise the defaults hold. */
  readonly own: boolean;
}

/** A write that would take an owner above its hard limit. Nothing of it was written. */
export interface QuotaExcess {
  readonly status: "quota_exceeded";
  readonly owner: string;
  /** Without the write. */
  readonly used: number;
  readonly limit: number;
}

/** An owner that grew, above its soft limit. */
export type QuotaWarning = Pick<QuotaUsage, "owner" | "used" | "soft">;

/** What holds for an owner without limits of its own, and who hears of warnings. */
export interface QuotaPorts {
  readonly subjects: QuotaLimits;
  readonly apps: QuotaLimits;
  readonly clock: Pick<Clock, "nowNs">;
  /** Called once an owner and window; must not throw. */
  warned(warning: QuotaWarning): void;
}

const UNLIMITED: QuotaLimits = { soft: Infinity, hard: Infinity };

/** For a store that nobody gave limits. */
export const NO_QUOTAS: QuotaPorts = {
  subjects: UNLIMITED,
  apps: UNLIMITED,
  clock: { nowNs: () => 0 },
  warned: () => {},
};

/** The payload of a value, or `undefined` when it does not open. */
export type OpenPayload = (key: string, value: StoredValue) => Uint8Array | undefined;

/**
 * What each owner takes, and may take. It follows from the live values alone, so that a replay makes
 * the same ledger.
 */
export class QuotaLedger {
  readonly #ports: QuotaPorts;
  readonly #open: OpenPayload;
  readonly #used = new Map<string, number>();
  readonly #limits = new Map<string, QuotaLimits>();
  /** Paths whose value names no owner or no limits: defaults hold. */
  readonly #malformed = new Set<string>();
  readonly #warnedNs = new Map<string, number>();

  constructor(
    ports: QuotaPorts,
    open: OpenPayload,
    values: Iterable<readonly [string, StoredValue]>,
  ) {
    this.#ports = ports;
    this.#open = open;
    for (const [key, value] of values) this.change(key, undefined, value);
  }

  /** Values under the folder of limits that are none. */
  get malformed(): number {
    return this.#malformed.size;
  }

  usage(owner: string): QuotaUsage {
    return { owner, used: this.#used.get(owner) ?? 0, ...this.#limitsOf(owner) };
  }

  /** Each owner that takes something or has limits of its own, in order. */
  list(): readonly ListedUsage[] {
    const owners = new Set([...this.#used.keys(), ...this.#limits.keys()]);
    return [...owners].sort().map((owner) => ({
      ...this.usage(owner),
      own: this.#limits.has(owner),
    }));
  }

  /**
   * The first owner that a write would take above its hard limit. What does not grow is never above
   * it.
   *
   * @param pending Growth by writes that are not safe yet.
   */
  excess(growths: Growths, pending: Growths): QuotaExcess | undefined {
    for (const [owner, { total, refusable }] of growths) {
      const { used: safe, hard } = this.usage(owner);
      const used = safe + (pending.get(owner)?.total ?? 0);
      if (total <= 0 || refusable <= 0 || used + total <= hard) continue;
      return { status: "quota_exceeded", owner, used, limit: hard };
    }
    return undefined;
  }

  /** Takes note that the value of a key is another, or none, on the disk. */
  change(key: string, before: StoredValue | undefined, after: StoredValue | undefined): void {
    for (const owner of ownersOf(key, before)) this.#charge(owner, -chargeOf(key, before));
    for (const owner of ownersOf(key, after)) this.#charge(owner, chargeOf(key, after));
    const owner = limitsOwner(key);
    if (owner !== undefined) this.#limit(key, owner, after);
  }

  /** Warns of owners that grew. */
  grew(growths: Growths): void {
    for (const [owner, { total }] of growths) {
      const { used, soft } = this.usage(owner);
      if (total > 0 && used > soft && this.#mayWarn(owner)) {
        this.#ports.warned({ owner, used, soft });
      }
    }
  }

  #charge(owner: string, bytes: number): void {
    const used = (this.#used.get(owner) ?? 0) + bytes;
    if (used === 0) this.#used.delete(owner);
    else this.#used.set(owner, used);
  }

  #limit(key: string, owner: string, value: StoredValue | undefined): void {
    this.#limits.delete(owner);
    this.#malformed.delete(key);
    if (value === undefined) return;
    const limits = this.#decoded(key, owner, value);
    if (limits === undefined) this.#malformed.add(key);
    else this.#limits.set(owner, limits);
  }

  #decoded(key: string, owner: string, value: StoredValue): QuotaLimits | undefined {
    if (!namesOwner(owner) || value.fault !== undefined) return undefined;
    const payload = this.#open(key, value);
    if (payload === undefined) return undefined;
    try {
      return decodeQuotaLimits(payload);
    } catch (error) {
      if (error instanceof WireError) return undefined;
      throw error;
    }
  }

  #limitsOf(owner: string): QuotaLimits {
    return this.#limits.get(owner) ?? (isApp(owner) ? this.#ports.apps : this.#ports.subjects);
  }

  #mayWarn(owner: string): boolean {
    const nowNs = this.#ports.clock.nowNs();
    const warnedNs = this.#warnedNs.get(owner);
    if (warnedNs !== undefined && nowNs - warnedNs < WARNING_WINDOW_NS) return false;
    // Last again in the table's order, which is that of the warnings.
    this.#warnedNs.delete(owner);
    this.#warnedNs.set(owner, nowNs);
    const [oldest] = this.#warnedNs.keys();
    if (this.#warnedNs.size > WARNED_MAX && oldest !== undefined) this.#warnedNs.delete(oldest);
    return true;
  }
}
