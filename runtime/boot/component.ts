import type { Clock, DmaRegion, Irq, MmioWindow } from "../core/ports.ts";
import type { Secret } from "../core/secret.ts";
import type { Principal, Syscalls } from "../core/syscalls.ts";
import type { RawChannel } from "../idl/channel.ts";
import type { Client } from "../idl/client.ts";
import type { MarkerDeclaration } from "../idl/marker.ts";
import type { Gate } from "../idl/policy.ts";
import type { Handlers } from "../idl/server.ts";
import type { Service } from "../idl/service.ts";

/** Devices that a daemon may own. */
export type DeviceName = "virtio-rng" | "virtio-net" | "virtio-blk";

/** Policy capability that the boot asks for before it hands over a device. */
export const DEVICE_CAPABILITY: Readonly<Record<DeviceName, string>> = {
  "virtio-rng": "device.mmio.rng",
  "virtio-net": "device.mmio.net",
  "virtio-blk": "device.mmio.blk",
};

/** One device as its driver sees it. */
export interface DevicePorts {
  readonly window: MmioWindow;
  readonly dma: DmaRegion;
  readonly irq: Irq;
}

/** Evidence for a marker: a positive count, or a text or bytes that are not empty. */
export type Evidence = number | string | Uint8Array;

type Markers<Serves extends Services> = {
  [K in keyof Serves]: Serves[K] extends { readonly markers: infer M } ? M : never;
}[keyof Serves];

type MarkerKey<Serves extends Services> = KeysOf<Markers<Serves>>;
type KeysOf<M> = M extends unknown ? keyof M & string : never;
type EvidenceOf<M, K extends string> = M extends Readonly<Record<K, infer D>>
  ? D extends { readonly evidence: readonly (infer E)[] } ? E & string : never
  : never;

/** Prints a marker of the daemon's own, with the evidence that its declaration names. */
export type Prove<Serves extends Services> = <K extends MarkerKey<Serves>>(
  key: K,
  evidence: Readonly<Record<EvidenceOf<Markers<Serves>, K>, Evidence>>,
) => void;

/** Protocols by the name that the daemon's code uses for them. */
export type Services = Readonly<Record<string, Service>>;
/** Devices by the name that the daemon's code uses for them. */
export type Devices = Readonly<Record<string, DeviceName>>;

/** Everything that a daemon is given. There is nothing else that it can reach. */
export interface Given<Serves extends Services, Calls extends Services, Uses extends Devices> {
  readonly call: { readonly [K in keyof Calls]: Client<Calls[K]> };
  /** The same daemons frame by frame, for what no client can say: the selftest's malformed frames. */
  readonly channel: { readonly [K in keyof Calls]: RawChannel };
  readonly device: { readonly [K in keyof Uses]: DevicePorts };
  readonly clock: Clock;
  readonly syscalls: Syscalls;
  /** The node's command line for this daemon. */
  readonly args: Readonly<Record<string, string>>;
  /** The key that the host holds for it, a copy of its own; absent unless the component has a use. */
  readonly key: Secret | undefined;
  /** Asks policyd about a subject that is no task. Its capability must stand in `asks`. */
  readonly gate: Gate;
  readonly prove: Prove<Serves>;
  /** Resolves when every daemon serves. */
  readonly settled: Promise<void>;
  /**
   * Names who to tell that a caller of this daemon has ended: what it left here is nobody's. A
   * successor of the same name may call already.
   */
  readonly departed: (listener: (who: Principal) => void) => void;
  /** Runs a loop of the daemon's own. What it throws faults the task. */
  readonly spawn: (loop: () => Promise<void>) => void;
}

/** The behaviour that `create` returns: handlers for each protocol. */
export type Behaviour<Serves extends Services> = {
  readonly [K in keyof Serves]: Handlers<Serves[K]>;
};

/** A daemon: what it serves, what it may call, what it owns, what it asks of policy. */
export interface Component<
  Serves extends Services = Services,
  Calls extends Services = Services,
  Uses extends Devices = Devices,
> {
  /** Task name, and with it the principal. */
  readonly name: string;
  readonly serves: Serves;
  readonly calls: Calls;
  readonly uses: Uses;
  /** Policy capabilities that the daemon needs for itself. */
  readonly asks: readonly string[];
  /** Subjects that are no tasks and what this daemon asks policyd for them. */
  readonly asksFor?: Readonly<Record<string, readonly string[]>>;
  /** Capability under which the boot hands it the key that the host holds for it. */
  readonly keyCapability?: string;
  /** Requests that may run at a time; 1 unless said. */
  readonly concurrency?: number;
  /** Messages that may wait at each endpoint; 8 unless said, as upstream. */
  readonly depth?: number;
  create(given: Given<Serves, Calls, Uses>): Behaviour<Serves> | Promise<Behaviour<Serves>>;
}

/** A component whose types the boot does not look at. */
export interface AnyComponent extends Omit<Component, "create"> {
  create(given: never): unknown;
}

/** Declares a daemon. */
export function defineComponent<
  const Serves extends Services,
  const Calls extends Services = Readonly<Record<never, never>>,
  const Uses extends Devices = Readonly<Record<never, never>>,
>(component: Component<Serves, Calls, Uses>): Component<Serves, Calls, Uses> {
  return Object.freeze(component);
}

/** Every marker that a component declares, by key. */
export function markersOf(component: AnyComponent): Readonly<Record<string, MarkerDeclaration>> {
  return Object.assign({}, ...Object.values(component.serves).map(({ markers }) => markers ?? {}));
}

/** Name of the endpoint that serves a protocol. */
export function endpointOf(service: Service): string {
  return service.endpoint ?? "main";
}
