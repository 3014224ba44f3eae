import type { CallStatus, Received, Slot } from "../core/syscalls.ts";
import type { Capability } from "./capability.ts";
import type { Envelope, ReceiveWaiter } from "./endpoint.ts";
import type { Deadline } from "./timer.ts";

/** What a receive under way needs of its task. */
export interface ReceivingTask {
  /** Runs a step in the run queue. */
  run(step: () => void): void;
  cancelDeadline(deadline: Deadline): void;
  /** Takes over a capability that came with a message; `undefined` when there is no room for it. */
  accept(capability: Capability): Slot | undefined;
}

/** A receive under way: settles once, with a message or with why none comes. */
export class Receiving implements ReceiveWaiter {
  /** When it gives up, if it does. */
  deadline: Deadline | undefined;
  readonly #task: ReceivingTask;
  readonly #resolve: (received: Received) => void;
  #settled = false;

  constructor(task: ReceivingTask, resolve: (received: Received) => void) {
    this.#task = task;
    this.#resolve = resolve;
  }

  get settled(): boolean {
    return this.#settled;
  }

  deliver({ frame, sender, badge, moved: capability, delivered }: Envelope): boolean {
    const moved = capability === undefined ? undefined : this.#task.accept(capability);
    if (capability !== undefined && moved === undefined) {
      this.fail("no_space");
      return false;
    }
    delivered();
    this.#settle({ status: "ok", frame, sender, badge, moved });
    return true;
  }

  fail(status: Exclude<CallStatus, "ok">): void {
    this.#settle({ status });
  }

  #settle(received: Received): void {
    this.#settled = true;
    if (this.deadline !== undefined) this.#task.cancelDeadline(this.deadline);
    const resolve = this.#resolve;
    this.#task.run(() => resolve(received));
  }
}
