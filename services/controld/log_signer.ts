import type { Clock } from "@runtime/core/ports.ts";
import type { Timer } from "@runtime/core/syscalls.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { keystored } from "../keystored/protocol.ts";
import type { statefsd } from "../statefsd/protocol.ts";
import { type ChainHead, type CheckpointPorts, signLogHeads } from "./log_checkpoints.ts";

/** Between two signatures over the log, in milliseconds: what is newer is not covered yet. */
export const SIGN_INTERVAL_MS = 30_000;

/** Whom the signer goes between: neither calls the other. */
export interface LogSignerPorts {
  readonly state: Pick<Client<typeof statefsd>, "logHeads" | "keepCheckpoint">;
  readonly keys: CheckpointPorts["keys"] & Pick<Client<typeof keystored>, "signLogCheckpoint">;
  readonly clock: Clock;
}

/** Has the ends of the kept log signed: soon after the start, at intervals, and before the stop. */
export class LogSigner {
  readonly #ports: LogSignerPorts;
  #signing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(ports: LogSignerPorts) {
    this.#ports = ports;
  }

  /** The loop; it runs as long as the task. */
  async run(settled: Promise<void>, timer: Timer): Promise<void> {
    await settled;
    for (;;) {
      await this.sign();
      timer.set(this.#ports.clock.nowNs() + SIGN_INTERVAL_MS * 1e6);
      await timer.wait();
    }
  }

  /**
   * Signs what no signature covers when it is called: a signing under way ends first, and one more
   * serves all that came meanwhile. What fails is signed the next time, with what came since.
   */
  async sign(): Promise<void> {
    if (this.#signing === undefined) return await this.#start();
    this.#next ??= this.#signing.then(() => {
      this.#next = undefined;
      return this.#start();
    });
    await this.#next;
  }

  #start(): Promise<void> {
    this.#signing = this.#sign().finally(() => this.#signing = undefined);
    return this.#signing;
  }

  async #sign(): Promise<void> {
    const { state, keys, clock } = this.#ports;
    await signLogHeads({
      keys,
      clock,
      chain: {
        async heads(): Promise<readonly ChainHead[] | undefined> {
          const reply = await state.logHeads({});
          return reply.status === "ok" ? reply.heads : undefined;
        },
        keep: async (checkpoint) => (await state.keepCheckpoint(checkpoint)).status === "ok",
      },
    });
  }
}
