import type { MachineDevice } from "../core/ports.ts";
import type { Evidence } from "./component.ts";

/** Name of the isolate that the boot itself runs in. */
export const HOST_ISOLATE = "host";

/** An endpoint that a daemon is spawned with. */
export interface EndpointPlan {
  readonly name: string;
  /** Messages that may wait. */
  readonly depth: number;
}

/** Who is called: an endpoint of a daemon. */
export interface EndpointPlace {
  readonly task: string;
  readonly endpoint: string;
}

/** Who calls: a daemon, and what its code calls the daemon behind. */
export interface CallerPlace {
  readonly task: string;
  /** A key of the component's `calls`, or {@linkcode GATE_KEY}. */
  readonly key: string;
}

/** Key of the channel over which a daemon's gate asks policyd. */
export const GATE_KEY = "(gate)";

/** One right to call, with the way back for its replies. */
export interface Join {
  readonly caller: CallerPlace;
  readonly server: EndpointPlace;
  /** Stamped on every message that comes over it; no other right of the node has the same one. */
  readonly badge: number;
}

/**
 * An isolate as the boot sees it: a heap in which daemons live. Orders are carried out in the order in
 * which they are given.
 */
export interface Isolate {
  readonly name: string;
  /** Makes a daemon's task and its endpoints. */
  spawn(task: string, endpoints: readonly EndpointPlan[]): void;
  /** Gives a caller of this isolate a right to an endpoint of this isolate. */
  join(join: Join): void;
  /** Hands a device to a daemon, which finds it under `key`. */
  grant(task: string, key: string, device: MachineDevice): void;
  /**
   * Runs the daemon's `create` and serves its endpoints.
   *
   * @param args The node's command line for it.
   * @throws {BootError} `daemon_faulted` when it threw, `no_space` when it lacks a right.
   */
  begin(task: string, args: Readonly<Record<string, string>>): Promise<void>;
  /** Every daemon serves. */
  settle(): void;
}

/** What an isolate tells the boot. */
export interface IsolateObserver {
  /** A daemon printed a marker of its protocol, with its evidence. */
  proved(task: string, key: string, evidence: Readonly<Record<string, Evidence>>): void;
  /** A daemon hit a bug and was stopped; the reason never holds bytes of a frame. */
  faulted(task: string, reason: string): void;
}

/** Why a node cannot boot. */
export class BootError extends Error {
  override readonly name = "BootError";
  readonly code: "device_denied" | "device_missing" | "daemon_faulted" | "no_space";
  readonly task: string;

  constructor(code: BootError["code"], task: string) {
    super(`Cannot boot ${task}: ${code}`);
    this.code = code;
    this.task = task;
  }
}
