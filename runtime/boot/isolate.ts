import type { MachineDevice, WireEnd } from "../core/ports.ts";
import type { Principal } from "../core/syscalls.ts";
import type { Evidence } from "./component.ts";
import type { Provocation } from "./protocol.ts";
import type { HeldRight } from "./rights.ts";

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

/** A caller that ended, as one of its servers is told. */
export interface Departure {
  readonly who: Principal;
  /** What it held of this server's. */
  readonly rights: readonly HeldRight[];
}

/** A wire of a right that crosses isolates: the right's number in the node, and one end. */
export interface Crossing {
  readonly id: number;
  readonly end: WireEnd;
}

/** The caller's half of a right to call in another isolate. */
export interface CallerWires {
  readonly caller: CallerPlace;
  /** Who answers. */
  readonly server: string;
  /** Messages that the endpoint takes before it must be emptied. */
  readonly window: number;
  readonly requests: Crossing;
  readonly replies: Crossing;
}

/** The server's half. */
export interface ServerWires {
  readonly server: EndpointPlace;
  /** Who calls: what the receiver is told of every message. */
  readonly caller: string;
  readonly badge: number;
  readonly requests: Crossing;
  readonly replies: Crossing;
}

/** A send right that was exported has got its new holder in another isolate. */
export interface ExportedWire {
  readonly exported: number;
  /** Its holder. */
  readonly sender: string;
  readonly requests: Crossing;
}

/** A send right that came with a message. */
export interface ArrivingRight {
  /** The right over which the message came, and the ticket that it brought. */
  readonly via: number;
  readonly ticket: number;
  readonly window: number;
  readonly requests: Crossing;
}

/**
 * An isolate as the boot sees it: a heap in which daemons live. Orders are carried out in the order in
 * which they are given.
 */
export interface Isolate {
  readonly name: string;
  /** Makes a daemon's task and its endpoints. One that ended gets a successor of the same name. */
  spawn(task: string, endpoints: readonly EndpointPlan[]): void;
  /**
   * Gives a caller of this isolate a right to an endpoint of this isolate, in the place of what its
   * key led to before: calls under way there are `gone`.
   */
  join(join: Join): void;
  /** What a caller's key led to is gone: so are calls under way, and those to come until it joins. */
  cut(caller: CallerPlace): void;
  /** As {@linkcode join}, to an endpoint in another isolate. */
  attach(wires: CallerWires): void;
  /** Lets a caller of another isolate reach an endpoint of this one. */
  letIn(wires: ServerWires): void;
  /** Lets the new holder of an exported right reach its endpoint. */
  letInExported(wire: ExportedWire): void;
  /** Opens the way of a right that came with a message, or is about to. */
  arrive(right: ArrivingRight): void;
  /** Whoever was at the other end of these rights is gone. */
  sever(rights: readonly number[]): void;
  /** The boot has heard of the end of a right: nothing that was to travel over it is minted any more. */
  forget(right: number): void;
  /** Hands a device to a daemon, which finds it under `key`. */
  grant(task: string, key: string, device: MachineDevice): void;
  /**
   * Runs the daemon's `create` and serves its endpoints.
   *
   * @throws {BootError} `daemon_faulted` when it threw, `no_space` when it lacks a right.
   */
  begin(task: string, beginning: Beginning): Promise<void>;
  /** Every daemon serves. */
  settle(): void;
  /** Ends a daemon, and says nothing of it to the observer. */
  stop(task: string): void;
  /** A caller of a daemon has ended: its way back is dropped, and the daemon hears who it was. */
  departed(task: string, departure: Departure): void;
  /** Has a daemon misbehave: for tests of what the node makes of it. */
  provoke(task: string, how: Provocation): void;
  /** Asks whether it still runs, and how its daemons fare: answered through the observer. */
  ping(): void;
}

/** Messages that wait at an endpoint, of as many as may. */
export interface QueueStats {
  readonly endpoint: string;
  readonly waiting: number;
  readonly depth: number;
}

/** What a task holds, by kind: send and receive rights, memory objects, devices. */
export interface RightsStats {
  readonly send: number;
  readonly receive: number;
  readonly vmo: number;
  readonly mmio: number;
}

/** How one daemon fares, since its task was made. */
export interface TaskStats {
  readonly task: string;
  /** Requests that came. */
  readonly frames: number;
  /** Time in which at least one request was between its delivery and its reply. */
  readonly busyNs: number;
  /** How long the task lives. */
  readonly ageNs: number;
  readonly queues: readonly QueueStats[];
  readonly rights: RightsStats;
}

/** How an isolate fares. */
export interface IsolateStats {
  /** Of its whole heap; `null` where that cannot be told apart. */
  readonly memoryBytes: number | null;
  readonly tasks: readonly TaskStats[];
}

/** What an isolate tells the boot. */
export interface IsolateObserver {
  /**
   * A daemon printed a marker of its protocol, with its evidence.
   *
   * @param order Drawn in its isolate from the node's one count; absent beside the boot.
   * @returns false for what no kernel would pass on.
   */
  proved(
    task: string,
    key: string,
    evidence: Readonly<Record<string, Evidence>>,
    order?: number,
  ): boolean;
  /** A daemon hit a bug and was stopped; the reason never holds bytes of a frame. */
  faulted(task: string, reason: string): void;
  /** A client that the boot gave a daemon got a reply that does not parse; `key` says from whom. */
  garbled(caller: CallerPlace): void;
  /** It runs: the answer to a ping. */
  alive(isolate: string, stats: IsolateStats): void;
}

/** What a daemon begins with. */
export interface Beginning {
  /** The node's command line for it. */
  readonly args: Readonly<Record<string, string>>;
  /** The key that the host holds for it: its own copy, which leaves this isolate. */
  readonly key?: Uint8Array<ArrayBuffer> | undefined;
}

/** Why a node cannot boot. */
export class BootError extends Error {
  override readonly name = "BootError";
  readonly code:
    | "device_denied"
    | "device_missing"
    | "daemon_faulted"
    | "key_denied"
    | "key_missing"
    | "no_space";
  readonly task: string;
  /** What the daemon said of it, as far as it did. */
  readonly reason: string | undefined;

  constructor(code: BootError["code"], task: string, reason?: string) {
    super(`Cannot boot ${task}: ${code}${reason === undefined ? "" : ` (${reason})`}`);
    this.code = code;
    this.task = task;
    this.reason = reason;
  }
}
