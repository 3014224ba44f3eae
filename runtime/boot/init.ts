import { assert, InvariantError } from "../core/assert.ts";
import type { Clock, MachineDevice, MachinePorts } from "../core/ports.ts";
import type { Slot } from "../core/syscalls.ts";
import { SyscallChannel } from "../idl/channel.ts";
import { type Client, createClient, nonceReaderOf } from "../idl/client.ts";
import type { Gate } from "../idl/policy.ts";
import { bind, type Bound, type Handlers, serve } from "../idl/server.ts";
import type { Service } from "../idl/service.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Task } from "../kernel/task.ts";
import {
  type AnyComponent,
  DEVICE_CAPABILITY,
  type DevicePorts,
  endpointOf,
  type Evidence,
  markersOf,
} from "./component.ts";
import { decider, INIT_MARKERS, INIT_NAME } from "./protocol.ts";
import { MarkerPrinter, type ProvenMarker } from "./marker.ts";
import { bootOrder, gated, serverOf } from "./order.ts";
import { serveEndpoint } from "./serve.ts";

/** Messages that may wait at an endpoint unless its component says otherwise. */
const DEPTH = 8;
/** Replies that may wait for one caller: what an endpoint holds at most. */
const REPLY_DEPTH = 256;
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
  /** Runs when every daemon serves and before the boot says so: tells samgrd who offers what. */
  readonly settle?: (node: Booted) => Promise<void>;
  /** Sees every marker that was printed. */
  readonly observe: (marker: ProvenMarker) => void;
  /** A daemon could not start or faulted; the reason never holds bytes of a frame. */
  readonly faulted: (name: string, reason: string) => void;
}

/** A node that runs. */
export interface Booted {
  /** A channel for a principal outside the tasks, such as the control socket's bridge. */
  connect(principal: string, service: Service): SyscallChannel;
  stop(): void;
}

/** Why a node cannot boot. */
export class BootError extends Error {
  override readonly name = "BootError";
  readonly code: "device_denied" | "device_missing" | "daemon_faulted" | "no_space";
  readonly task: string;

  constructor(code: BootError["code"], task: string) {
    super(`Cannot boot ${task}: ${code}`);
    this.code = code;
    this.task = task;
  }
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

interface Running {
  readonly component: AnyComponent;
  readonly task: Task;
  /** Receive rights by endpoint name. */
  readonly receive: Map<string, Slot>;
  /** Reply rights by the badge of the caller's send right, one map for each endpoint. */
  readonly replyTo: Map<string, Map<number, Slot>>;
}

class Node implements Booted {
  readonly #ports: BootPorts;
  readonly #printer: MarkerPrinter;
  readonly #running = new Map<string, Running>();
  readonly #init: Task;
  readonly #outside = new Map<string, Task>();
  readonly #settled: Promise<void>;
  #settle: () => void = () => {};
  #decide: Client<typeof decider> | undefined;
  #faulted: string | undefined;
  #badges = 0;

  constructor(ports: BootPorts) {
    this.#ports = ports;
    this.#init = ports.kernel.spawn(INIT_NAME);
    this.#outside.set(INIT_NAME, this.#init);
    this.#settled = new Promise((resolve) => this.#settle = resolve);
    this.#printer = new MarkerPrinter(
      ports.machine.uart,
      () => ports.clock.nowNs(),
      ports.observe,
    );
  }

  async start(): Promise<void> {
    const { components, policy, seededBy: profile } = this.#ports;
    if (profile !== undefined) this.#prove(INIT_NAME, INIT_MARKERS.seeded, { profile });
    const decides = components.find(({ name }) => name === policy);
    const order = bootOrder(components, decides);
    for (const component of order) this.#spawn(component);
    let denialProven = false;
    for (const component of order) {
      if (Object.keys(component.uses).length > 0 && !denialProven) {
        await this.#proveDenial();
        denialProven = true;
      }
      await this.#begin(component);
    }
    await this.#ports.settle?.(this);
    this.#prove(INIT_NAME, INIT_MARKERS.ready, { daemons: order.length });
    this.#settle();
  }

