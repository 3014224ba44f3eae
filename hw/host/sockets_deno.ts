import {
  type HostAddress,
  type HostListener,
  type HostSocketError,
  HostSocketFailure,
  type HostStream,
  type HostTcp,
  type UnixListener,
} from "@runtime/core/ports.ts";
import { socketErrorOf } from "./socket_error.ts";
import {
  CarriedStream,
  CarriedTcp,
  type Carrier,
  type CarrierEvents,
  hostAddress,
} from "./stream.ts";

/*
 * Stream sockets over `Deno.Conn`, for versions whose `node:net` loses bytes after a half-close.
 * It has no way to send a RST: a reset leaves as a FIN.
 */

/** Connections that the host keeps for us before we accept them. */
const BACKLOG_COUNT = 512;
const READ_BYTES_MIN = 16_384;
const READ_BYTES_MAX = 262_144;
/** How long accepting rests after the host had no descriptor left. */
const ACCEPT_RETRY_MS = 50;

export function listenTcpDeno(
  at: HostAddress,
  accept: (connection: HostTcp) => void,
): Promise<HostListener> {
  return failing(at, () => {
    const listener = Deno.listen({ hostname: at.host, port: at.port, tcpBacklog: BACKLOG_COUNT });
    const close = acceptFrom(listener, (conn) => accept(tcpOver(conn)));
    return { local: hostAddress(listener.addr.hostname, listener.addr.port), close };
  });
}

export function connectTcpDeno(to: HostAddress): HostTcp {
  const conn = Deno.connect({ hostname: to.host, port: to.port }).then((tcp) => {
    tcp.setNoDelay(true);
    return tcp;
  });
  const carrier = new ConnCarrier(conn);
  return new CarriedTcp(carrier, false, to, () => localOf(carrier.conn));
}

export function listenUnixDeno(
  path: string,
  accept: (stream: HostStream) => void,
): Promise<UnixListener> {
  return failing({ host: path, port: 0 }, () => {
    const listener = Deno.listen({ transport: "unix", path });
    const close = acceptFrom(
      listener,
      (conn) => accept(new CarriedStream(new ConnCarrier(conn), true)),
    );
    return {
      close() {
        Deno.removeSync(path);
        return close();
      },
    };
  });
}

export function connectUnixDeno(path: string): HostStream {
  return new CarriedStream(new ConnCarrier(Deno.connect({ transport: "unix", path })), false);
}

function failing<T>(at: HostAddress, open: () => T): Promise<T> {
  try {
    return Promise.resolve(open());
  } catch (error) {
    return Promise.reject(new HostSocketFailure(socketErrorOf(error), at, { cause: error }));
  }
}

function tcpOver(conn: Deno.TcpConn): HostTcp {
  conn.setNoDelay(true);
  const { hostname, port } = conn.remoteAddr;
  return new CarriedTcp(
    new ConnCarrier(conn),
    true,
    hostAddress(hostname, port),
    () => localOf(conn),
  );
}

function localOf(conn: Deno.Conn | undefined): HostAddress {
  const address = conn?.localAddr;
  if (address === undefined || !("hostname" in address)) return hostAddress(undefined, undefined);
  return hostAddress(address.hostname, address.port);
}

/** Accepts until the returned function is called, which resolves when accepting is over. */
function acceptFrom<C extends Deno.Conn>(
  listener: { accept(): Promise<C>; close(): void },
  accepted: (conn: C) => void,
): () => Promise<void> {
  let open = true;
  const run = async () => {
    while (open) {
      try {
        accepted(await listener.accept());
      } catch (error) {
        if (!open || error instanceof Deno.errors.BadResource) return;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
      }
    }
  };
  const ended = run();
  return () => {
    if (open) listener.close();
    open = false;
    return ended;
  };
}

class ConnCarrier implements Carrier {
  conn: Deno.Conn | undefined;
  readonly #connecting: Promise<Deno.Conn> | undefined;
  #events: CarrierEvents | undefined;
  #buffer = new Uint8Array(READ_BYTES_MIN);
  #paused = false;
  #reading = false;
  #readEnded = false;
  #writeEnded = false;
  #closed = false;

  constructor(conn: Deno.Conn | Promise<Deno.Conn>) {
    if (conn instanceof Promise) this.#connecting = conn;
    else this.conn = conn;
  }

  start(events: CarrierEvents): void {
    this.#events = events;
    if (this.#connecting === undefined) {
      queueMicrotask(() => this.#read());
      return;
    }
    this.#connecting.then((conn) => this.#connected(conn), (error) => this.#fail(error));
  }

  write(bytes: Uint8Array): void {
    this.#writeAll(bytes).then(() => this.#events?.written(), (error) => this.#fail(error));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  end(): void {
    this.conn?.closeWrite().then(() => this.#half("write"), (error) => this.#fail(error));
  }

  reset(): void {
    queueMicrotask(() => this.#close());
  }

  #connected(conn: Deno.Conn): void {
    if (this.#closed) return conn.close();
    this.conn = conn;
    this.#events?.opened();
    this.#read();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length && this.conn !== undefined;) {
      offset += await this.conn.write(offset === 0 ? bytes : bytes.subarray(offset));
    }
  }

  async #read(): Promise<void> {
    if (this.#reading || this.#readEnded) return;
    this.#reading = true;
    try {
      while (!this.#paused && !this.#closed && this.conn !== undefined) {
        const length = await this.conn.read(this.#buffer);
        if (length === null) {
          this.#half("read");
          break;
        }
        this.#events?.data(this.#buffer.subarray(0, length));
        this.#growAfter(length);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#reading = false;
  }

  #growAfter(length: number): void {
    if (length < this.#buffer.length || this.#paused || length === READ_BYTES_MAX) return;
    this.#buffer = new Uint8Array(Math.min(length * 4, READ_BYTES_MAX));
  }

  /** One direction is over; both make the connection over. */
  #half(direction: "read" | "write"): void {
    if (direction === "write") this.#writeEnded = true;
    else {
      this.#readEnded = true;
      this.#events?.ended();
    }
    if (this.#readEnded && this.#writeEnded) this.#close();
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#events?.failed(errorOf(error));
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.conn?.close();
    this.#events?.closed();
  }
}

/** A socket that its own peer ended while it was written to is a reset, whatever it is called. */
function errorOf(error: unknown): HostSocketError {
  const name = error instanceof Error ? error.name : "";
  return name === "NotConnected" ? "reset" : socketErrorOf(error);
}
