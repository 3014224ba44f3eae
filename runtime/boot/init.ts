import { assert } from "../core/assert.ts";
import { fnv1a64 } from "../core/fnv.ts";
import type { Clock, MachineDevice, MachinePorts } from "../core/ports.ts";
import type { SyscallChannel } from "../idl/channel.ts";
import { type Client, createClient } from "../idl/client.ts";
import type { Gate } from "../idl/policy.ts";
import type { Service } from "../idl/service.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Task } from "../kernel/task.ts";
import {
  type AnyComponent,
  DEVICE_CAPABILITY,
  endpointOf,
  type Evidence,
  markersOf,
} from "./component.ts";
import { Homes, inlinePlacement, type PlacementPorts } from "./homes.ts";
import {
  BootError,
  type CallerPlace,
  type EndpointPlan,
  GATE_KEY,
  HOST_ISOLATE,
  type Isolate,
  type IsolateObserver,
} from "./isolate.ts";
import { MarkerOrder } from "./marker_order.ts";
import { decider, INIT_MARKERS, INIT_NAME } from "./protocol.ts";
import { MarkerPrinter, provable, type ProvenMarker } from "./marker.ts";
import { bootOrder, gated, serverOf } from "./order.ts";
import { Rights } from "./rights.ts";
import { type Degradation, Supervisor } from "./supervisor.ts";
import { TaskHost } from "./task_host.ts";

/** Messages that may wait at an endpoint unless its component says otherwise. */
const DEPTH = 8;
/** A device right that must be refused, as proof that the boot asks. Source: daemon-wire.md 1.3. */
const PROOF_OF_DENIAL = { subject: "netstackd", capability: "device.mmio.blk" };

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
  /** Sees every marker that was printed. */
  readonly observe: (marker: ProvenMarker) => void;
  /** A daemon could not start or faulted; the reason never holds bytes of a frame. */
  readonly faulted: (name: string, reason: string) => void;
  /** A daemon stays down: the node goes on without it. */
  readonly degraded?: (what: Degradation, name: string) => void;
}

/** A node that runs. */
export interface Booted {
  /** A channel for a principal outside the tasks, such as the control socket's bridge. */
  connect(principal: string, service: Service): SyscallChannel;
  stop(): void;
}

/**
 * Boots every component in the order of its calls: task and rights first, then devices as far as
 * policy grants them, then behaviour, then `ready`.
 *
 * @throws {BootError} when a device is missing or denied, or a daemon faults while it starts.
 */
export async function boot(ports: BootPorts): Promise<Booted> {
  const node = new Node(ports);
  await node.start();
  return node;
}

class Node implements Booted {
  readonly #ports: BootPorts;
  readonly #printer: MarkerPrinter;
  readonly #order: MarkerOrder;
  readonly #host: TaskHost;
  readonly #homes: Homes;
  readonly #components = new Map<string, AnyComponent>();
  readonly #init: Task;
  readonly #outside = new Map<string, Task>();
  readonly #rights = new Rights();
  readonly #supervisor: Supervisor;
  #decide: Client<typeof decider> | undefined;
  /** First daemon that faulted before the node was up. */
  #faulted: string | undefined;
  #up = false;
  #badges = 0;
  /** Channels of principals that are no daemons, for a key of its own each. */
  #channels = 0;

