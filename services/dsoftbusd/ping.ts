import type { Clock } from "@runtime/core/ports.ts";
import { pongs } from "./channel_services.ts";
import { type PeerReply, PING, type Session } from "./session.ts";

/** What to send. */
export interface PingPlan {
  readonly count: number;
  /** Payload behind the word, in bytes. */
  readonly size: number;
  /** Pings on their way together. */
  readonly window: number;
}

/** Times of the pings that came back. */
export interface PingTimes {
  readonly count: number;
  readonly minNs: bigint;
  readonly meanNs: bigint;
  readonly maxNs: bigint;
  readonly totalNs: bigint;
}

/** Sends pings and measures them. Ends early at a denial or when the session ends. */
export async function ping(
  session: Session,
  clock: Clock,
  plan: PingPlan,
): Promise<PingTimes | "closed" | "peer_denied"> {
  const request = new Uint8Array(PING.length + plan.size);
  request.set(PING);
  const took: number[] = [];
  const startNs = clock.nowNs();
  const inFlight: { readonly sentNs: number; readonly reply: Promise<PeerReply> }[] = [];
  for (let sent = 0; sent < plan.count || inFlight.length > 0;) {
    while (sent < plan.count && inFlight.length < plan.window) {
      inFlight.push({ sentNs: clock.nowNs(), reply: session.request(request) });
      sent += 1;
    }
    const first = inFlight.shift();
    if (first === undefined) break;
    const reply = await first.reply;
    if (!(reply instanceof Uint8Array)) return "closed";
    if (!pongs(reply) || reply.length !== request.length) return "peer_denied";
    took.push(clock.nowNs() - first.sentNs);
  }
  return times(took, clock.nowNs() - startNs);
}

function times(took: readonly number[], totalNs: number): PingTimes {
  const sum = took.reduce((total, ns) => total + ns, 0);
  return {
    count: took.length,
    minNs: BigInt(Math.min(...took)),
    meanNs: BigInt(Math.round(sum / took.length)),
    maxNs: BigInt(Math.max(...took)),
    totalNs: BigInt(totalNs),
  };
}
