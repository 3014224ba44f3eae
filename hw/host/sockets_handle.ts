import { isIP } from "node:net";
import process from "node:process";
import { getSystemErrorName } from "node:util";
import {
  type HostAddress,
  type HostListener,
  type HostSocketError,
  HostSocketFailure,
  type HostSockets,
  type HostTcp,
} from "@runtime/core/ports.ts";
import { socketErrorNamed, socketErrorOf } from "./socket_error.ts";
import { connectTcpNode, listenTcpNode } from "./sockets_node.ts";
import { CarriedTcp, type Carrier, type CarrierEvents, hostAddress } from "./stream.ts";
import {
  END_OF_FILE,
  type HandleAddress,
  type HandleRequest,
  type TcpHandle,
  type TcpHandles,
} from "./tcp_handle.ts";

/*
 * TCP over the handles that `node:net` itself uses: the same system calls, half-close and RST, at
 * a fraction of the work for each connection. Addresses that are names go to `node:net`.
 */

/** Connections that the host keeps for us before we accept them. */
const BACKLOG_COUNT = 512;

export function tcpOverHandles(
  handles: TcpHandles,
): Pick<HostSockets, "listenTcp" | "connectTcp"> {
  return {
    listenTcp(at, accept) {
      if (isIP(at.host) === 0) return listenTcpNode(at, accept);
      return Promise.resolve().then(() => listen(handles, at, accept));
    },
    connectTcp(to) {
      const version = isIP(to.host);
      if (version === 0) return connectTcpNode(to);
      const target = { host: to.host, port: to.port, version };
      return tcpOver(new HandleCarrier(handles, handles.open(), target), to, false);
    },
  };
}

function tcpOver(carrier: HandleCarrier, remote: HostAddress, opened: boolean): HostTcp {
  return new CarriedTcp(carrier, opened, remote, () => carrier.local());
}

function listen(
  handles: TcpHandles,
  at: HostAddress,
  accept: (connection: HostTcp) => void,
): HostListener {
  const server = handles.openListener();
  server.onconnection = (status) => {
    // No descriptor is left for a connection that came: it waits in the backlog.
    if (status === 0) reporting(() => acceptFrom(handles, server, accept));
  };
  try {
    const bound = isIP(at.host) === 6
      ? server.bind6(at.host, at.port, 0)
      : server.bind(at.host, at.port);
    const status = bound === 0 ? server.listen(BACKLOG_COUNT) : bound;
    if (status !== 0) throw new HostSocketFailure(errorOf(status), at);
  } catch (error) {
    server.close();
    if (error instanceof HostSocketFailure) throw error;
    throw new HostSocketFailure(socketErrorOf(error), at, { cause: error });
  }
  return {
    local: addressOf((into) => server.getsockname(into)) ?? at,
    close() {
      server.close();
      return Promise.resolve();
    },
  };
}

function acceptFrom(
  handles: TcpHandles,
  server: TcpHandle,
  accept: (connection: HostTcp) => void,
): void {
  const handle = handles.open();
  const accepted = server.accept(handle) === 0;
  const remote = accepted ? addressOf((into) => handle.getpeername(into)) : undefined;
  // A peer that left before it was accepted has no address and nothing to say.
  if (remote === undefined) return handle.close();
  accept(tcpOver(new HandleCarrier(handles, handle, undefined), remote, true));
}

/** Whom to connect to, and by which version of IP. */
interface Target extends HostAddress {
  readonly version: number;
}

class HandleCarrier implements Carrier {
  readonly #handles: TcpHandles;
  readonly #handle: TcpHandle;
  /** `undefined` for a connection that was accepted. */
  readonly #to: Target | undefined;
  #events: CarrierEvents | undefined;
  #readEnded = false;
  #writeEnded = false;
  #closing = false;

  constructor(handles: TcpHandles, handle: TcpHandle, to: Target | undefined) {
    this.#handles = handles;
    this.#handle = handle;
    this.#to = to;
    handle.setNoDelay(true);
  }

  start(events: CarrierEvents): void {
    this.#events = events;
    this.#handle.onread = (bytes) => this.#read(bytes);
    if (this.#to === undefined) this.#handle.readStart();
    else this.#connect(this.#to);
  }

  write(bytes: Uint8Array): void {
    const oncomplete = (status: number) => reporting(() => this.#written(status));
    const status = this.#handle.writeBuffer({ buffer: bytes, oncomplete }, bytes);
    // Later, so that what else is written in this turn leaves together in one more write.
    if (status !== 0 || !this.#handles.waits()) process.nextTick(() => this.#written(status));
  }

  pause(): void {
    if (!this.#closing) this.#handle.readStop();
  }

  resume(): void {
    if (!this.#closing && !this.#readEnded) this.#handle.readStart();
  }

  end(): void {
    if (this.#closing) return;
    const request = { oncomplete: () => reporting(() => this.#half("write")) };
    if (this.#handle.shutdown(request) !== 0) process.nextTick(() => this.#half("write"));
  }

  reset(): void {
    if (this.#closing) return;
    this.#handle.reset();
    this.#close();
  }

  /** The own end's address, as long as there is one. */
  local(): HostAddress {
    const local = this.#closing ? undefined : addressOf((into) => this.#handle.getsockname(into));
    return local ?? hostAddress(undefined, undefined);
  }

  #connect({ host, port, version }: Target): void {
    const request: HandleRequest = {
      oncomplete: (status) => reporting(() => this.#connected(status)),
    };
    try {
      const status = version === 6
        ? this.#handle.connect6(request, host, port)
        : this.#handle.connect(request, host, port);
      if (status !== 0) process.nextTick(() => this.#fail(errorOf(status)));
    } catch (error) {
      process.nextTick(() => this.#fail(socketErrorOf(error)));
    }
  }

  #connected(status: number): void {
    if (this.#closing) return;
    if (status !== 0) return this.#fail(errorOf(status));
    this.#handle.readStart();
    this.#events?.opened();
  }

  #read(bytes: ArrayBuffer | undefined): void {
    const length = this.#handles.read();
    if (this.#closing || length === 0) return;
    if (length > 0 && bytes !== undefined) this.#events?.data(new Uint8Array(bytes, 0, length));
    else if (length === END_OF_FILE) reporting(() => this.#half("read"));
    else reporting(() => this.#fail(errorOf(length)));
  }

  #written(status: number): void {
    if (this.#closing) return;
    if (status === 0) this.#events?.written();
    else this.#fail(errorOf(status));
  }

  /** One direction is over; both make the connection over. */
  #half(direction: "read" | "write"): void {
    if (this.#closing) return;
    if (direction === "write") this.#writeEnded = true;
    else {
      this.#readEnded = true;
      this.#events?.ended();
    }
    if (this.#readEnded && this.#writeEnded) this.#close();
  }

  #fail(error: HostSocketError): void {
    if (this.#closing) return;
    this.#events?.failed(error);
    this.#close();
  }

  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#handle.close();
    // The handle's own call back would come when something else wakes the loop.
    process.nextTick(() => this.#events?.closed());
  }
}

/** The port's word for what a handle answered. */
function errorOf(status: number): HostSocketError {
  return socketErrorNamed(getSystemErrorName(status));
}

function addressOf(ask: (into: HandleAddress) => number): HostAddress | undefined {
  const into: HandleAddress = {};
  if (ask(into) !== 0 || into.address === undefined) return undefined;
  return hostAddress(into.address, into.port);
}

/** Runs a handle's callback: the runtime may drop what it throws, and a bug must be seen. */
function reporting(work: () => void): void {
  try {
    work();
  } catch (error) {
    reportError(error);
  }
}
