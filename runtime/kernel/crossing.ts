import { assert } from "../core/assert.ts";
import type { Wire } from "../core/ports.ts";
import { RIGHT_MAP, RIGHT_SEND, type Slot } from "../core/syscalls.ts";
import { Arrivals } from "./arrivals.ts";
import type { Capability } from "./capability.ts";
import type { Endpoint } from "./endpoint.ts";
import { Inlet, type InletKernel, type InletSource } from "./inlet.ts";
import { Outlet, type OutletKernel } from "./outlet.ts";
import { ringReceiver, ringSender } from "./ring_wire.ts";
import type { Task } from "./task.ts";
import { Vmo, vmoLengthValid } from "./vmo.ts";

/** Send rights of one isolate that others may hold at a time because they came with a message. */
export const RIGHTS_EXPORTED_MAX = 256;

/** A send right that leaves this isolate, as the boot is told. */
export interface RightMove {
  /** The right over which it travels, and its number there. */
  readonly via: number;
  readonly ticket: number;
  /** Names the endpoint that it leads to, in this isolate. */
  readonly exported: number;
  /** Messages that may wait there. */
  readonly depth: number;
}

/** What the crossings of an isolate need. */
export interface CrossingPorts {
  /** Runs `work` after the microtasks that are ready. */
  readonly soon: (work: () => void) => void;
  /** Asks the boot to mint the right anew for whom it travels to. */
  readonly moveRight: (move: RightMove) => void;
  /** An isolate broke the rules of a wire. */
  readonly violated: (rightId: number) => void;
  /** Nothing goes over a right any more. */
  readonly ended: (rightId: number) => void;
  /** Drops a capability that ends here. */
  readonly drop: (capability: Capability) => void;
}

/** A send right that left with a message, until it was let in or came to nothing. */
interface Export {
  readonly via: number;
  readonly capability: Capability;
}

/** A wire to a right that is opened here. */
export interface OpenedWire {
  readonly id: number;
  readonly wire: Wire;
}

/**
 * The rights that cross the border of an isolate, by the number that the boot gave them: outlets of
 * rights that are held here, inlets of endpoints that lie here.
 */
export class Crossings {
  readonly #ports: CrossingPorts;
  readonly #outlets = new Map<number, Outlet>();
  readonly #inlets = new Map<number, Inlet>();
  readonly #exports = new Map<number, Export>();
  readonly #arrivals = new Arrivals();
  /** Inlets of rights that were exported. */
  readonly #exported = new Set<number>();
  #lastExport = 0;

  constructor(ports: CrossingPorts) {
    this.#ports = ports;
  }

  /** Send rights that left with messages, and that others hold or are about to. */
  get exports(): number {
    return this.#exports.size + this.#exported.size;
  }

  /** Gives `holder` the right to send over a wire. */
  openOutlet(holder: Task, { id, wire }: OpenedWire, window: number): Slot | undefined {
    const outlet = new Outlet(this.#outletKernel);
    this.#bind(outlet, { id, wire }, window);
    return holder.allot(rightTo(outlet));
  }

  /** Takes what comes over a wire to an endpoint of this isolate. */
  openInlet(source: InletSource, wire: Wire, endpoint: Endpoint): void {
    const heard = wire.ring === undefined ? wire : ringReceiver(wire, wire.ring);
    this.#arrivals.begin(source.id);
    this.#inlets.set(source.id, new Inlet(source, heard, endpoint, this.#inletKernel));
  }

  /** Takes what comes over a right that was exported; it counts until nobody holds it any more. */
  openExported(source: InletSource, wire: Wire, exported: number): void {
    const { endpoint, done } = this.#takeExported(exported);
    this.#exported.add(source.id);
    this.openInlet(source, wire, endpoint);
    done();
  }

  /** The endpoint under which a right was exported, once: its journey ends here. */
  #takeExported(exported: number): { readonly endpoint: Endpoint; readonly done: () => void } {
    const capability = this.#exports.get(exported)?.capability;
    this.#exports.delete(exported);
    assert(capability?.object.kind === "endpoint", "the boot names what was exported");
    return { endpoint: capability.object.endpoint, done: () => this.#ports.drop(capability) };
  }

  /** The wire of a right that arrives: its frame is here already, or comes. */
  arrive(
    right: { readonly via: number; readonly ticket: number },
    opened: OpenedWire,
    window: number,
  ): void {
    const bind = (outlet: Outlet) => this.#bind(outlet, opened, window);
    this.#arrivals.open(right, bind, () => new Outlet(this.#outletKernel));
  }

  /** The boot has heard that a right ended: what was to travel over it, and does not yet, never will. */
  forget(id: number): void {
    this.#arrivals.forget(id);
    for (const [exported, { via, capability }] of this.#exports) {
      if (via !== id) continue;
      this.#exports.delete(exported);
      this.#ports.drop(capability);
    }
  }

  /** The other isolate is gone. */
  cut(id: number): void {
    this.#outlets.get(id)?.cut();
    this.#inlets.get(id)?.cut();
    this.#outlets.delete(id);
  }

  #bind(outlet: Outlet, { id, wire }: OpenedWire, window: number): void {
    outlet.bind(id, wire.ring === undefined ? wire : ringSender(wire, wire.ring), window);
    if (!outlet.closed) this.#outlets.set(id, outlet);
  }

  readonly #outletKernel: OutletKernel = {
    soon: (work) => this.#ports.soon(work),
    exportRoom: () => this.exports < RIGHTS_EXPORTED_MAX,
    exportRight: (outlet, ticket, capability) => {
      assert(capability.object.kind === "endpoint", "only a right to one's own endpoint travels");
      assert(outlet.id !== undefined, "what is sent is sent over a wire");
      this.#lastExport += 1;
      this.#exports.set(this.#lastExport, { via: outlet.id, capability });
      const { depth } = capability.object.endpoint;
      this.#ports.moveRight({ via: outlet.id, ticket, exported: this.#lastExport, depth });
    },
    ended: (outlet) => {
      if (outlet.id === undefined) return;
      this.#outlets.delete(outlet.id);
      this.#ports.ended(outlet.id);
    },
  };

  readonly #inletKernel: InletKernel = {
    memory(bytes) {
      if (!vmoLengthValid(bytes.byteLength)) return undefined;
      const vmo = Vmo.taking(new Uint8Array(bytes));
      return { object: { kind: "vmo", vmo }, rights: RIGHT_MAP | RIGHT_SEND };
    },
    arriving: ({ id: via }, ticket, opened) => {
      const make = () => new Outlet(this.#outletKernel);
      const outlet = this.#arrivals.claim({ via, ticket }, make, opened);
      outlet?.sendHeld();
      return outlet && rightTo(outlet);
    },
    discarded: (capability) => this.#ports.drop(capability),
    violated: (inlet) => this.#ports.violated(inlet.id),
    ended: (inlet) => {
      this.#inlets.delete(inlet.id);
      this.#arrivals.end(inlet.id);
      this.#exported.delete(inlet.id);
      this.#ports.ended(inlet.id);
    },
  };
}

function rightTo(endpoint: Outlet): Capability {
  return { object: { kind: "outlet", endpoint, badge: 0 }, rights: RIGHT_SEND, bound: true };
}
