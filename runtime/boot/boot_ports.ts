import type { Clock, MachinePorts } from "../core/ports.ts";
import type { SyscallChannel } from "../idl/channel.ts";
import type { Service } from "../idl/service.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { AnyComponent } from "./component.ts";
import type { PlacementPorts } from "./homes.ts";
import type { ProvenMarker } from "./marker.ts";
import type { AboutNode } from "./overview.ts";
import type { Degradation } from "./supervisor.ts";
import type { Suspicion } from "./watchdog.ts";

/** What the boot stands on. */
export interface BootPorts {
  readonly kernel: Kernel;
  readonly machine: MachinePorts;
  readonly clock: Clock;
  readonly components: readonly AnyComponent[];
  /** Name of the component that decides for every gate. */
  readonly policy: string;
  /** Command line, by component. */
  readonly args: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The profile that let entropy come from a seed; absent where it comes from the host. */
  readonly seededBy?: string | undefined;
  /**
   * Runs when every daemon serves and before the boot says so: tells samgrd who offers what. Runs
   * again for each daemon that was started again.
   */
  readonly settle?: (node: Booted, restarted?: string) => Promise<void>;
  /** Where daemons live; all beside the boot unless said. */
  readonly placement?: PlacementPorts | undefined;
  /** The keys that the host holds for daemons, by component; each call makes a copy of its own. */
  readonly keys?: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> | undefined;
  /** Sees every marker that was printed. */
  readonly observe: (marker: ProvenMarker) => void;
  /** A daemon could not start or faulted; the reason never holds bytes of a frame. */
  readonly faulted: (name: string, reason: string) => void;
  /** A daemon stays down: the node goes on without it. */
  readonly degraded?: (what: Degradation, name: string) => void;
  /** Whether daemons may be made to misbehave: in tests alone. */
  readonly provocable?: boolean | undefined;
  /** What `nx ps` tells of the node itself. */
  readonly about?: () => AboutNode | Promise<AboutNode>;
  /** An isolate owes an answer since then; `undefined` when none does any more. */
  readonly suspect?: ((suspect: Suspicion | undefined) => void) | undefined;
}

/** A node that runs. */
export interface Booted {
  /** A channel for a principal outside the tasks, such as the control socket's bridge. */
  connect(principal: string, service: Service): SyscallChannel;
  stop(): void;
}
