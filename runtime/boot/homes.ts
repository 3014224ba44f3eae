import { assert, InvariantError } from "../core/assert.ts";
import type { Isolates } from "../core/ports.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { bridgeDevice, type WakeCell } from "../kernel/remote_device.ts";
import {
  type CallerPlace,
  type CallerWires,
  type EndpointPlace,
  HOST_ISOLATE,
  type Isolate,
  type IsolateObserver,
  type Join,
} from "./isolate.ts";
import { isolateNameOf, type Isolation } from "./placement.ts";
import { RemoteIsolate } from "./remote_isolate.ts";
import { Mint } from "./mint.ts";
import type { TaskHost } from "./task_host.ts";

/** How daemons are spread, and what it takes. */
export interface PlacementPorts {
  readonly isolation: Isolation;
  readonly isolates: Isolates;
  readonly wake: WakeCell;
  /** Resolves in a later turn of the host's event loop: starting an isolate takes a good part of one. */
  readonly turn: () => Promise<void>;
  /** One cell, 0 at first: how many markers were proven, in whatever isolate. */
  readonly order: Int32Array;
}

/** Every daemon beside the boot: no other isolate is ever asked for. */
export function inlinePlacement(): PlacementPorts {
  const none = () => {
    throw new InvariantError("beside the boot nothing crosses isolates");
  };
  const isolates = { wires: { pair: none, open: none }, start: none };
  return { isolation: "inline", isolates, wake: none, turn: none, order: new Int32Array(1) };
}

/** What the homes of the daemons are built on. */
export interface HomesParts {
  readonly kernel: Kernel;
  /** The isolate that the boot itself runs in. */
  readonly host: TaskHost;
  readonly placement: PlacementPorts;
  readonly observer: IsolateObserver;
  /** An isolate as a whole cannot be trusted or used any more; its daemons are told. */
  readonly lost: (tasks: readonly string[], reason: string) => void;
}

/** A right to call, before it is known whether it crosses isolates. */
export interface CallPlan {
  readonly caller: CallerPlace;
  readonly server: EndpointPlace;
  readonly badge: number;
  /** Messages that may wait at the endpoint. */
  readonly depth: number;
}

/** Where each daemon lives: beside the boot, or in an isolate that is started for it. */
export class Homes {
  readonly #parts: HomesParts;
  readonly #mint: Mint;
  readonly #isolates = new Map<string, Isolate>();
  readonly #remote = new Map<string, RemoteIsolate>();
  readonly #homes = new Map<string, string>();
  /** Isolates whose start waits for its turn. */
  readonly #starting = new Map<string, Promise<Isolate>>();
  /** Everybody serves: whoever is started from now on is told at once. */
  #settled = false;
  /** What ends the bridges to a daemon's devices. */
  readonly #bridges = new Map<string, (() => void)[]>();

  constructor(parts: HomesParts) {
    this.#parts = parts;
    this.#mint = new Mint(parts.placement.isolates.wires);
    this.#isolates.set(HOST_ISOLATE, parts.host);
    // What the boot's own kernel says is so: it is not asked whether it may.
    parts.kernel.openBorder({
      moveRight: (move) => void this.#mint.move(parts.host, move),
      violated: (right) => void this.#mint.violated(parts.host, right),
      ended: (right) => void this.#mint.ended(parts.host, right),
    });
  }

