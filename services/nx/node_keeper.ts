import type { Booted } from "@runtime/boot/init.ts";
import { INIT_NAME } from "@runtime/boot/protocol.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { LEVELS, logdV2 } from "../logd/protocol.ts";
import type { Fault } from "./ports.ts";
import { daemonRegistrar } from "./register_daemons.ts";

/** Lines that wait for a logd that is down; the oldest is lost to one more. */
export const WAITING_LINES_MAX = 64;

interface Line {
  readonly level: typeof LEVELS[number];
  readonly message: string;
  readonly fields: string;
}

/** What a boot tells of its daemons, kept for whoever runs the node, and written to the node's log. */
export class NodeKeeper {
  readonly #faults: Fault[] = [];
  readonly #register: ReturnType<typeof daemonRegistrar>;
  readonly #waiting: Line[] = [];
  #log: Client<typeof logdV2> | undefined;
  #writing = false;
  /** Resolves with the first daemon that does not answer any more: the node must be started anew. */
  readonly runaway: Promise<string>;
  #tellRunaway: (name: string) => void = () => {};

  /** @param daemons Every daemon of the node, by name. */
  constructor(daemons: readonly string[]) {
    this.#register = daemonRegistrar(daemons);
    this.runaway = new Promise((resolve) => this.#tellRunaway = resolve);
  }

  /** Every fault so far. */
  get faults(): readonly Fault[] {
    return this.#faults;
  }

  readonly settle = async (node: Pick<Booted, "connect">, restarted?: string): Promise<void> => {
    await this.#register(node, restarted);
    this.#log ??= createClient(logdV2, node.connect(INIT_NAME, logdV2));
    if (restarted !== undefined) this.#say("info", "restarted", `daemon=${restarted}\n`);
    else this.#write();
  };

  readonly faulted = (name: string, reason: string): void => {
    this.#faults.push({ name, reason });
    this.#say("error", "fault", `daemon=${name}\nreason=${reason}\n`);
  };

  readonly degraded = (what: string, name: string): void => {
    this.#say("error", `degraded: ${what}`, `daemon=${name}\n`);
    if (what === "runaway") this.#tellRunaway(name);
  };

  #say(level: Line["level"], message: string, fields: string): void {
    if (this.#waiting.length === WAITING_LINES_MAX) this.#waiting.shift();
    this.#waiting.push({ level, message, fields });
    this.#write();
  }

  /** What logd does not take now it takes with the next line: at the latest that it serves again. */
  async #write(): Promise<void> {
    const log = this.#log;
    if (log === undefined || this.#writing) return;
    this.#writing = true;
    for (let line = this.#waiting[0]; line !== undefined; line = this.#waiting[0]) {
      const level = LEVELS.indexOf(line.level);
      const reply = await log.append({ ...line, level, scope: "init" });
      if (reply.status !== "ok") break;
      if (this.#waiting[0] === line) this.#waiting.shift();
    }
    this.#writing = false;
  }
}
