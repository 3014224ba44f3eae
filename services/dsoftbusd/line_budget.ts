/** How long one line of a message speaks for all like it, and over which time a budget counts. */
const SECOND_NS = 1e9;

/** One line of the journal. */
export interface Line {
  readonly level: number;
  /** Lines with the same message are counted together: few are possible. */
  readonly message: string;
  readonly fields: string;
}

/** A message that was written less than a second ago, or waits to be. */
interface Held {
  /** The newest that was not written. */
  line: Line;
  /** How many were not written. */
  more: number;
  /** When the next line of this message may be written. */
  readonly dueNs: number;
}

/**
 * Writes at most so many lines in any second and loses none: the first of a message at once, further
 * ones within the second as one line that counts them, and what has no room when there is.
 */
export class LineBudget {
  readonly #perSecondMax: number;
  readonly #write: (line: Line, count: number) => void;
  /** In order of their turns. */
  readonly #held = new Map<string, Held>();
  /** When the newest lines were written, oldest first. */
  readonly #writtenNs: number[] = [];

  /** @param write Gets the newest line of a message and how many it stands for. */
  constructor(perSecondMax: number, write: (line: Line, count: number) => void) {
    this.#perSecondMax = perSecondMax;
    this.#write = write;
  }

  /** When {@linkcode flush} has something to write; `Infinity` while nothing waits. */
  get nextNs(): number {
    let nextNs = Infinity;
    for (const { more, dueNs } of this.#held.values()) {
      if (more > 0) nextNs = Math.min(nextNs, dueNs);
    }
    return Math.max(nextNs, this.#roomNs);
  }

  add(line: Line, nowNs: number): void {
    this.#count(line, 1, nowNs);
    this.flush(nowNs);
  }

  /** What was written was not kept: it waits a second and is counted then. */
  refused(line: Line, count: number, nowNs: number): void {
    this.#count(line, count, nowNs + SECOND_NS);
  }

  /** Writes what is due, as far as there is room. */
  flush(nowNs: number): void {
    for (const [message, { line, more, dueNs }] of [...this.#held]) {
      if (dueNs > nowNs) continue;
      if (more > 0 && this.#roomNs > nowNs) continue;
      this.#held.delete(message);
      if (more === 0) continue;
      this.#held.set(message, { line, more: 0, dueNs: nowNs + SECOND_NS });
      this.#writtenNs.push(nowNs);
      if (this.#writtenNs.length > this.#perSecondMax) this.#writtenNs.shift();
      this.#write(line, more);
    }
  }

  /** When one more line has room. */
  get #roomNs(): number {
    const oldestNs = this.#writtenNs[0];
    const full = this.#writtenNs.length >= this.#perSecondMax;
    return full && oldestNs !== undefined ? oldestNs + SECOND_NS : 0;
  }

  #count(line: Line, count: number, dueNs: number): void {
    const held = this.#held.get(line.message);
    if (held === undefined) this.#held.set(line.message, { line, more: count, dueNs });
    else {
      held.line = line;
      held.more += count;
    }
  }
}
