import { InvariantError } from "../core/assert.ts";
import type { Message, Principal, Slot, Syscalls } from "../core/syscalls.ts";
import type { Load } from "./load.ts";
import type { Call, FrameHandler, ReplyFrame } from "../idl/server.ts";

/** How long a reply waits for room at its client, in milliseconds. */
export const REPLY_TIMEOUT_MS = 1_000;
/** Replies of one endpoint that may wait for room at their clients. */
export const REPLIES_WAITING_MAX = 512;

/** One endpoint being served. */
export interface ServedEndpoint {
  readonly syscalls: Syscalls;
  /** Receive right. */
  readonly receive: Slot;
  readonly handler: FrameHandler;
  /** Where the replies go of requests that bring no reply right, by the badge of their send right. */
  readonly replyTo: ReadonlyMap<number, Slot>;
  /** Requests that may run at a time. */
  readonly concurrency: number;
  /** Counts what comes and how long it takes. */
  readonly load: Load;
  /** A handler threw: the task is faulty. */
  readonly fault: (error: unknown) => void;
}

/**
 * Serves an endpoint until it closes. The first receive is posted before this returns.
 *
 * A reply without room waits beside the loop, not in it: a client that does not take its replies loses
 * them, not the daemon its time.
 */
export function serveEndpoint(served: ServedEndpoint): void {
  const replies = new Replies(served.syscalls);
  let running = 0;
  let roomAgain: (() => void) | undefined;
  const room = () => new Promise<void>((resolve) => roomAgain = resolve);
  const over = () => {
    running -= 1;
    roomAgain?.();
    roomAgain = undefined;
  };
  const loop = async () => {
    for (;;) {
      const message = await served.syscalls.receive(served.receive);
      if (message.status === "no_space") {
        return served.fault(new InvariantError("a daemon closes the rights that reach it"));
      }
      if (message.status !== "ok") return;
      const handled = handle(served, message, replies);
      if (handled === undefined) continue;
      running += 1;
      const ended = handled.then(over);
      if (served.concurrency === 1) await ended;
      else if (running >= served.concurrency) await room();
    }
  };
  loop();
}

/** Answers a message; a promise, which never rejects, only where there is something to wait for. */
function handle(
  served: ServedEndpoint,
  message: Message,
  replies: Replies,
): Promise<void> | undefined {
  const { syscalls, fault, load } = served;
  const { moved, sender } = message;
  if (message.badge > 0 && !served.replyTo.has(message.badge)) {
    // Its sender has ended since: what it would be given here nobody could ever take back.
    if (moved !== undefined) syscalls.capClose(moved);
    return undefined;
  }
  load.begin(syscalls.clock.nowNs());
  const payload = moved !== undefined && syscalls.capQuery(moved).status === "ok";
  const call = new ServedCall(sender, payload ? moved : undefined);
  const finish = (reply: ReplyFrame | undefined) => {
    const replyRight = moved !== undefined && !payload ? moved : undefined;
    const route = replyRight ?? served.replyTo.get(message.badge);
    if (reply !== undefined && route !== undefined) replies.send(route, reply);
    else if (reply?.move !== undefined) syscalls.capClose(reply.move);
    // A payload that no handler looked at, refused requests' among them, would fill the table.
    if (moved !== undefined && (replyRight !== undefined || !call.taken)) syscalls.capClose(moved);
    load.end(syscalls.clock.nowNs());
  };
  try {
    const reply = served.handler(message.frame, call);
    if (reply instanceof Promise) return reply.then(finish).catch(fault);
    finish(reply);
  } catch (error) {
    fault(error);
  }
  return undefined;
}

/** What the handler sees of a message; remembers whether it looked at the payload. */
class ServedCall implements Call {
  readonly sender: Principal;
  taken = false;
  readonly #moved: Slot | undefined;

  constructor(sender: Principal, moved: Slot | undefined) {
    this.sender = sender;
    this.#moved = moved;
  }

  get moved(): Slot | undefined {
    this.taken = true;
    return this.#moved;
  }
}

/** Sends replies in the order in which they come, and keeps those that must wait within a bound. */
class Replies {
  readonly #syscalls: Syscalls;
  #waiting = 0;

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
  }

  /** The kernel takes a copy: the reply's own bytes, which may be a secret's, are wiped. */
  send(route: Slot, reply: ReplyFrame): void {
    this.#send(route, reply);
    reply.frame.fill(0);
  }

  #send(route: Slot, { frame, move }: ReplyFrame): void {
    if (move === undefined) {
      const status = this.#syscalls.trySend(route, frame);
      if (status !== "queue_full" && status !== "no_space") return;
    }
    if (this.#waiting < REPLIES_WAITING_MAX) this.#sendLater(route, { frame, move });
    else if (move !== undefined) this.#syscalls.capClose(move);
  }

  async #sendLater(route: Slot, { frame, move }: ReplyFrame): Promise<void> {
    this.#waiting += 1;
    const deadlineNs = this.#syscalls.clock.nowNs() + REPLY_TIMEOUT_MS * 1e6;
    const status = await this.#syscalls.send(route, frame, { move, deadlineNs });
    this.#waiting -= 1;
    // A send that failed has put the capability back where it was.
    if (status !== "ok" && move !== undefined) this.#syscalls.capClose(move);
  }
}
