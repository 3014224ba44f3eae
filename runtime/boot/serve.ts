import { InvariantError } from "../core/assert.ts";
import type { Message, Slot, Syscalls } from "../core/syscalls.ts";
import type { FrameHandler, ReplyFrame } from "../idl/server.ts";

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
  /** A handler threw: the task is faulty. */
  readonly fault: (error: unknown) => void;
}

/**
 * Serves an endpoint until it closes. The first receive is posted before this returns.
 *
 * Replies never wait: a client that does not take its replies loses them, not the daemon its time.
 */
export function serveEndpoint(served: ServedEndpoint): void {
  let running = 0;
  let roomAgain: (() => void) | undefined;
  const room = () => new Promise<void>((resolve) => roomAgain = resolve);
  const handle = async (message: Message) => {
    try {
      await answer(served, message);
    } catch (error) {
      served.fault(error);
    }
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
      running += 1;
      const handled = handle(message);
      if (served.concurrency === 1) await handled;
      else if (running >= served.concurrency) await room();
    }
  };
  loop();
}

async function answer(served: ServedEndpoint, message: Message): Promise<void> {
  const { syscalls } = served;
  const { moved, sender } = message;
  const payload = moved !== undefined && syscalls.capQuery(moved).status === "ok";
  let taken = false;
  const reply = await served.handler(message.frame, {
    sender,
    get moved() {
      taken = true;
      return payload ? moved : undefined;
    },
  });
  const replyRight = moved !== undefined && !payload ? moved : undefined;
  const route = replyRight ?? served.replyTo.get(message.badge);
  if (reply !== undefined && route !== undefined) await send(syscalls, route, reply);
  else if (reply?.move !== undefined) syscalls.capClose(reply.move);
  // A payload that no handler looked at, refused requests' among them, would fill the table.
  if (moved !== undefined && (replyRight !== undefined || !taken)) syscalls.capClose(moved);
}

async function send(syscalls: Syscalls, route: Slot, reply: ReplyFrame): Promise<void> {
  if (reply.move === undefined) return void syscalls.trySend(route, reply.frame);
  const deadlineNs = syscalls.clock.nowNs();
  const status = await syscalls.send(route, reply.frame, { move: reply.move, deadlineNs });
  if (status !== "ok") syscalls.capClose(reply.move);
}
