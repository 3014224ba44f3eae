import type { Clock } from "@runtime/core/ports.ts";
import { pingDenied, pongs } from "./channel_services.ts";
import { type PeerReply, PING, type Session } from "./session.ts";

/** What to send. */
export interface PingPlan {
  readonly count: number;
  /** Payload behind the word, in bytes. */
  readonly size: number;
  /** Pings on their way together. */
  readonly window: number;
  /** Absolute: no ping is sent after it. */
  readonly deadlineNs: number;
}

/** Times of the pings that came back. */
export interface PingTimes {
  readonly count: number;
  readonly minNs: bigint;
  readonly meanNs: bigint;
  readonly maxNs: bigint;
  readonly totalNs: bigint;
}

/** How a series ends that does not come to its end. */
export type PingFailure = "closed" | "peer_denied" | "timed_out" | "limit";

/**
 * Sends pings and measures them. A reply that is neither a pong nor a refusal ends the session.
 */
export async function ping(
  session: Session,
  clock: Clock,
  plan: PingPlan,
): Promise<PingTimes | PingFailure> {
  const request = new Uint8Array(PING.length + plan.size);
  request.set(PING);
  const times = new Tally();
  const startNs = clock.nowNs();
  const inFlight: { readonly sentNs: number; readonly reply: Promise<PeerReply> }[] = [];
  for (let sent = 0; sent < plan.count || inFlight.length > 0;) {
    while (sent < plan.count && inFlight.length < plan.window) {
      inFlight.push({ sentNs: clock.nowNs(), reply: session.request(request) });
      sent += 1;
    }
    const first = inFlight.shift();
    if (first === undefined) break;
    const failure = failed(session, request.length, await first.reply);
    if (failure !== undefined) return failure;
    const nowNs = clock.nowNs();
    times.add(nowNs - first.sentNs);
    if (nowNs >= plan.deadlineNs && sent < plan.count) return "timed_out";
  }
  return times.over(clock.nowNs() - startNs);
}

function failed(session: Session, length: number, reply: PeerReply): PingFailure | undefined {
  if (!(reply instanceof Uint8Array)) return reply.ended === "requests_limit" ? "limit" : "closed";
  if (pongs(reply) && reply.length === length) return undefined;
  if (pingDenied(reply)) return "peer_denied";
  session.end("reply_malformed");
  return "closed";
}

class Tally {
  #count = 0;
  #sumNs = 0;
  #minNs = Number.POSITIVE_INFINITY;
  #maxNs = 0;

  add(ns: number): void {
    this.#count += 1;
    this.#sumNs += ns;
    this.#minNs = Math.min(this.#minNs, ns);
    this.#maxNs = Math.max(this.#maxNs, ns);
  }

  /** There is at least one. */
  over(totalNs: number): PingTimes {
    return {
      count: this.#count,
      minNs: BigInt(this.#minNs),
      meanNs: BigInt(Math.round(this.#sumNs / this.#count)),
      maxNs: BigInt(this.#maxNs),
      totalNs: BigInt(totalNs),
    };
  }
}
