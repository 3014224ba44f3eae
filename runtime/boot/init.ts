import { assert } from "../core/assert.ts";
import { fnv1a64 } from "../core/fnv.ts";
import type { SyscallChannel } from "../idl/channel.ts";
import { type Client, createClient } from "../idl/client.ts";
import type { Service } from "../idl/service.ts";
import type { Task } from "../kernel/task.ts";
import { Accusations } from "./accusations.ts";
import type { Booted, BootPorts } from "./boot_ports.ts";
import { type AnyComponent, endpointOf, markersOf } from "./component.ts";
import { DeviceGrants, PROOF_OF_DENIAL } from "./device_grants.ts";
import { tellableReason } from "./fault_reason.ts";
import { Homes, inlinePlacement } from "./homes.ts";
import {
  BootError,
  type CallerPlace,
  GATE_KEY,
  HOST_ISOLATE,
  type IsolateObserver,
} from "./isolate.ts";
import { MarkerOrder } from "./marker_order.ts";
import { decider, INIT_MARKERS, INIT_NAME, type Provocation } from "./protocol.ts";
import { isShown, MarkerPrinter } from "./marker.ts";
import { bootOrder, gated, serverOf } from "./order.ts";
import { type AboutNode, initComponent, Overview } from "./overview.ts";
import { DEPTH, endpointsOf, speaksDecide } from "./plan.ts";
import { Rights } from "./rights.ts";
import { type Degradation, Supervisor } from "./supervisor.ts";
import { TaskHost } from "./task_host.ts";
import { type Suspicion, Watchdog } from "./watchdog.ts";

/** Between the answer to who provokes a daemon and what it is made to do, in milliseconds. */
const PROVOKED_AFTER_MS = 100;

/** Why a daemon is stopped whose replies do not parse. */
const GARBLED = "garbled replies";

/** What is told of a node that nobody told about itself. */
const ABOUT_UNTOLD: AboutNode = { placement: "inline", inspector: "unknown" };

