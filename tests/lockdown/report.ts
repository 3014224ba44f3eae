/** What the worker is asked for. */
export interface Order {
  readonly lock: boolean;
  readonly ask: "escape" | "work" | "look" | "throw";
  /** Modules to import. */
  readonly names: readonly string[];
}

/** What it found. */
export interface Report {
  readonly names: readonly string[];
  /** Names on the prototypes of the global object. */
  readonly behind: readonly string[];
  readonly tried: Readonly<Record<string, string>>;
  /** What a hostile listener saw. */
  readonly caught: readonly unknown[];
  readonly imports: {
    readonly loaded: readonly string[];
    readonly refused: Readonly<Record<string, string>>;
  };
  readonly works: Readonly<Record<string, unknown>>;
}

/** A worker and the way to it. */
export class LockedWorker {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  /** The error that ended it. */
  readonly ended: Promise<string>;
  #lock: boolean;

  constructor({ lock }: { readonly lock: boolean }) {
    const url = new URL("./worker.ts", import.meta.url);
    this.#lock = lock;
    this.#worker = new Worker(url, { type: "module", deno: { permissions: "none" } });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#worker.onerror = (event) => {
      event.preventDefault();
      resolve(event.message);
    };
    this.#first = port2;
  }

  #first: MessagePort | undefined;

  /** Sends an order; the first one takes the port along. */
  ask(ask: Order["ask"], names: readonly string[] = []): Promise<Report> {
    const order: Order = { lock: this.#lock, ask, names };
    const { promise, resolve } = Promise.withResolvers<Report>();
    this.#port.onmessage = ({ data }) => resolve(data);
    if (this.#first === undefined) this.#port.postMessage(order);
    else this.#worker.postMessage(order, [this.#first]);
    this.#first = undefined;
    return promise;
  }

  /** A message to the worker itself, where a hostile daemon would listen. */
  tellWorker(text: string): void {
    this.#worker.postMessage(text);
  }

  end(): void {
    this.#port.close();
    this.#worker.terminate();
  }
}
