import { WARNING_WINDOW_NS } from "./quota.ts";

/** Owners whose last line is remembered; of more, the oldest is forgotten. */
const TOLD_MAX = 4_096;

const SUBJECT = "subject:";

/** An owner as a console may show it: some daemon or application chose the name. */
export function shownOwner(owner: string): string {
  const name = owner.startsWith(SUBJECT) ? owner.slice(SUBJECT.length) : owner;
  const shown = name.toLowerCase().replace(/[^a-z0-9.:_-]/g, "_");
  return /^[a-z]/.test(shown) ? shown : `x${shown}`;
}

/** Lets a line about an owner through once in a window: a console is no place for a flood. */
export class OncePerOwner {
  readonly #toldNs = new Map<string, number>();

  /** Whether it is time for a line. */
  take(owner: string, nowNs: number): boolean {
    const told = this.#toldNs.get(owner);
    if (told !== undefined && nowNs - told < WARNING_WINDOW_NS) return false;
    this.#toldNs.delete(owner);
    this.#toldNs.set(owner, nowNs);
    const [oldest] = this.#toldNs.keys();
    if (this.#toldNs.size > TOLD_MAX && oldest !== undefined) this.#toldNs.delete(oldest);
    return true;
  }
}