export type { Booted, BootPorts } from "./boot_ports.ts";

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
  readonly #host: TaskHost;
  readonly #homes: Homes;
  readonly #grants: DeviceGrants;
  readonly #components = new Map<string, AnyComponent>();
  readonly #init: Task;
  readonly #outside = new Map<string, Task>();
  readonly #rights = new Rights();
  readonly #supervisor: Supervisor;
  readonly #watchdog: Watchdog;
  readonly #accusations = new Accusations();
  readonly #overview: Overview;
  /** The daemons of the node, and the boot as one that they may call. */
  readonly #servers: readonly AnyComponent[];
  #decide: Client<typeof decider> | undefined;
  /** First daemon that faulted before the node was up. */
  #faulted: { readonly name: string; readonly reason: string } | undefined;
  #up = false;
  #badges = 0;
  /** Channels of principals that are no daemons, for a key of its own each. */
  #channels = 0;

  constructor(ports: BootPorts) {
    this.#ports = ports;
    const { clock, kernel, machine, placement = inlinePlacement() } = ports;
    const observer = this.#observer();
    const componentOf = (task: string) => this.#component(task);
    const { isolates: { wires } } = placement;
    this.#host = new TaskHost({ name: HOST_ISOLATE, kernel, wires, componentOf, observer });
    this.#homes = new Homes({
      kernel,
      host: this.#host,
      placement,
      observer,
      lost: (tasks, reason) => tasks.forEach((task) => this.#fault(task, reason)),
    });
    this.#grants = new DeviceGrants({
      machine,
      keys: ports.keys,
      policy: () => this.#initDecider(),
    });
    this.#init = kernel.spawn(INIT_NAME);
    this.#outside.set(INIT_NAME, this.#init);
    const nowNs = () => clock.nowNs();
    const order = new MarkerOrder(placement.order, { timer: this.#init.timerCreate(), nowNs });
    this.#printer = new MarkerPrinter(machine.uart, nowNs, ports.observe, order);
    const time = { clock, sleepUntil: (atNs: number) => this.#init.sleepUntil(atNs) };
    this.#watchdog = new Watchdog({
      ...time,
      ping: (name) => {
        if (!this.#homes.ping(name)) this.#watchdog.answered(name); // nobody is at home
      },
      runaway: (isolate) => this.#runaway(isolate),
      suspect: (suspicion) => this.#suspect(suspicion),
    });
    this.#overview = new Overview({
      ...time,
      isolates: () => this.#homes.living,
      daemons: () => this.#daemons(),
      of: (name) => this.#supervisor.of(name),
      about: ports.about ?? (() => ABOUT_UNTOLD),
    });
    const own = initComponent(
      () => this.#overview.look(),
      (daemon, how) => this.#provoke(daemon, how),
    );
    this.#servers = [own, ...ports.components];
    this.#components.set(INIT_NAME, own);
    this.#host.adopt(this.#init, endpointsOf(own));
    this.#supervisor = new Supervisor({
      ...time,
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
    this.#initDecider(); // the same way to policyd, for what the boot serves itself
    await this.#host.begin(INIT_NAME, { args: {} });
    let denialProven = false;
    for (const component of order) {
      if (Object.keys(component.uses).length > 0 && !denialProven) {
        await this.#grants.refuse();
        const { capability } = PROOF_OF_DENIAL;
        this.#prove(INIT_NAME, INIT_MARKERS.denied, { capability });
        denialProven = true;
      }
      await this.#begin(component).finally(() => this.#refuseFaulted());
      this.#supervisor.served(component.name);
    }
    await this.#ports.settle?.(this);
    this.#refuseFaulted();
    this.#up = true;
    this.#prove(INIT_NAME, INIT_MARKERS.ready, { daemons: order.length });
    this.#homes.settle();
    this.#watchdog.begin(this.#homes.remoteNames);
  }

  connect(principal: string, service: Service): SyscallChannel {
    if (!this.#outside.has(principal)) this.#admit(principal);
    const caller = { task: principal, key: `${service.name} ${++this.#channels}` };
    this.#join(caller, service);
    return this.#host.channel(caller, service);
  }

  stop(): void {
    this.#supervisor.stop();
    this.#watchdog.stop();
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

  #daemons() {
    return [...this.#components.keys()].filter((name) => name !== INIT_NAME).map((name) => {
      return { name, isolate: this.#homes.of(name).name };
    });
  }

  #provoke(name: string, how: Provocation): "ok" | "not_found" | "refused" {
    if (this.#ports.provocable !== true) return "refused";
    const running = name !== INIT_NAME && this.#components.has(name) &&
      this.#supervisor.alive(name);
    if (!running) return "not_found";
    const isolate = this.#homes.of(name);
    // Beside the boot the node itself would hang, and nobody could say so.
    if (isolate === this.#host && how !== "throw") return "refused";
    // Whoever asked is told first: his answer may go through the very isolate.
    const { clock } = this.#ports;
    this.#init.sleepUntil(clock.nowNs() + PROVOKED_AFTER_MS * 1e6)
      .then(() => isolate.provoke(name, how));
    return "ok";
  }

  /** An isolate owes an answer: of its daemons, the one that was resumed last is told of. */
  #suspect(suspicion: Suspicion | undefined): void {
    const [task = suspicion?.task ?? ""] = this.#homes.suspects(suspicion?.task ?? "");
    this.#ports.suspect?.(suspicion && { ...suspicion, task });
  }

  #runaway(isolate: string): void {
    const [culprit, ...others] = this.#homes.suspects(isolate);
    if (culprit !== undefined) this.#supervisor.abandon(culprit, "runaway");
    for (const name of others) this.#supervisor.abandon(name, "cut off");
  }

  /** A reply that does not parse: its server may be broken, or its caller may say so falsely. */
  #garbled(caller: CallerPlace): void {
    const minted = this.#rights.of(caller.task).find(({ join }) => join.caller.key === caller.key);
    const server = minted?.join.server.task;
    if (server === undefined || server === INIT_NAME || !this.#supervisor.alive(server)) return;
    const callers = new Set(this.#rights.to(server).map(({ join }) => join.caller.task));
    const reporting = [...callers].filter((name) => this.#components.has(name)).length;
    const nowNs = this.#ports.clock.nowNs();
    const guilty = this.#accusations.add({ caller: caller.task, server }, {
      callers: reporting,
      nowNs,
    });
    if (guilty) this.#fault(server, GARBLED);
  }

  async #spawn(component: AnyComponent): Promise<void> {
    const { name } = component;
    this.#components.set(name, component);
    this.#supervisor.add(name);
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
    await this.#grants.grant(component, isolate);
    const key = await this.#grants.key(component);
    await isolate.begin(name, { args: this.#ports.args[name] ?? {}, key });
    const ready = markersOf(component)["ready"];
    if (ready === undefined) return;
    this.#prove(name, ready, { endpoints: Math.max(1, endpointsOf(component).length) });
  }

  /** Until the node is up a fault ends it. */
  #refuseFaulted(): void {
    if (this.#faulted === undefined) return;
    const { name, reason } = this.#faulted;
    throw new BootError("daemon_faulted", name, reason);
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
    this.#accusations.forget(name);
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
    const server = serverOf(this.#servers, service);
    assert(server !== undefined, "a called service is served by a spawned component");
    return server;
  }

  #policyService(): Service {
    const policy = this.#components.get(this.#ports.policy);
    const service = Object.values(policy?.serves ?? {}).find(speaksDecide);
    assert(service !== undefined, "the policy component serves DECIDE");
    return service;
  }

  #initDecider(): Client<typeof decider> {
    if (this.#decide === undefined) {
      const caller = { task: INIT_NAME, key: GATE_KEY };
      this.#join(caller, this.#policyService());
      const garbled = () => this.#garbled(caller);
      this.#decide = createClient(decider, this.#host.channel(caller, decider), garbled);
    }
    return this.#decide;
  }

  #fault(name: string, said: string): void {
    const reason = tellableReason(said);
    this.#prove(INIT_NAME, INIT_MARKERS.fault, { name });
    this.#ports.faulted(name, reason);
    if (this.#up) this.#supervisor.faulted(name, reason);
    else this.#faulted ??= { name, reason };
  }

  #observer(): IsolateObserver {
    return {
      proved: (task, key, evidence, order) => {
        const declared = markersOf(this.#component(task));
        const declaration = Object.hasOwn(declared, key) ? declared[key] : undefined;
        if (declaration === undefined || !isShown(declaration, evidence)) return false;
        return this.#printer.prove(task, declaration, evidence, order);
      },
      faulted: (task, reason) => this.#fault(task, reason),
      garbled: (caller) => this.#garbled(caller),
      alive: (isolate, stats) => {
        this.#watchdog.answered(isolate);
        this.#overview.heard(isolate, stats);
      },
    };
  }

  #prove(...marker: Parameters<MarkerPrinter["prove"]>): void {
    this.#printer.prove(...marker);
  }
}
