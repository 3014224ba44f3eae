import type {
  InterruptRegisters,
  MachineDevice,
  StartedIsolate,
  WireEnd,
  Wires,
} from "../core/ports.ts";
import type { RightMove } from "../kernel/crossing.ts";
import {
  type ArrivingRight,
  type Beginning,
  BootError,
  type CallerPlace,
  type CallerWires,
  type Departure,
  type EndpointPlan,
  type ExportedWire,
  type Isolate,
  type IsolateObserver,
  type Join,
  type ServerWires,
} from "./isolate.ts";
import { type News, newsOf } from "./news.ts";
import { Rate } from "./rate.ts";
import type { Provocation } from "./protocol.ts";

/** What the boot does for a device whose driver lives in another isolate. */
export type BridgeDevice = (task: string, device: MachineDevice, end: WireEnd) => void;

/** What a remote isolate is made of. */
export interface RemoteIsolateParts {
  readonly name: string;
  readonly started: StartedIsolate;
  readonly wires: Wires;
  readonly observer: BorderObserver;
  readonly bridge: BridgeDevice;
  readonly nowNs: () => number;
}

/** What another isolate tells the boot, beside what its daemons do. */
export interface BorderObserver extends IsolateObserver {
  /** A send right leaves it. */
  moved(move: RightMove): void;
  /** Nothing goes over a right any more. */
  ended(right: number): void;
  /** It says that the other end of a right broke the rules. */
  accused(right: number): void;
  /** It says what no kernel's entry would say: it cannot be trusted. */
  violated(): void;
}

/** What crosses of a device: everything but its registers, which stay with the machine. */
export interface DeviceHandover {
  readonly name: string;
  readonly base: number;
  readonly length: number;
  readonly irq: number;
  readonly doorbell?: number | undefined;
  readonly interrupt?: InterruptRegisters | undefined;
  readonly dmaBase: number;
  /** The region's SharedArrayBuffer: the one memory that is shared with a driver. */
  readonly dma: ArrayBufferLike;
  readonly end: WireEnd;
}

/** Orders over the control wire: the name of what is to be done, and its arguments. */
export type Order =
  | readonly ["spawn", string, readonly EndpointPlan[]]
  | readonly ["join", Join]
  | readonly ["attach", CallerWires]
  | readonly ["letIn", ServerWires]
  | readonly ["letInExported", ExportedWire]
  | readonly ["arrive", ArrivingRight]
  | readonly ["sever", readonly number[]]
  | readonly ["forget", number]
  | readonly ["cut", CallerPlace]
  | readonly ["stop", string]
  | readonly ["departed", string, Departure]
  | readonly ["provoke", string, Provocation]
  | readonly ["ping"]
  | readonly ["grant", string, string, DeviceHandover]
  | readonly ["begin", string, Beginning]
  | readonly ["settle"];

/** News of one isolate: many times what its daemons can cause, and no flood for the boot. */
const NEWS_RATE = { burst: 131_072, perSecond: 65_536 };

/** An isolate in another thread: each order is a message, each outcome comes as one. */
export class RemoteIsolate implements Isolate {
  readonly name: string;
  readonly #parts: RemoteIsolateParts;
  readonly #rate: Rate;
  /** Daemons that were spawned in it, in order: it speaks for no others. */
  readonly #tasks = new Set<string>();
  #over = false;
  /** Who waits for a daemon to serve. */
  readonly #beginning = new Map<string, (failure: BootError | undefined) => void>();
  /** Who cannot begin, because an order before could not be carried out. */
  readonly #failed = new Map<string, BootError>();

