/**
 * A process whose inspector is open, and the isolates in it: what each holds in memory.
 *
 * @module
 */

/** Looks for the inspector for so long. */
const HANG_MS = 20_000;
/** Bytes that are fetched from an isolate in one answer. */
const PIECE_LENGTH = 1 << 20;

/**
 * The buffers behind what was found, each once. A short array has one only when it is asked for it, so
 * arrays are looked for as well; the prototypes are found too, and throw.
 */
const BUFFERS = `function (...others) {
  const buffers = [this, ...others].flatMap((found) => found.flatMap((each) => {
    try {
      return each.byteLength > 0 ? [ArrayBuffer.isView(each) ? each.buffer : each] : [];
    } catch {
      return [];
    }
  }));
  return [...new Set(buffers)];
}`;
const LENGTHS = "function () { return this.map((buffer) => buffer.byteLength); }";
const CONTENTS = `function (from, to) {
  return this.slice(from, to).map((buffer) => new Uint8Array(buffer).toBase64());
}`;
const HOLDERS = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Object.getPrototypeOf(Int8Array)",
];

type Result = Readonly<Record<string, unknown>>;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Result;
  readonly result?: Result;
  readonly error?: { readonly message: string };
}

type Params = Readonly<Record<string, unknown>>;

/** What an isolate has in memory, as far as arrays of bytes show it. */
export type Memory = readonly Uint8Array[];

/** One isolate of the process. */
export class InspectedIsolate {
  /** Address of its main module. */
  readonly url: string;
  readonly #ask: (method: string, params: Params) => Promise<Result>;

  constructor(
    url: string,
    ask: (method: string, params: Params) => Promise<Result>,
  ) {
    this.url = url;
    this.#ask = ask;
  }

  /**
   * Has the isolate hold bytes: in an array of its own, behind a view of a larger one, and in memory
   * that could be shared. They live as long as the inspector does.
   */
  async plant(bytes: Uint8Array): Promise<void> {
    const source = `(() => {
      const bytes = [${bytes}];
      const shared = new Uint8Array(new SharedArrayBuffer(4096));
      const view = new Uint8Array(8192).subarray(100);
      shared.set(bytes, 5);
      view.set(bytes);
      return [Uint8Array.from(bytes), view, new DataView(shared.buffer)];
    })()`;
    await this.#ask("Runtime.evaluate", { expression: source });
  }

  /** Every byte of every array buffer, shared or not, that lives. */
  async memory(): Promise<Memory> {
    const found: string[] = [];
    for (const holder of HOLDERS) {
      const prototypeObjectId = await this.#evaluate(`${holder}.prototype`);
      const { objects } = await this.#ask("Runtime.queryObjects", { prototypeObjectId }) as Found;
      found.push(handleOf(objects));
    }
    const [first = "", ...others] = found;
    const buffers = handleOf(
      await this.#call(first, BUFFERS, { given: others.map((objectId) => ({ objectId })) }),
    );
    const lengths = valueOf<number[]>(await this.#call(buffers, LENGTHS, { byValue: true }));
    const pieces: Uint8Array[] = [];
    for (const [from, to] of batches(lengths)) {
      const given = [{ value: from }, { value: to }];
      const texts = await this.#call(buffers, CONTENTS, { given, byValue: true });
      pieces.push(...valueOf<string[]>(texts).map((text) => Uint8Array.fromBase64(text)));
    }
    return pieces;
  }

  async #evaluate(expression: string): Promise<string> {
    const { result } = await this.#ask("Runtime.evaluate", { expression }) as Found;
    return handleOf(result);
  }

  async #call(
    objectId: string,
    functionDeclaration: string,
    { given = [], byValue = false }: { given?: readonly object[]; byValue?: boolean },
  ): Promise<unknown> {
    const asked = { objectId, functionDeclaration, arguments: given, returnByValue: byValue };
    const { result, exceptionDetails } = await this.#ask(
      "Runtime.callFunctionOn",
      asked,
    ) as Found;
    if (exceptionDetails !== undefined) throw new TypeError(JSON.stringify(exceptionDetails));
    return result;
  }
}

interface Found {
  readonly result?: unknown;
  readonly exceptionDetails?: unknown;
  readonly objects?: unknown;
}

function valueOf<T>(found: unknown): T {
  return (found as { readonly value: T }).value;
}

/** Ranges of what fits into one answer. */
function batches(lengths: readonly number[]): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  let sum = Infinity;
  for (const [index, length] of lengths.entries()) {
    sum += length;
    const last = ranges.at(-1);
    if (last !== undefined && sum <= PIECE_LENGTH) last[1] = index + 1;
    else {
      ranges.push([index, index + 1]);
      sum = length;
    }
  }
  return ranges;
}

function handleOf(found: unknown): string {
  return (found as { readonly objectId: string }).objectId;
}

/** The inspector of one process. */
export class Inspected {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #workers: InspectedIsolate[] = [];
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
  }

  /** Connects to the inspector at a port of the loopback, which is about to open. */
  static async at(port: number): Promise<Inspected> {
    const socket = new WebSocket(await addressAt(port));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new TypeError("no inspector"));
    });
    const inspected = new Inspected(socket);
    await inspected.#ask("Target.setAutoAttach", {
      autoAttach: true,
      flatten: true,
      waitForDebuggerOnStart: false,
    });
    return inspected;
  }

  /** The main thread. */
  get main(): InspectedIsolate {
    return new InspectedIsolate("main", (method, params) => this.#ask(method, params));
  }

  /** Workers in the order in which they were started. */
  get workers(): readonly InspectedIsolate[] {
    return this.#workers;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.#socket.close();
    await closed;
  }

  #hear(answer: Answer): void {
    if (answer.id !== undefined) return this.#waiting.get(answer.id)?.(answer);
    if (answer.method !== "Target.attachedToTarget") return;
    const { sessionId, targetInfo } = answer.params as unknown as {
      sessionId: string;
      targetInfo: { url: string };
    };
    const ask = (method: string, params: Params) => this.#ask(method, params, sessionId);
    this.#workers.push(new InspectedIsolate(targetInfo.url, ask));
  }

  #ask(method: string, params: Params, sessionId?: string): Promise<Result> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result ?? {});
        else reject(new TypeError(`${method}: ${error.message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
  }
}

async function addressAt(port: number): Promise<string> {
  for (const endMs = Date.now() + HANG_MS; Date.now() < endMs;) {
    try {
      const [target] = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
      return target.webSocketDebuggerUrl;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new TypeError("the inspector did not open");
}
