import { assert } from "../core/assert.ts";
import type { Clock } from "../core/ports.ts";
import { BootError } from "./isolate.ts";
import { Restarts, type RestartState } from "./restart.ts";

/** Why a daemon stays down, as `degraded: <what> <name>` says it. */
export type Degradation = "restarts spent" | "runaway" | "cut off";

/** What the supervisor has the boot do. */
export interface SupervisorPorts {
  readonly clock: Clock;
  readonly sleepUntil: (atNs: number) => Promise<void>;
  /** Daemons that one calls: it is started when none of them is about to come back. */
  readonly serversOf: (name: string) => readonly string[];
  /** A daemon has ended: its callers are cut off, and its servers told. */
  readonly ended: (name: string) => void;
  /**
   * Starts it as at the first time.
   *
   * @throws {BootError} when that failed.
   */
  readonly start: (name: string) => Promise<void>;
  /** It serves again: its callers get their rights to it back. */
  readonly restored: (name: string) => Promise<void>;
  readonly degraded: (what: Degradation, name: string) => void;
}

/** A daemon as its supervisor knows it. */
export interface SupervisedDaemon {
  readonly state: RestartState;
  readonly restarts: number;
  /** Why it ended last, if it ever did. */
  readonly fault: string | undefined;
  readonly degraded: Degradation | undefined;
}

interface Daemon {
  readonly restarts: Restarts;
  fault: string | undefined;
  degraded: Degradation | undefined;
}

/** Starts daemons again that hit a bug, one policy for each, and says which stay down. */
export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #daemons = new Map<string, Daemon>();
  /** Daemons whose wait is over and that wait for one that they call. */
  readonly #held = new Set<string>();
  #stopped = false;

  constructor(ports: SupervisorPorts) {
    this.#ports = ports;
  }

  /** A daemon is being started for the first time. */
  add(name: string): void {
    this.#daemons.set(name, { restarts: new Restarts(), fault: undefined, degraded: undefined });
  }

  /** It serves for the first time. */
  served(name: string): void {
    this.#of(name).restarts.served();
  }

  /** Whether it holds a task; so do all that are no daemons. */
  alive(name: string): boolean {
    return this.#daemons.get(name)?.restarts.alive ?? true;
  }

  of(name: string): SupervisedDaemon {
    const { restarts: { state, count: restarts }, fault, degraded } = this.#of(name);
    return { state, restarts, fault, degraded };
  }

  /** A daemon hit a bug and has ended. */
  faulted(name: string, reason: string): void {
    const daemon = this.#of(name);
    if (this.#stopped || !daemon.restarts.alive) return;
    const { clock, sleepUntil } = this.#ports;
    const waitMs = daemon.restarts.faulted(clock.nowNs());
    daemon.fault = reason;
    this.#ports.ended(name);
    if (waitMs === undefined) return this.#degrade(daemon, "restarts spent", name);
    sleepUntil(clock.nowNs() + waitMs * 1e6).then(() => this.#startWhenServed(name));
  }

  /** A daemon does not answer any more, and nothing can be done about it here. */
  abandon(name: string, what: Degradation): void {
    const daemon = this.#of(name);
    if (this.#stopped || daemon.restarts.state === "stopped") return;
    const { alive } = daemon.restarts;
    daemon.restarts.lost();
    daemon.fault = what;
    if (alive) this.#ports.ended(name);
    this.#degrade(daemon, what, name);
  }

  /** The node stops: nothing starts again. */
  stop(): void {
    this.#stopped = true;
  }

  #of(name: string): Daemon {
    const daemon = this.#daemons.get(name);
    assert(daemon !== undefined, "only daemons of the node are supervised");
    return daemon;
  }

  #degrade(daemon: Daemon, what: Degradation, name: string): void {
    daemon.degraded = what;
    this.#ports.degraded(what, name);
    this.#startHeld();
  }

  /** A daemon that starts while one that it calls is down would only fault again. */
  #startWhenServed(name: string): void {
    if (this.#stopped || this.#of(name).restarts.state !== "backing_off") return;
    if (this.#ports.serversOf(name).some((server) => this.#coming(server))) this.#held.add(name);
    else this.#start(name);
  }

  #startHeld(): void {
    for (const name of [...this.#held]) {
      this.#held.delete(name);
      this.#startWhenServed(name);
    }
  }

  #coming(name: string): boolean {
    const state = this.#daemons.get(name)?.restarts.state;
    return state === "starting" || state === "backing_off";
  }

  async #start(name: string): Promise<void> {
    const { restarts } = this.#of(name);
    restarts.due(this.#ports.clock.nowNs());
    const attempt = restarts.count;
    const current = () =>
      !this.#stopped && restarts.count === attempt && restarts.state === "starting";
    try {
      await this.#ports.start(name);
    } catch (error) {
      if (!(error instanceof BootError)) throw error;
      // What a daemon threw has been told already; a device or a right that it lacks has not.
      if (current()) this.faulted(name, error.code);
      return;
    }
    if (!current()) return;
    restarts.served();
    await this.#ports.restored(name);
    this.#startHeld();
  }
}
