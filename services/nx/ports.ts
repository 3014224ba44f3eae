import type { Clock, HostAddress, NodeState, Turns } from "@runtime/core/ports.ts";
import type {
  ByteInput,
  ControlSockets,
  Files,
  Keyboard,
  MissingPermission,
  Processes,
  Reach,
  Terminal,
} from "@runtime/core/program_ports.ts";
import type { Sandbox } from "@runtime/core/sandbox_ports.ts";
import type { StatePorts } from "@runtime/core/state_ports.ts";
import type { Isolation } from "@runtime/boot/placement.ts";
import type { ProvenMarker } from "@runtime/boot/marker.ts";
import type { AnyComponent } from "@runtime/boot/component.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import type { Service } from "@runtime/idl/service.ts";
import type { PeerAddress } from "./address.ts";
import type { Suspect } from "./run_report.ts";

export type { PeerAddress } from "./address.ts";

/** How careful a node is: only `test` takes a seed in the place of the host's entropy. */
export const PROFILES = ["dev", "prod", "test"] as const;
export type Profile = typeof PROFILES[number];

/** What a node is started with. */
export interface NodeOptions {
  /** Host port that is forwarded to the guest's session port; without one nobody can connect. */
  readonly listen: HostAddress | undefined;
  /** Port to announce; the port that is listened on unless said. */
  readonly advertise: number | undefined;
  readonly peers: readonly PeerAddress[];
  readonly profile: Profile;
  /** Where its daemons live; beside one another unless said. */
  readonly isolation?: Isolation | undefined;
  /** INSECURE: the source of all keys. Under profile `test` only. */
  readonly seed: string | undefined;
  /** Where it keeps what it must not forget; in memory, and not beyond its end, unless said. */
  readonly state?: NodeState | undefined;
  /** Connections of one address; the bus daemon's own bound unless said. */
  readonly perAddress: number | undefined;
  /**
   * Whether the node proves itself line by line, as the ladder asks; `seed`: it only leaves in its
   * state what a later boot will look for.
   */
  readonly selftest: boolean | "seed";
  /** Each line of the UART, without its line feed. */
  readonly console: (line: string) => void;
  /** Each marker, after its line. */
  readonly observe?: ((marker: ProvenMarker) => void) | undefined;
  /**
   * Told when a task stops answering its heartbeat, and with `undefined` when all answer again. What
   * was told last is what a supervisor says after a crash, so it is told before anything is tried.
   */
  readonly suspect?: ((suspect: Suspect | undefined) => void) | undefined;
  /** For tests of the ladder: the daemons to boot in the place of the node's own. */
  readonly components?:
    | ((own: readonly AnyComponent[]) => readonly AnyComponent[])
    | undefined;
}

/** A daemon that hit a bug and was stopped; the reason never holds bytes of a frame. */
export interface Fault {
  readonly name: string;
  readonly reason: string;
}

/** A node of this process. */
export interface RunningNode {
  /** Where peers connect, with the port that the host chose. */
  readonly listen: HostAddress | undefined;
  /** Every fault so far. */
  readonly faults: readonly Fault[];
  /** Resolves with the first daemon that is out of control: the node must be started anew. */
  readonly runaway: Promise<string>;
  /** Peers whose names led nowhere at the start: the node does not dial them. */
  readonly unplaced: readonly PeerAddress[];
  /**
   * IPv4 address, as u32, under which the machine reaches a peer; `undefined` while its name leads
   * nowhere.
   *
   * @throws {HostSocketFailure} for an address that cannot be dialled from here.
   */
  placeOf(peer: PeerAddress): Promise<number | undefined>;
  /** A channel of a principal that is no task, such as `host-control`, to a daemon. */
  connect(principal: string, service: Service): RawChannel;
  /** Closes sessions in order, then everything. Takes less than a second. */
  stop(): Promise<void>;
}

/** Everything that the command line reaches of the world. `main.ts` makes it. */
export interface NxPorts {
  /** @throws {HostSocketFailure} or a BootError when the node cannot come up. */
  startNode(options: NodeOptions): Promise<RunningNode>;
  readonly files: Files;
  readonly input: ByteInput;
  readonly processes: Processes;
  readonly terminal: Terminal;
  readonly keyboard: Keyboard;
  readonly sandbox: Sandbox;
  /** State directories. */
  readonly state: StatePorts;
  readonly control: ControlSockets;
  readonly clock: Clock;
  readonly turns: Turns;
  /** Addresses behind a name; an address is its own. */
  lookup(name: string): Promise<readonly string[]>;
  /**
   * Runs a command line where it may do no more than this, and resolves with its exit code;
   * `undefined` in a thread that is so confined already.
   */
  readonly confined: ((argv: readonly string[], reach: Reach) => Promise<number>) | undefined;
  /** The missing permission of this process behind a failure; `undefined` for any other failure. */
  missingPermission(failure: unknown): MissingPermission | undefined;
  /** What the program runs on: `deno`, `v8`, `typescript`, `target` and whether it is compiled. */
  readonly version: Readonly<Record<string, string | boolean>>;
}
