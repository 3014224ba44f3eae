import type { MachineDevice } from "../core/ports.ts";
import { RIGHT_MANAGE, RIGHT_MAP, RIGHT_RECV, RIGHT_SEND } from "../core/syscalls.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Outlet } from "./outlet.ts";
import type { Vmo } from "./vmo.ts";

/** What a capability leads to. */
export type KernelObject =
  | {
    readonly kind: "endpoint";
    readonly endpoint: Endpoint;
    /** Stamped on every message sent with a right; the receiver tells its callers' rights apart. */
    readonly badge: number;
  }
  | {
    /** A send right to an endpoint in another isolate, which knows the badge. */
    readonly kind: "outlet";
    readonly endpoint: Outlet;
    readonly badge: 0;
  }
  | { readonly kind: "vmo"; readonly vmo: Vmo }
  | { readonly kind: "mmio"; readonly device: MachineDevice };

/** A kernel object together with what its holder may do to it. */
export interface Capability {
  readonly object: KernelObject;
  /** RIGHT_SEND | RIGHT_RECV | RIGHT_MAP | RIGHT_MANAGE. */
  readonly rights: number;
  /** It was given to its holder, by the boot or in a message, and goes no further. */
  readonly bound?: true;
}

/** Every right there is. */
export const RIGHTS_ALL = RIGHT_SEND | RIGHT_RECV | RIGHT_MAP | RIGHT_MANAGE;

/** Whether the capability carries all of `rights`. */
export function holds(capability: Capability, rights: number): boolean {
  return (capability.rights & rights) === rights;
}

/** Whether `rights` is a subset of what `capability` carries: a right is never made, only passed. */
export function derivable(capability: Capability, rights: number): boolean {
  return rights !== 0 && (rights & ~capability.rights) === 0;
}

/**
 * Whether the capability may travel with a message: memory, and a send right to an endpoint that its
 * holder has made. What somebody was given is his alone: a right to call says who calls, and no
 * daemon lends its authority to another. A receive right stays where its endpoint is, a device with the
 * task that the boot gave it to.
 *
 * Source: Open Nexus OS kernel, "CAP_MOVE", which refuses less (docs/interop.md).
 */
export function movable(capability: Capability): boolean {
  if (holds(capability, RIGHT_MANAGE) || capability.bound === true) return false;
  const { kind } = capability.object;
  return kind === "vmo" || (kind === "endpoint" && !holds(capability, RIGHT_RECV));
}