  /** The isolate of a daemon, started if need be. The host's other work gets its turn in between. */
  async house(task: string): Promise<Isolate> {
    const name = isolateNameOf(this.#parts.placement.isolation, task);
    this.#homes.set(task, name);
    if (name === HOST_ISOLATE) return this.#parts.host;
    const known = this.#remote.get(name);
    if (known !== undefined) return known;
    // Daemons that lost one isolate together are started again together, in one.
    const starting = this.#starting.get(name) ?? this.#startLater(name);
    this.#starting.set(name, starting);
    return await starting;
  }

  /** The isolate of a daemon that has one. Who is no daemon lives beside the boot. */
  of(task: string): Isolate {
    const isolate = this.#isolates.get(this.#homes.get(task) ?? HOST_ISOLATE);
    assert(isolate !== undefined, "a home is started before it is asked for");
    return isolate;
  }

  /** Every isolate that runs, the boot's own first. */
  get living(): readonly Isolate[] {
    return [this.#parts.host, ...this.#remote.values()];
  }

  /** Every isolate that was ever started, by name. */
  get remoteNames(): readonly string[] {
    return [...this.#isolates.keys()].filter((name) => name !== HOST_ISOLATE);
  }

  /** Asks an isolate whether it runs. @returns false when there is none of this name now. */
  ping(name: string): boolean {
    const isolate = this.#remote.get(name);
    isolate?.ping();
    return isolate !== undefined;
  }

  /** The daemons of an isolate, the one in front that was resumed last. */
  suspects(name: string): readonly string[] {
    const tasks = this.#tasksOf(name);
    const last = this.#remote.get(name)?.resumedLast;
    return last === undefined ? tasks : [last, ...tasks.filter((task) => task !== last)];
  }

  /** Gives one daemon the right to call another. */
  join(call: CallPlan): void {
    const isolate = this.of(call.caller.task);
    const wires = this.wiresOf(call);
    if ("badge" in wires) isolate.join(wires);
    else isolate.attach(wires);
  }

  /** What a caller is to be given: a right within its isolate, or the wires of one that crosses. */
  wiresOf({ caller, server, badge, depth }: CallPlan): Join | CallerWires {
    const [calling, serving] = [this.of(caller.task), this.of(server.task)];
    if (calling === serving) return { caller, server, badge };
    return this.#mint.mintCall({
      caller: { isolate: calling, place: caller },
      server: { isolate: serving, place: server },
      badge,
      depth,
    });
  }

  /** A daemon has ended: its rights lead nowhere, and so does an isolate that it had for itself. */
  ended(task: string): void {
    this.#unbridge(task);
    this.#mint.sever((place) => place.task === task);
    const name = this.#homes.get(task) ?? HOST_ISOLATE;
    if (this.#tasksOf(name).length > 1) return;
    this.#remote.get(name)?.end();
    this.#remote.delete(name);
  }

  /** Everybody serves. */
  settle(): void {
    this.#settled = true;
    for (const isolate of this.#isolates.values()) isolate.settle();
  }

  /** Ends every isolate but the boot's own. */
  stop(): void {
    for (const task of this.#bridges.keys()) this.#unbridge(task);
    for (const isolate of this.#remote.values()) isolate.end();
    this.#remote.clear();
  }

  async #startLater(name: string): Promise<Isolate> {
    await this.#parts.placement.turn();
    this.#starting.delete(name);
    const isolate = this.#start(name);
    this.#isolates.set(name, isolate);
    this.#remote.set(name, isolate);
    if (this.#settled) isolate.settle();
    return isolate;
  }

  #start(name: string): RemoteIsolate {
    const { placement: { isolates, wake }, kernel, observer } = this.#parts;
    const started = isolates.start(name, (reason) => this.#lose(name, reason));
    const isolate: RemoteIsolate = new RemoteIsolate({
      name,
      started,
      wires: isolates.wires,
      observer: {
        ...observer,
        alive: (_, stats) => observer.alive(name, stats),
        moved: (move) => {
          if (!this.#mint.move(isolate, move)) this.#lose(name, "moved a right that it has not");
        },
        ended: (right) => {
          if (!this.#mint.ended(isolate, right)) this.#lose(name, "ended a right that it has not");
        },
        accused: (right) => {
          if (!this.#mint.violated(isolate, right)) this.#lose(name, "accused whom it knows not");
        },
        violated: () => this.#lose(name, "told the boot what is not so"),
      },
      nowNs: () => kernel.clock.nowNs(),
      bridge: (task, { window, interrupt, irq: source }, end) => {
        const wire = isolates.wires.open(end);
        const violated = () => this.#lose(name, "reached outside its device");
        const stop = bridgeDevice({
          wire,
          window,
          interrupt,
          irq: kernel.irq(source),
          wake,
          violated,
        });
        const stops = this.#bridges.get(task) ?? [];
        this.#bridges.set(task, [...stops, stop, () => kernel.freeIrq(source)]);
      },
    });
    return isolate;
  }

  /** Its daemons are cut off from everybody. */
  #lose(name: string, reason: string): void {
    const isolate = this.#remote.get(name);
    if (isolate === undefined) return;
    this.#remote.delete(name);
    isolate.end();
    this.#mint.sever((place) => place.isolate === isolate);
    const tasks = this.#tasksOf(name);
    for (const task of tasks) this.#unbridge(task);
    this.#parts.lost(tasks, reason);
  }

  #unbridge(task: string): void {
    for (const stop of this.#bridges.get(task) ?? []) stop();
    this.#bridges.delete(task);
  }

  #tasksOf(name: string): readonly string[] {
    return [...this.#homes].flatMap(([task, home]) => home === name ? [task] : []);
  }
}
