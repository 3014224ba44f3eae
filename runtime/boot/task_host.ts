import { assert } from "../core/assert.ts";
import type { MachineDevice, Wires } from "../core/ports.ts";
import { Secret } from "../core/secret.ts";
import type { Principal, Slot } from "../core/syscalls.ts";
import { type ChannelSlots, SyscallChannel } from "../idl/channel.ts";
import { createClient, nonceReaderOf } from "../idl/client.ts";
import type { Gate } from "../idl/policy.ts";
import { bind, type Bound, type Handlers, serve } from "../idl/server.ts";
import type { Service } from "../idl/service.ts";
import type { Endpoint } from "../kernel/endpoint.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { principalNamed } from "../kernel/principal.ts";
import type { Task } from "../kernel/task.ts";
import { callsOf } from "../kernel/task_calls.ts";
import { type AnyComponent, endpointOf, type Evidence, markersOf } from "./component.ts";
import {
  type ArrivingRight,
  type Beginning,
  BootError,
  type CallerPlace,
  type CallerWires,
  type Crossing,
  type Departure,
  type EndpointPlan,
  type ExportedWire,
  GATE_KEY,
  type Isolate,
  type IsolateObserver,
  type Join,
  type ServerWires,
} from "./isolate.ts";
import { type Caller, clientsOf, type Hosted, rawChannelsOf, reasonOf } from "./hosted.ts";
import { Load } from "./load.ts";
import { assertShown } from "./marker.ts";
import { decider, type Provocation } from "./protocol.ts";
import { provoke } from "./provoke.ts";
import { Rate } from "./rate.ts";
import { serveEndpoint } from "./serve.ts";
import { statsOf } from "./task_stats.ts";

/**
 * Markers of one daemon: far more than a node prints of itself, and little for the console. Those
 * beyond it are not printed: what peers do may make a daemon prove the same again and again.
 */
const MARKER_RATE = { burst: 2048, perSecond: 256 };

/** Replies that may wait for one caller: what an endpoint holds at most. */
const REPLY_DEPTH = 256;

/** What an isolate's daemons stand on. */
export interface TaskHostPorts {
  readonly name: string;
  readonly kernel: Kernel;
  readonly wires: Wires;
  /** The component of a daemon that is placed here. */
  readonly componentOf: (task: string) => AnyComponent;
  readonly observer: IsolateObserver;
}

/**
 * The daemons of one isolate: gives each what its component asks for, and serves its endpoints. The
 * same code runs beside the boot and behind a worker's entry.
 */
export class TaskHost implements Isolate {
  readonly name: string;
  readonly #ports: TaskHostPorts;
  readonly #hosted = new Map<string, Hosted>();
  /** Principals that are no daemons. */
  readonly #outside = new Map<string, Caller>();
  readonly #settled: Promise<void>;
  #settle: () => void = () => {};

  constructor(ports: TaskHostPorts) {
    this.name = ports.name;
    this.#ports = ports;
    this.#settled = new Promise((resolve) => this.#settle = resolve);
  }