  constructor(ports: BootPorts) {
    this.#ports = ports;
    this.#printer = new MarkerPrinter(
      ports.machine.uart,
      () => ports.clock.nowNs(),
      ports.observe,
    );
    const { kernel, placement = inlinePlacement() } = ports;
    const observer: IsolateObserver = {
      proved: (task, key, evidence, order) => this.#proveOwn(task, key, { evidence, order }),
      faulted: (task, reason) => this.#fault(task, reason),
    };
    this.#host = new TaskHost({
      name: HOST_ISOLATE,
      kernel,
      wires: placement.isolates.wires,
      componentOf: (task) => this.#component(task),
      observer,
    });
    this.#init = this.#admit(INIT_NAME);
    const nowNs = () => ports.clock.nowNs();
    this.#order = new MarkerOrder(placement.order, { timer: this.#init.timerCreate(), nowNs });
    const lost = (tasks: readonly string[], reason: string) =>
      tasks.forEach((task) => this.#fault(task, reason));
    this.#homes = new Homes({
      kernel,
      host: this.#host,
      placement,
      observer,
      provable: (task, key, evidence) => {
        const declaration = markersOf(this.#component(task))[key];
        return declaration !== undefined && provable(declaration, evidence);
      },
      lost,
    });
    this.#supervisor = new Supervisor({
      clock: ports.clock,
      sleepUntil: (atNs) => this.#init.sleepUntil(atNs),
      serversOf: (name) => this.#serversOf(this.#component(name)),
      ended: (name) => this.#ended(name),
      start: (name) => this.#startAgain(name),
      restored: (name) => this.#restored(name),
      degraded: (what, name) => this.#degraded(what, name),
    });
  }

  async start(): Promise<void> {
    const { components, policy, seededBy: profile } = this.#ports;
    if (profile !== undefined) this.#prove(INIT_NAME, INIT_MARKERS.seeded, { profile });
    const decides = components.find(({ name }) => name === policy);
    const order = bootOrder(components, decides);
    for (const component of order) await this.#spawn(component);
    let denialProven = false;
    for (const component of order) {
      if (Object.keys(component.uses).length > 0 && !denialProven) {
        await this.#proveDenial();
        denialProven = true;
      }
      await this.#begin(component);
      this.#refuseFaulted();
      this.#supervisor.served(component.name);
    }
    await this.#ports.settle?.(this);
    this.#refuseFaulted();
    this.#up = true;
    this.#prove(INIT_NAME, INIT_MARKERS.ready, { daemons: order.length });
    this.#homes.settle();
  }

  connect(principal: string, service: Service): SyscallChannel {
    if (!this.#outside.has(principal)) this.#admit(principal);
    const caller = { task: principal, key: `${service.name} ${++this.#channels}` };
    this.#join(caller, service);
    return this.#host.channel(caller, service);
  }

  stop(): void {
    this.#supervisor.stop();
    this.#homes.stop();
    this.#ports.kernel.stop();
  }

  /** Makes the task of a principal that is no daemon. */
  #admit(principal: string): Task {
    const task = this.#ports.kernel.spawn(principal);
    this.#outside.set(principal, task);
    this.#host.admit(task);
    return task;
  }

  #component(name: string): AnyComponent {
    const component = this.#components.get(name);
    assert(component !== undefined, "only components of the node are spawned");
    return component;
  }

  async #spawn(component: AnyComponent): Promise<void> {
    const { name } = component;
    this.#components.set(name, component);
    this.#supervisor.add(name, component.irreplaceable);
    await this.#spawnTask(component);
  }

  async #spawnTask(component: AnyComponent): Promise<void> {
    const { name } = component;
    this.#prove(INIT_NAME, INIT_MARKERS.start, { name });
    const isolate = await this.#homes.house(name);
    isolate.spawn(name, endpointsOf(component));
    this.#prove(INIT_NAME, INIT_MARKERS.up, { name });
  }

  async #begin(component: AnyComponent): Promise<void> {
    const { name } = component;
    const isolate = this.#homes.of(name);
    if (this.#asksGate(component)) {
      this.#join({ task: name, key: GATE_KEY }, this.#policyService());
    }
    for (const [key, service] of Object.entries(component.calls)) {
      this.#join({ task: name, key }, service);
    }
    await this.#grantDevices(component, isolate);
    await isolate.begin(name, this.#ports.args[name] ?? {});
    const ready = markersOf(component)["ready"];
    if (ready === undefined) return;
    this.#prove(name, ready, { endpoints: Math.max(1, endpointsOf(component).length) });
  }

  /** Until the node is up a fault ends it. */
  #refuseFaulted(): void {
    if (this.#faulted !== undefined) throw new BootError("daemon_faulted", this.#faulted);
  }

  /** The way of {@linkcode start} for one daemon that ended. */
  async #startAgain(name: string): Promise<void> {
    const component = this.#component(name);
    await this.#spawnTask(component);
    await this.#begin(component);
  }

  #asksGate(component: AnyComponent): boolean {
    return component.name !== this.#ports.policy && gated(component);
  }

  /** Whom a daemon calls, and who decides over it and its devices. */
  #serversOf(component: AnyComponent): readonly string[] {
    const called = Object.values(component.calls).map((service) => this.#serverOf(service).name);
    const decided = this.#asksGate(component) || Object.keys(component.uses).length > 0;
    return decided ? [...called, this.#ports.policy] : called;
  }

  /** A daemon's life is over: who calls it is cut off, and whom it called is told. */
  #ended(name: string): void {
    // Whoever faulted has no task any more; who lacks a device, or is taken to be broken, has.
    this.#homes.of(name).stop(name);
    this.#homes.ended(name);
    for (const { join: { caller } } of this.#rights.to(name)) {
      if (this.#supervisor.alive(caller.task)) this.#homes.of(caller.task).cut(caller);
    }
    const who = { name, sid: fnv1a64(name) };
    for (const [server, rights] of this.#rights.drop(name)) {
      if (this.#supervisor.alive(server)) this.#homes.of(server).departed(server, { who, rights });
    }
  }

  /** Every caller that lives gets its right to a daemon again, under its old key. */
  async #restored(name: string): Promise<void> {
    for (const { join: { caller }, service } of this.#rights.to(name)) {
      if (this.#supervisor.alive(caller.task)) this.#join(caller, service);
    }
    await this.#ports.settle?.(this, name);
    if (this.#supervisor.of(name).state !== "serving") return;
    this.#prove(INIT_NAME, INIT_MARKERS.restarted, { name });
  }

  #degraded(what: Degradation, name: string): void {
    this.#prove(INIT_NAME, INIT_MARKERS.degraded, { what, name });
    this.#ports.degraded?.(what, name);
  }

  /** A right to a daemon that is down leads nowhere until it is up again. */
  #join(caller: CallerPlace, service: Service): void {
    const join = { caller, ...this.#mint(service) };
    this.#rights.add({ join, service });
    if (this.#supervisor.alive(join.server.task)) this.#homes.join(join);
    else this.#homes.of(caller.task).cut(caller);
  }

  /** The endpoint that serves a protocol, and a badge of its own for a right to it. */
  #mint(service: Service) {
    const server = this.#serverOf(service);
    const badge = ++this.#badges;
    const place = { task: server.name, endpoint: endpointOf(service) };
    return { server: place, badge, depth: server.depth ?? DEPTH };
  }

  #serverOf(service: Service): AnyComponent {
    const server = serverOf(this.#ports.components, service);
    assert(server !== undefined, "a called service is served by a spawned component");
    return server;
  }

  #policyService(): Service {
    const policy = this.#components.get(this.#ports.policy);
    const service = Object.values(policy?.serves ?? {}).find(speaksDecide);
    assert(service !== undefined, "the policy component serves DECIDE");
    return service;
  }

  async #grantDevices({ name, uses }: AnyComponent, isolate: Isolate): Promise<void> {
    for (const [key, used] of Object.entries(uses)) {
      const device = this.#ports.machine.devices.find((candidate) => candidate.name === used);
      if (device === undefined) throw new BootError("device_missing", name);
      await this.#permit(name, device, DEVICE_CAPABILITY[used]);
      isolate.grant(name, key, device);
    }
  }

  async #permit(subject: string, device: MachineDevice, capability: string): Promise<void> {
    const ask = { subject, capability, operation: "init.grant", target: device.name };
    if (!await this.#asksPolicy(ask)) throw new BootError("device_denied", subject);
  }

  async #proveDenial(): Promise<void> {
    const { subject, capability } = PROOF_OF_DENIAL;
    const client = this.#initDecider();
    const { status } = await client.decide({
      subject,
      capability,
      operation: "init.grant",
      target: "",
    });
    if (status !== "denied") throw new BootError("device_denied", subject);
    this.#prove(INIT_NAME, INIT_MARKERS.denied, { capability });
  }

  async #asksPolicy(ask: Parameters<Gate>[0]): Promise<boolean> {
    return (await this.#initDecider().decide(ask)).status === "ok";
  }

  #initDecider(): Client<typeof decider> {
    if (this.#decide === undefined) {
      const caller = { task: INIT_NAME, key: GATE_KEY };
      this.#join(caller, this.#policyService());
      this.#decide = createClient(decider, this.#host.channel(caller, decider));
    }
    return this.#decide;
  }

  #fault(name: string, reason: string): void {
    this.#prove(INIT_NAME, INIT_MARKERS.fault, { name });
    this.#ports.faulted(name, reason);
    if (this.#up) this.#supervisor.faulted(name, reason);
    else this.#faulted ??= name;
  }

  #proveOwn(
    task: string,
    key: string,
    { evidence, order }: {
      readonly evidence: Readonly<Record<string, Evidence>>;
      readonly order: number | undefined;
    },
  ): void {
    const declaration = markersOf(this.#component(task))[key];
    assert(declaration !== undefined, "a daemon prints markers of its own protocol");
    this.#prove(task, declaration, evidence, order);
  }

  #prove(
    task: string,
    declaration: Parameters<MarkerPrinter["prove"]>[1],
    evidence: Readonly<Record<string, Evidence>>,
    order = this.#order.draw(),
  ): void {
    this.#order.put(order, () => this.#printer.prove(task, declaration, evidence));
  }
}

/** The endpoints of a component: one for each name that its protocols with operations give. */
function endpointsOf(component: AnyComponent): readonly EndpointPlan[] {
  const served = Object.values(component.serves).filter(({ ops }) => Object.keys(ops).length > 0);
  const names = new Set(served.map(endpointOf));
  return [...names].map((name) => ({ name, depth: component.depth ?? DEPTH }));
}

function speaksDecide(service: Service): boolean {
  return service.plane === "packed" && service.magic === decider.magic &&
    service.version === decider.version;
}
