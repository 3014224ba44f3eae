import type { Clock } from "@runtime/core/ports.ts";
import type { Timer } from "@runtime/core/syscalls.ts";
import type { Client } from "@runtime/idl/client.ts";
import { LEVELS, type logdV2 } from "../logd/protocol.ts";
import { type Line, LineBudget } from "./line_budget.ts";
import { type Place, placeText } from "./place.ts";
import { type Cause, type CauseKind, kindOf, type Refusal, type SessionEnd } from "./refusal.ts";

/**
 * Lines about refusals in any second, and about sessions. Apart, so that strangers cannot silence
 * what is said about sessions; together fewer than logd takes from one sender.
 */
export const REFUSAL_LINES_PER_SECOND_MAX = 12;
export const SESSION_LINES_PER_SECOND_MAX = 8;

/** A peer that is not there yet is no incident; a failure of this node's own is a worse one. */
const LEVEL_OF: Readonly<Record<CauseKind, (typeof LEVELS)[number]>> = {
  cut: "warn",
  handshake: "warn",
  session: "warn",
  dial: "info",
  end: "info",
  own: "error",
};

/** What a journal stands on. */
export interface JournalPorts {
  readonly logd: Client<typeof logdV2>;
  readonly clock: Clock;
  /** The journal's own. */
  readonly timer: Timer;
}

/**
 * Counts refusals by cause and names each in logd. A flood does not flood the log: within a second
 * only the first of a cause has its own line, and one line tells how many more there were.
 */
export class BusJournal {
  readonly #ports: JournalPorts;
  readonly #counts = new Map<Cause, number>();
  readonly #refusals = this.#budget(REFUSAL_LINES_PER_SECOND_MAX);
  readonly #sessions = this.#budget(SESSION_LINES_PER_SECOND_MAX);

  constructor(ports: JournalPorts) {
    this.#ports = ports;
  }

  /** How often each cause came up. */
  get counts(): ReadonlyMap<Cause, number> {
    return this.#counts;
  }

  /** Writes what waits for its second to end. Never returns. */
  async run(): Promise<void> {
    const { timer, clock } = this.#ports;
    for (;;) {
      await timer.wait();
      this.#refusals.flush(clock.nowNs());
      this.#sessions.flush(clock.nowNs());
      this.#arm();
    }
  }

  /** A connection was refused, or a dial failed. */
  refused({ reason, peer }: Pick<Refusal, "reason" | "peer">, place: Place): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    const claimed = peer === undefined ? "" : `claimed=${peer}\n`;
    const fields = `${claimed}from=${placeText(place)}\n`;
    this.#add(this.#refusals, { level: levelOf(reason), message: `refused ${reason}`, fields });
  }

  /** A session began. */
  established(deviceId: string): void {
    const fields = `peer=${deviceId}\n`;
    const level = LEVELS.indexOf("info");
    this.#add(this.#sessions, { level, message: "session established", fields });
  }

  /** A session ended. */
  ended(end: SessionEnd, deviceId: string): void {
    const fields = `peer=${deviceId}\n`;
    this.#add(this.#sessions, { level: levelOf(end), message: `session ended ${end}`, fields });
  }

  #add(budget: LineBudget, line: Line): void {
    budget.add(line, this.#ports.clock.nowNs());
    this.#arm();
  }

  #arm(): void {
    const nextNs = Math.min(this.#refusals.nextNs, this.#sessions.nextNs);
    this.#ports.timer.set(nextNs === Infinity ? undefined : nextNs);
  }

  #budget(perSecondMax: number): LineBudget {
    const budget: LineBudget = new LineBudget(
      perSecondMax,
      (line, count) => void this.#append(budget, line, count),
    );
    return budget;
  }

  /** Nobody waits for the answer of logd: the journal is not what decides. */
  async #append(budget: LineBudget, line: Line, count: number): Promise<void> {
    // The fields are those of the newest: one line stands for many peers.
    const message = count === 1 ? line.message : `${line.message} ${count} more, the last`;
    const reply = await this.#ports.logd.append({ ...line, message, scope: "dsoftbusd" });
    if (reply.status !== "rate_limited") return;
    budget.refused(line, count, this.#ports.clock.nowNs());
    this.#arm();
  }
}

function levelOf(cause: Cause): number {
  return LEVELS.indexOf(LEVEL_OF[kindOf(cause)]);
}
