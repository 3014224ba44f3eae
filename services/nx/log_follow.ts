import { type AskPage, type LogRecord, PAGE_RECORDS } from "./log_pages.ts";

/** Pages of one poll, at most. */
export const POLL_PAGES_MAX = 64;

/** What a follower does with what it hears. Each says whether it is heard still. */
export interface FollowerPorts {
  readonly ask: AskPage;
  /** Every record once, in order. */
  readonly record: (record: LogRecord) => boolean;
  /** So many records were let go between two polls. */
  readonly lost: (count: number) => boolean;
  /** The ring began anew: its records count from 1 again. */
  readonly restarted: () => boolean;
}

/** Follows one ring from a record on. It asks for everything: else a loss would be no loss to it. */
export class LogFollower {
  readonly #ports: FollowerPorts;
  readonly #ring: number;
  #afterId: bigint;

  constructor(ports: FollowerPorts, ring: number, afterId: bigint) {
    this.#ports = ports;
    this.#ring = ring;
    this.#afterId = afterId;
  }

  /**
   * Takes what is new.
   *
   * Up to what was there when the poll began: in the audit ring each page is a decision of its own.
   *
   * @returns Whether anybody hears it still.
   */
  async poll(): Promise<boolean> {
    let end: bigint | undefined;
    for (let page = 0; page < POLL_PAGES_MAX; page++) {
      const afterId = this.#afterId;
      const asked = { ring: this.#ring, afterId, countMax: PAGE_RECORDS, scope: "" };
      const { total, lastId, records } = await this.#ports.ask(asked);
      if (total < afterId) {
        this.#afterId = 0n;
        if (!this.#ports.restarted()) return false;
        continue;
      }
      end ??= total;
      if (!records.every((record) => this.#take(record))) return false;
      if (lastId <= afterId || lastId >= end) return true;
    }
    return true;
  }

  #take(record: LogRecord): boolean {
    const lost = record.recordId - this.#afterId - 1n;
    if (lost < 0n) return true;
    this.#afterId = record.recordId;
    if (lost > 0n && !this.#ports.lost(Number(lost))) return false;
    return this.#ports.record(record);
  }
}