  spawn(name: string, endpoints: readonly EndpointPlan[]): void {
    this.adopt(this.#ports.kernel.spawn(name), endpoints);
  }

  /** Hosts a task that the boot made itself. */
  adopt(task: Task, endpoints: readonly EndpointPlan[]): void {
    const { name } = task.self;
    const receive = new Map<string, Slot>();
    const replyTo = new Map<string, Map<number, Slot>>();
    for (const { name: endpoint, depth } of endpoints) {
      const pair = task.endpointCreate(depth);
      if (pair.status !== "ok") {
        task.exit();
        throw new BootError("no_space", name);
      }
      receive.set(endpoint, pair.receive);
      replyTo.set(endpoint, new Map());
    }
    const component = this.#ports.componentOf(name);
    const bornNs = task.clock.nowNs();
    const parts = { calls: new Map(), devices: new Map(), listeners: new Set<never>() };
    const measured = { load: new Load(), bornNs };
    this.#hosted.set(name, { component, task, receive, replyTo, ...parts, ...measured });
  }

  /** Takes in a principal that is no daemon: it calls, and nobody calls it. */
  admit(task: Task): void {
    this.#outside.set(task.self.name, { task, calls: new Map() });
  }

  join({ caller, server, badge }: Join): void {
    const { task } = this.#caller(caller.task);
    this.#lead(caller, this.#mint(task, server, badge));
  }

  cut(caller: CallerPlace): void {
    this.#lead(caller, undefined);
  }

  attach(wires: CallerWires): void {
    const { task } = this.#caller(wires.caller.task);
    this.#lead(wires.caller, this.#attach(task, wires));
  }

  letIn({ server, caller, badge, requests, replies }: ServerWires): void {
    const hosted = this.#of(server.task);
    const { crossings } = this.#ports.kernel;
    const endpoint = this.#endpoint(hosted.task, hosted.receive.get(server.endpoint));
    const source = { id: requests.id, sender: principalNamed(caller), badge };
    crossings.openInlet(source, this.#ports.wires.open(requests.end), endpoint);
    const back = crossings.openOutlet(hosted.task, this.#opened(replies), REPLY_DEPTH);
    if (back === undefined) throw new BootError("no_space", server.task);
    hosted.replyTo.get(server.endpoint)?.set(badge, back);
  }

  letInExported({ exported, sender, requests }: ExportedWire): void {
    const { crossings } = this.#ports.kernel;
    const source = { id: requests.id, sender: principalNamed(sender), badge: 0 };
    crossings.openExported(source, this.#ports.wires.open(requests.end), exported);
  }

  arrive({ via, ticket, window, requests }: ArrivingRight): void {
    this.#ports.kernel.crossings.arrive({ via, ticket }, this.#opened(requests), window);
  }

  sever(rights: readonly number[]): void {
    for (const id of rights) this.#ports.kernel.crossings.cut(id);
  }

  forget(right: number): void {
    this.#ports.kernel.crossings.forget(right);
  }

  /** What a caller's key leads to, now and after each further {@linkcode join}. */
  channel({ task: name, key }: CallerPlace, service: Service): SyscallChannel {
    const { task, calls } = this.#caller(name);
    const right = calls.get(key);
    if (right === undefined) throw new BootError("no_space", name);
    const channel = right.channel ??
      new SyscallChannel(task, right.slots, nonceReaderOf(service));
    calls.set(key, { slots: undefined, channel });
    return channel;
  }

  grant(name: string, key: string, device: MachineDevice): void {
    const { task, devices } = this.#of(name);
    const slot = this.#ports.kernel.grantDevice(task, device);
    if (slot === undefined) throw new BootError("no_space", name);
    const mapped = task.mmioMap(slot, 0, device.length);
    const dma = task.dmaMap(slot);
    const irq = task.irqBind(slot);
    assert(mapped.status === "ok" && dma !== undefined && irq !== undefined, "a grant maps");
    devices.set(key, { window: mapped.window, dma, irq });
  }

  async begin(name: string, beginning: Beginning): Promise<void> {
    const hosted = this.#of(name);
    const gate = this.#gateOf(hosted);
    const behaviour = await this.#create(hosted, { gate, ...beginning });
    // Meanwhile a loop of its own may have faulted it, or the boot have ended it.
    if (hosted.task.exited) throw new BootError("daemon_faulted", name);
    for (const endpoint of hosted.receive.keys()) {
      this.#serve(hosted, { endpoint, behaviour, gate });
    }
  }

  settle(): void {
    this.#settle();
  }

  stop(name: string): void {
    this.#hosted.get(name)?.task.exit();
  }

  provoke(name: string, how: Provocation): void {
    const hosted = this.#of(name);
    this.#ports.kernel.run(hosted.task, () => {
      try {
        provoke(how);
      } catch (error) {
        this.#fault(hosted, error);
      }
    });
  }

  departed(name: string, { who, rights }: Departure): void {
    const hosted = this.#of(name);
    for (const { endpoint, badge } of rights) {
      const replies = hosted.replyTo.get(endpoint);
      const back = replies?.get(badge);
      replies?.delete(badge);
      if (back !== undefined) hosted.task.capClose(back);
    }
    try {
      for (const listener of hosted.listeners) listener(who);
    } catch (error) {
      this.#fault(hosted, error);
    }
  }

  ping(): void {
    const tasks = [...this.#hosted.values()].filter(({ task }) => !task.exited).map(statsOf);
    this.#ports.observer.alive(this.name, { memoryBytes: null, tasks });
  }

  #caller(name: string): Caller {
    return this.#outside.get(name) ?? this.#of(name);
  }

  /** What a channel leads to changes under its users; slots that nobody used yet are dropped. */
  #lead({ task: name, key }: CallerPlace, slots: ChannelSlots | undefined): void {
    const { task, calls } = this.#caller(name);
    const before = calls.get(key);
    if (before?.channel !== undefined) return before.channel.bind(slots);
    for (const slot of Object.values(before?.slots ?? {})) task.capClose(slot);
    calls.set(key, { slots, channel: undefined });
  }

  #of(name: string): Hosted {
    const hosted = this.#hosted.get(name);
    assert(hosted !== undefined, "a daemon is spawned before anything else happens to it");
    return hosted;
  }