  constructor(parts: RemoteIsolateParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#rate = new Rate(NEWS_RATE, parts.nowNs);
    parts.started.control.listen((message) => this.#hear(message));
  }

  spawn(task: string, endpoints: readonly EndpointPlan[]): void {
    this.#tasks.add(task);
    this.#order(["spawn", task, endpoints]);
  }

  join(join: Join): void {
    this.#order(["join", join]);
  }

  attach(wires: CallerWires): void {
    this.#order(["attach", wires], [wires.requests.end, wires.replies.end]);
  }

  letIn(wires: ServerWires): void {
    this.#order(["letIn", wires], [wires.requests.end, wires.replies.end]);
  }

  letInExported(wire: ExportedWire): void {
    this.#order(["letInExported", wire], [wire.requests.end]);
  }

  arrive(right: ArrivingRight): void {
    this.#order(["arrive", right], [right.requests.end]);
  }

  sever(rights: readonly number[]): void {
    this.#order(["sever", rights]);
  }

  forget(right: number): void {
    this.#order(["forget", right]);
  }

  cut(caller: CallerPlace): void {
    this.#order(["cut", caller]);
  }

  stop(task: string): void {
    this.#order(["stop", task]);
  }

  departed(task: string, departure: Departure): void {
    this.#order(["departed", task, departure]);
  }

  provoke(task: string, how: Provocation): void {
    this.#order(["provoke", task, how]);
  }

  ping(): void {
    this.#order(["ping"]);
  }

  grant(task: string, key: string, device: MachineDevice): void {
    const { dma, window: _, ...place } = device;
    const [end, own] = this.#parts.wires.pair();
    this.#parts.bridge(task, device, own);
    const handover = { ...place, dmaBase: dma.base, dma: dma.bytes.buffer, end };
    this.#order(["grant", task, key, handover], [end]);
  }

  begin(task: string, beginning: Beginning): Promise<void> {
    const failed = this.#failed.get(task);
    this.#failed.delete(task);
    if (failed !== undefined) return Promise.reject(failed);
    return new Promise((resolve, reject) => {
      this.#beginning.set(task, (failure) => {
        this.#beginning.delete(task);
        if (failure === undefined) resolve();
        else reject(failure);
      });
      this.#order(["begin", task, beginning], beginning.key && [beginning.key.buffer]);
    });
  }

  settle(): void {
    this.#order(["settle"]);
  }

  /** Which of its daemons was resumed last, as far as one was. */
  get resumedLast(): string | undefined {
    return [...this.#tasks][(this.#parts.started.activity[0] ?? 0) - 1];
  }

  /** It is gone, or no longer trusted: it is heard no more, and who waits for it is told. */
  end(): void {
    const { started } = this.#parts;
    this.#over = true;
    started.control.close();
    started.terminate();
    for (const [task, tell] of this.#beginning) tell(new BootError("daemon_faulted", task));
  }

  #order(order: Order, moved: readonly (ArrayBuffer | WireEnd)[] = []): void {
    this.#parts.started.control.post(order, moved);
  }

  #fail(failure: BootError): void {
    const tell = this.#beginning.get(failure.task);
    if (tell === undefined) this.#failed.set(failure.task, failure);
    else tell(failure);
  }

  #hear(message: unknown): void {
    if (this.#over) return;
    const { observer } = this.#parts;
    const news = this.#rate.take() ? newsOf(message) : undefined;
    if (news === undefined || !this.#speaksFor(news)) return observer.violated();
    switch (news[0]) {
      case "began":
        return this.#beginning.get(news[1])?.(undefined);
      case "failed":
        return this.#fail(new BootError(news[2], news[1]));
      case "proved":
        if (!observer.proved(news[1], news[2], news[3], news[4])) observer.violated();
        return;
      case "faulted":
        return observer.faulted(news[1], news[2]);
      case "garbled":
        return observer.garbled(news[1]);
      case "alive":
        return observer.alive(this.name, news[1]);
      case "moved":
        return observer.moved(news[1]);
      case "ended":
        return observer.ended(news[1]);
      case "violated":
        return observer.accused(news[1]);
    }
  }

  #speaksFor([kind, subject]: News): boolean {
    if (kind === "garbled") return this.#tasks.has(subject.task);
    return typeof subject !== "string" || this.#tasks.has(subject);
  }
}
