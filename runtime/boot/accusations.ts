/**
 * When replies that do not parse count against the server that sent them.
 *
 * The reports come from the clients that the boot made, but a hostile daemon can provoke one: its send
 * right is its own, so it can send a request of another operation under the nonce of a call and read
 * the reply to the one as the reply to the other. A server is therefore found guilty only when two of
 * its callers report it, or all when it has fewer: a daemon alone can accuse none but one that serves
 * nobody else.
 *
 * @module
 */

/** Replies that did not parse, of one caller within {@linkcode GARBLED_WINDOW_MS}, that make a report. */
export const GARBLED_REPLIES_MAX = 3;
export const GARBLED_WINDOW_MS = 10_000;
/** Callers whose reports it takes where there are so many. */
export const GARBLED_CALLERS = 2;

const NS_PER_MS = 1e6;

/** Replies of each server that did not parse, by who got them. */
export class Accusations {
  /** Server, then caller, then when; the newest last. */
  readonly #heard = new Map<string, Map<string, number[]>>();

  /**
   * A caller got a reply that does not parse.
   *
   * @param callers How many daemons hold a right to the server.
   * @returns whether the server is taken to be broken now; what was heard of it is then forgotten.
   */
  add(
    { caller, server }: { readonly caller: string; readonly server: string },
    { callers, nowNs }: { readonly callers: number; readonly nowNs: number },
  ): boolean {
    const heard = this.#heard.get(server) ?? new Map<string, number[]>();
    this.#heard.set(server, heard);
    const times = heard.get(caller) ?? [];
    heard.set(caller, times);
    times.push(nowNs);
    if (times.length > GARBLED_REPLIES_MAX) times.shift();
    const fromNs = nowNs - GARBLED_WINDOW_MS * NS_PER_MS;
    const reports = [...heard.values()].filter((those) =>
      those.length === GARBLED_REPLIES_MAX && (those[0] ?? 0) >= fromNs
    );
    if (reports.length < Math.min(GARBLED_CALLERS, Math.max(1, callers))) return false;
    this.#heard.delete(server);
    return true;
  }

  /** A server has ended: its successor starts without a word against it. */
  forget(server: string): void {
    this.#heard.delete(server);
  }
}
