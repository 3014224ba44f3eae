import type { Clock, Turns, Wire, Wires } from "../core/ports.ts";
import { type Border, Kernel } from "../kernel/kernel.ts";
import {
  InterruptLatch,
  RemoteInterrupts,
  remoteWindow,
  type WaitForCell,
} from "../kernel/remote_device.ts";
import type { AnyComponent } from "./component.ts";
import { type Beginning, BootError } from "./isolate.ts";
import type { News } from "./news.ts";
import type { DeviceHandover, Order } from "./remote_isolate.ts";
import { TaskHost } from "./task_host.ts";

/** What the entry of an isolate stands on: everything that its daemons will never see. */
export interface IsolateEntryPorts {
  readonly name: string;
  readonly control: Wire;
  readonly wires: Wires;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly wait: WaitForCell;
  /** A number that no other isolate of the node gets, higher than those that were drawn before. */
  readonly nextOrder: () => number;
  /** Notes which of its daemons is resumed, by its place in the order of spawning. */
  readonly resumed: (index: number) => void;
  /** Bytes of this isolate's own heap. */
  readonly memoryBytes: () => number;
  readonly load: (task: string) => Promise<AnyComponent>;
}

/**
 * Runs the kernel of an isolate: carries out the boot's orders, one after the other, and tells it what
 * happens. An order that cannot be carried out ends the daemon that it was about.
 */
export function runIsolate(ports: IsolateEntryPorts): void {
  new IsolateEntry(ports);
}

class IsolateEntry {
  readonly #ports: IsolateEntryPorts;
  readonly #components = new Map<string, AnyComponent>();
  readonly #interrupts = new RemoteInterrupts();
  readonly #host: TaskHost;
  #done: Promise<void> = Promise.resolve();

  constructor(ports: IsolateEntryPorts) {
    this.#ports = ports;
    const { clock, turns, wires, name } = ports;
    const border: Border = {
      moveRight: (move) => this.#tell(["moved", move]),
      violated: (right) => this.#tell(["violated", right]),
      ended: (right) => this.#tell(["ended", right]),
    };
    const machine = { interrupts: this.#interrupts };
    const { resumed } = ports;
    const kernel = new Kernel({ clock, turns, machine, border, resumed });
    this.#host = new TaskHost({
      name,
      kernel,
      wires,
      componentOf: (task) => this.#componentOf(task),
      observer: {
        proved: (task, key, evidence) => {
          this.#tell(["proved", task, key, evidence, ports.nextOrder()]);
          return true;
        },
        faulted: (task, reason) => this.#tell(["faulted", task, reason]),
        garbled: (caller) => this.#tell(["garbled", caller]),
        alive: (_, stats) => {
          this.#tell(["alive", { ...stats, memoryBytes: ports.memoryBytes() }]);
        },
      },
    });
    ports.control.listen((order) => {
      // Orders come from the boot alone, which is the kernel's other half.
      this.#done = this.#done.then(() => this.#carryOut(order as Order)).catch(this.#failed);
    });
  }

  #tell(news: News): void {
    this.#ports.control.post(news);
  }

  #componentOf(task: string): AnyComponent {
    const component = this.#components.get(task);
    if (component === undefined) throw new BootError("daemon_faulted", task);
    return component;
  }

  async #carryOut(order: Order): Promise<void> {
    switch (order[0]) {
      case "spawn":
        this.#components.set(order[1], await this.#ports.load(order[1]));
        return this.#host.spawn(order[1], order[2]);
      case "grant":
        return this.#host.grant(order[1], order[2], this.#device(order[3]));
      case "begin":
        this.#begin(order[1], order[2]);
        return;
      case "join":
        return this.#host.join(order[1]);
      case "attach":
        return this.#host.attach(order[1]);
      case "letIn":
        return this.#host.letIn(order[1]);
      case "letInExported":
        return this.#host.letInExported(order[1]);
      case "arrive":
        return this.#host.arrive(order[1]);
      case "sever":
        return this.#host.sever(order[1]);
      case "forget":
        return this.#host.forget(order[1]);
      case "cut":
        return this.#host.cut(order[1]);
      case "stop":
        return this.#host.stop(order[1]);
      case "departed":
        return this.#host.departed(order[1], order[2]);
      case "settle":
        return this.#host.settle();
      case "provoke":
        return this.#host.provoke(order[1], order[2]);
      case "ping":
        return this.#host.ping();
    }
  }

  /** Not waited for: what the daemon needs to begin may be the next order. */
  #begin(task: string, beginning: Beginning): void {
    this.#host.begin(task, beginning).then(() => this.#tell(["began", task])).catch(this.#failed);
  }

  /** A bug of the entry's own ends the isolate: what is thrown here is caught by nobody. */
  readonly #failed = (error: unknown): void => {
    if (!(error instanceof BootError)) throw error;
    this.#tell(["failed", error.task, error.code]);
  };

  #device({ dma, dmaBase, end, ...place }: DeviceHandover) {
    const wire = this.#ports.wires.open(end);
    const latch = new InterruptLatch();
    this.#interrupts.add(place.irq, wire, latch);
    const window = remoteWindow(wire, { ...place, latch }, this.#ports.wait);
    return { ...place, window, dma: { base: dmaBase, bytes: new Uint8Array(dma) } };
  }
}