  connect(principal: string, service: Service): SyscallChannel {
    const task = this.#outside.get(principal) ?? this.#ports.kernel.spawn(principal);
    this.#outside.set(principal, task);
    return this.#channel(task, service);
  }

  stop(): void {
    this.#ports.kernel.stop();
  }

  #spawn(component: AnyComponent): void {
    const { name } = component;
    const task = this.#ports.kernel.spawn(name);
    this.#prove(INIT_NAME, INIT_MARKERS.start, { name });
    const receive = new Map<string, Slot>();
    const replyTo = new Map<string, Map<number, Slot>>();
    for (const service of served(component)) {
      const endpoint = endpointOf(service);
      if (receive.has(endpoint)) continue;
      const pair = task.endpointCreate(component.depth ?? DEPTH);
      if (pair.status !== "ok") throw new BootError("no_space", name);
      receive.set(endpoint, pair.receive);
      replyTo.set(endpoint, new Map());
    }
    this.#running.set(name, { component, task, receive, replyTo });
    this.#prove(INIT_NAME, INIT_MARKERS.up, { name });
  }

  async #begin(component: AnyComponent): Promise<void> {
    const running = this.#running.get(component.name);
    assert(running !== undefined, "a component is spawned before it begins");
    const gate = this.#gateFor(running);
    const behaviour = await this.#create(running, gate);
    for (const endpoint of running.receive.keys()) {
      this.#serve(running, { endpoint, behaviour, gate });
    }
    if (this.#faulted !== undefined) throw new BootError("daemon_faulted", this.#faulted);
    const ready = markersOf(component)["ready"];
    if (ready !== undefined) {
      this.#prove(component.name, ready, { endpoints: Math.max(1, running.receive.size) });
    }
  }

  async #create(running: Running, gate: Gate): Promise<Record<string, Handlers<Service>>> {
    const { component, task } = running;
    const { name } = component;
    const declared = markersOf(component);
    const channel = this.#channels(running);
    const given = {
      call: clientsOf(component, channel),
      channel,
      device: await this.#devices(running),
      clock: task.clock,
      syscalls: task,
      args: this.#ports.args[name] ?? {},
      gate,
      prove: (key: string, evidence: Readonly<Record<string, Evidence>>) => {
        const declaration = declared[key];
        assert(declaration !== undefined, "a daemon prints markers of its own protocol");
        if (!task.exited) this.#prove(name, declaration, evidence);
      },
      settled: this.#settled,
      spawn: (loop: () => Promise<void>) => {
        loop().catch((error) => this.#fault(running, error));
      },
    };
    try {
      // The component's own types tie what is given to what it takes.
      return await component.create(given as never) as Record<string, Handlers<Service>>;
    } catch (error) {
      this.#fault(running, error);
      throw new BootError("daemon_faulted", name);
    }
  }

  #channels({ component, task }: Running): Record<string, SyscallChannel> {
    const channels = Object.entries(component.calls).map(([key, service]) =>
      [key, this.#channel(task, service)] as const
    );
    return Object.fromEntries(channels);
  }

  /** Mints a send right to the service and a reply endpoint that its server may send to. */
  #channel(task: Task, service: Service): SyscallChannel {
    const server = serverOf(this.#ports.components, service);
    const running = this.#running.get(server?.name ?? "");
    assert(running !== undefined, "a called service is served by a spawned component");
    const endpoint = endpointOf(service);
    const receive = running.receive.get(endpoint);
    const { kernel } = this.#ports;
    const badge = ++this.#badges;
    const send = receive === undefined
      ? undefined
      : kernel.mintSend(running.task, receive, task, badge);
    const replies = task.endpointCreate(REPLY_DEPTH);
    if (send === undefined || replies.status !== "ok") {
      throw new BootError("no_space", task.self.name);
    }
    const back = kernel.mintSend(task, replies.receive, running.task, 0);
    if (back === undefined) throw new BootError("no_space", running.task.self.name);
    task.capClose(replies.send);
    running.replyTo.get(endpoint)?.set(badge, back);
    return new SyscallChannel(task, { send, receive: replies.receive }, nonceReaderOf(service));
  }

  #gateFor({ component, task }: Running): Gate {
    if (component.name === this.#ports.policy || !gated(component)) {
      return () => Promise.resolve(false);
    }
    const client = this.#decider(task);
    return async (ask) => (await client.decide(ask)).status === "ok";
  }

  #decider(task: Task): Client<typeof decider> {
    const policy = this.#running.get(this.#ports.policy);
    const service = Object.values(policy?.component.serves ?? {}).find(speaksDecide);
    assert(service !== undefined, "the policy component serves DECIDE");
    return createClient(decider, this.#channel(task, service));
  }

  async #devices(running: Running): Promise<Record<string, DevicePorts>> {
    const { component, task } = running;
    const owned: Record<string, DevicePorts> = {};
    for (const [key, name] of Object.entries(component.uses)) {
      const device = this.#ports.machine.devices.find((candidate) => candidate.name === name);
      if (device === undefined) throw new BootError("device_missing", component.name);
      await this.#permit(component.name, device, DEVICE_CAPABILITY[name]);
      owned[key] = this.#grant(task, device);
    }
    return owned;
  }

  async #permit(subject: string, device: MachineDevice, capability: string): Promise<void> {
    const ask = { subject, capability, operation: "init.grant", target: device.name };
    if (!await this.#asksPolicy(ask)) throw new BootError("device_denied", subject);
  }

  #grant(task: Task, device: MachineDevice): DevicePorts {
    const slot = this.#ports.kernel.grantDevice(task, device);
    if (slot === undefined) throw new BootError("no_space", task.self.name);
    const mapped = task.mmioMap(slot, 0, device.length);
    const dma = task.dmaMap(slot);
    const irq = task.irqBind(slot);
    assert(mapped.status === "ok" && dma !== undefined && irq !== undefined, "a grant maps");
    return { window: mapped.window, dma, irq };
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
    this.#decide ??= this.#decider(this.#init);
    return this.#decide;
  }

  #serve(
    running: Running,
    { endpoint, behaviour, gate }: {
      endpoint: string;
      behaviour: Readonly<Record<string, Handlers<Service>>>;
      gate: Gate;
    },
  ): void {
    const { component, task } = running;
    const bound: Bound[] = [];
    for (const [key, service] of Object.entries(component.serves)) {
      const handlers = behaviour[key];
      if (endpointOf(service) !== endpoint || handlers === undefined) continue;
      bound.push(bind(service, handlers));
    }
    const receive = running.receive.get(endpoint);
    const replyTo = running.replyTo.get(endpoint);
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
      fault: (error) => this.#fault(running, error),
    });
  }

  #fault({ task }: Running, error: unknown): void {
    if (task.exited) return;
    const { name } = task.self;
    task.exit();
    this.#faulted ??= name;
    this.#prove(INIT_NAME, INIT_MARKERS.fault, { name });
    this.#ports.faulted(name, reasonOf(error));
  }

  #prove(
    task: string,
    declaration: Parameters<MarkerPrinter["prove"]>[1],
    evidence: Readonly<Record<string, Evidence>>,
  ): void {
    this.#printer.prove(task, declaration, evidence);
  }
}

function clientsOf(
  component: AnyComponent,
  channels: Readonly<Record<string, SyscallChannel>>,
): Record<string, unknown> {
  const clients = Object.entries(component.calls).map(([key, service]) => {
    const channel = channels[key];
    assert(channel !== undefined, "every called service has its channel");
    return [key, createClient(service, channel)] as const;
  });
  return Object.fromEntries(clients);
}

/** Messages of other errors may quote what they choked on: their name is all that is told. */
function reasonOf(error: unknown): string {
  if (error instanceof InvariantError) return error.message;
  return error instanceof Error ? error.name : "unknown";
}

function served(component: AnyComponent): readonly Service[] {
  return Object.values(component.serves).filter(({ ops }) => Object.keys(ops).length > 0);
}

function speaksDecide(service: Service): boolean {
  return service.plane === "packed" && service.magic === decider.magic &&
    service.version === decider.version;
}