  /** Mints a send right to the endpoint and a reply endpoint that its server may send to. */
  #mint(task: Task, { task: serverName, endpoint }: Join["server"], badge: number): ChannelSlots {
    const server = this.#of(serverName);
    const { kernel } = this.#ports;
    const receive = server.receive.get(endpoint);
    const send = receive === undefined
      ? undefined
      : kernel.mintSend(server.task, receive, task, badge);
    const replies = task.endpointCreate(REPLY_DEPTH);
    if (send === undefined || replies.status !== "ok") {
      throw new BootError("no_space", task.self.name);
    }
    const back = kernel.mintSend(task, replies.receive, server.task, 0);
    if (back === undefined) throw new BootError("no_space", serverName);
    task.capClose(replies.send);
    server.replyTo.get(endpoint)?.set(badge, back);
    return { send, receive: replies.receive };
  }

  #attach(task: Task, { server, window, requests, replies }: CallerWires): ChannelSlots {
    const { crossings } = this.#ports.kernel;
    const send = crossings.openOutlet(task, this.#opened(requests), window);
    const pair = task.endpointCreate(REPLY_DEPTH);
    if (send === undefined || pair.status !== "ok") throw new BootError("no_space", task.self.name);
    const endpoint = this.#endpoint(task, pair.receive);
    const source = { id: replies.id, sender: principalNamed(server), badge: 0 };
    crossings.openInlet(source, this.#ports.wires.open(replies.end), endpoint);
    task.capClose(pair.send);
    return { send, receive: pair.receive };
  }

  #opened({ id, end }: Crossing) {
    return { id, wire: this.#ports.wires.open(end) };
  }

  #endpoint(task: Task, receive: Slot | undefined): Endpoint {
    const endpoint = receive === undefined
      ? undefined
      : this.#ports.kernel.endpointAt(task, receive);
    assert(endpoint !== undefined, "an endpoint is made before anybody is let in");
    return endpoint;
  }

  /** A daemon that was given no way to policyd gates nothing: it denies. */
  #gateOf(hosted: Hosted): Gate {
    if (!hosted.calls.has(GATE_KEY)) return () => Promise.resolve(false);
    const caller = { task: hosted.task.self.name, key: GATE_KEY };
    const garbled = () => this.#ports.observer.garbled(caller);
    const client = createClient(decider, this.channel(caller, decider), garbled);
    return async (ask) => (await client.decide(ask)).status === "ok";
  }

  async #create(
    hosted: Hosted,
    { gate, args, key }: Beginning & { readonly gate: Gate },
  ): Promise<Record<string, Handlers<Service>>> {
    const { component, task, devices } = hosted;
    const called = Object.entries(component.calls);
    const channel = Object.fromEntries(
      called.map(([key, service]) =>
        [key, this.channel({ task: task.self.name, key }, service)] as const
      ),
    );
    const syscalls = callsOf(task);
    const given = {
      call: clientsOf(component, channel, (key) => this.#garbled(hosted, key)),
      channel: rawChannelsOf(channel),
      device: Object.fromEntries(devices),
      clock: syscalls.clock,
      syscalls,
      args,
      key: key && new Secret(key),
      gate,
      prove: this.#proveOf(hosted),
      settled: this.#settled,
      departed: (listener: (who: Principal) => void) => void hosted.listeners.add(listener),
      spawn: (loop: () => Promise<void>) => {
        loop().catch((error) => this.#fault(hosted, error));
      },
    };
    try {
      // The component's own types tie what is given to what it takes.
      return await component.create(given as never) as Record<string, Handlers<Service>>;
    } catch (error) {
      this.#fault(hosted, error);
      throw new BootError("daemon_faulted", task.self.name);
    }
  }

  #garbled({ task }: Hosted, key: string): void {
    if (!task.exited) this.#ports.observer.garbled({ task: task.self.name, key });
  }

  #proveOf({ component, task }: Hosted) {
    const declared = markersOf(component);
    const { clock } = task;
    const rate = new Rate(MARKER_RATE, () => clock.nowNs());
    return (key: string, evidence: Readonly<Record<string, Evidence>>) => {
      const declaration = declared[key];
      assert(declaration !== undefined, "a daemon prints markers of its own protocol");
      assertShown(declaration, evidence);
      if (!task.exited && rate.take()) this.#ports.observer.proved(task.self.name, key, evidence);
    };
  }

  #serve(
    hosted: Hosted,
    { endpoint, behaviour, gate }: {
      endpoint: string;
      behaviour: Readonly<Record<string, Handlers<Service>>>;
      gate: Gate;
    },
  ): void {
    const { component, task } = hosted;
    const bound: Bound[] = [];
    for (const [key, service] of Object.entries(component.serves)) {
      const handlers = behaviour[key];
      if (endpointOf(service) !== endpoint || handlers === undefined) continue;
      bound.push(bind(service, handlers));
    }
    const receive = hosted.receive.get(endpoint);
    const replyTo = hosted.replyTo.get(endpoint);
    assert(
      receive !== undefined && replyTo !== undefined,
      "an endpoint is minted before it serves",
    );
    serveEndpoint({
      syscalls: task,
      receive,
      handler: serve(bound, gate),
      replyTo,
      concurrency: component.concurrency ?? 1,
      load: hosted.load,
      fault: (error) => this.#fault(hosted, error),
    });
  }

  #fault({ task }: Hosted, error: unknown): void {
    if (task.exited) return;
    task.exit();
    this.#ports.observer.faulted(task.self.name, reasonOf(error));
  }
}
