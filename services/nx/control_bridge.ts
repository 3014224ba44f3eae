import type { Clock, Turns, UnixListener } from "@runtime/core/ports.ts";
import type { FrameStream } from "@runtime/core/program_ports.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { HEADER_LENGTH, speaks } from "@runtime/idl/packed_frame.ts";
import type { PackedService } from "@runtime/idl/service.ts";
import { WAIT_MAX_MS } from "../controld/protocol.ts";
import type { ControlPorts } from "./control_client.ts";

/** Connections at a time; one more is closed at once. */
export const CONNECTIONS_MAX = 16;
/** Requests of one connection that may wait behind the one under way. */
export const WAITING_MAX = 8;
/** How long a connection may say nothing, in milliseconds. */
export const IDLE_TIMEOUT_MS = 120_000;
/** How long a request may take: the longest operation, and the relays behind it. */
export const REQUEST_TIMEOUT_MS = WAIT_MAX_MS + 5_000;

const NONCE_LENGTH = 8;

/** A control socket that serves. */
export interface ControlServer {
  /** Stops accepting and ends every connection. */
  close(): Promise<void>;
}

/** A protocol that the bridge carries, and where to. */
export interface BridgeRoute {
  /** With a nonce of 64 bits, and the status in front of the reply's. */
  readonly service: PackedService;
  /** Channel of the principal `host-control` to who serves it. */
  readonly channel: RawChannel;
}

/** What the bridge stands on. */
export interface BridgePorts extends ControlPorts {
  readonly routes: readonly BridgeRoute[];
}

/**
 * Carries the frames of a control socket to who serves their protocol, one of each connection at a
 * time.
 *
 * Connections choose their own nonces, so each request travels under a nonce of the bridge's. What
 * cannot be a request of any of the protocols ends its connection.
 *
 * @throws {HostSocketFailure} when the path cannot be had.
 */
export async function serveControl(ports: BridgePorts, path: string): Promise<ControlServer> {
  const open = new Set<Connection>();
  const nonces = new Nonces();
  const listener: UnixListener = await ports.control.listen(path, (stream) => {
    if (open.size >= CONNECTIONS_MAX) return refuse(stream);
    const connection = new Connection(stream, { ...ports, nonces });
    open.add(connection);
    connection.begin(() => open.delete(connection));
  });
  return {
    async close() {
      for (const connection of open) connection.close();
      await listener.close();
    },
  };
}

/** Nonces that no two requests under way share. */
class Nonces {
  #last = 0n;

  next(): bigint {
    this.#last = BigInt.asUintN(64, this.#last + 1n);
    return this.#last;
  }
}

function refuse(stream: FrameStream): void {
  stream.observe({ opened() {}, frame() {}, closed() {} });
  stream.reset();
}

interface ConnectionPorts {
  readonly routes: readonly BridgeRoute[];
  readonly clock: Clock;
  readonly turns: Turns;
  readonly nonces: Nonces;
}

/** A request on its way to who serves it. */
interface Request {
  readonly frame: Uint8Array;
  readonly channel: RawChannel;
}

class Connection {
  readonly #stream: FrameStream;
  readonly #ports: ConnectionPorts;
  readonly #waiting: Request[] = [];
  #busy = false;
  #over = false;
  #cancelIdle: () => void = () => {};

  constructor(stream: FrameStream, ports: ConnectionPorts) {
    this.#stream = stream;
    this.#ports = ports;
  }

  begin(ended: () => void): void {
    this.#stream.observe({
      opened() {},
      frame: (bytes) => this.#take(bytes),
      closed: () => {
        this.#finish();
        ended();
      },
    });
    this.#watch();
  }

  close(): void {
    this.#finish();
    this.#stream.end();
  }

  #take(bytes: Uint8Array): void {
    if (this.#over) return;
    const fits = bytes.length >= HEADER_LENGTH + NONCE_LENGTH && bytes.length <= FRAME_LENGTH_MAX;
    const route = this.#ports.routes.find(({ service }) => speaks(service, bytes));
    if (!fits || route === undefined || this.#waiting.length >= WAITING_MAX) return this.#abort();
    this.#waiting.push({ frame: bytes.slice(), channel: route.channel });
    if (!this.#busy) this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    this.#cancelIdle();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const reply = await this.#forward(next);
      if (this.#over) return;
      if (reply === undefined || !this.#stream.send(reply)) return this.#abort();
    }
    this.#busy = false;
    this.#watch();
  }

  /** @returns The reply under the connection's own nonce; `undefined` when there is none. */
  async #forward({ frame, channel }: Request): Promise<Uint8Array | undefined> {
    const nonce = this.#ports.nonces.next();
    const own = nonceView(frame, HEADER_LENGTH).getBigUint64(0, true);
    nonceView(frame, HEADER_LENGTH).setBigUint64(0, nonce, true);
    const timeoutMs = REQUEST_TIMEOUT_MS;
    const outcome = await channel.exchange({
      frame,
      nonce,
      move: undefined,
      timeoutMs,
    });
    if (outcome.status !== "ok") return undefined;
    const reply = outcome.frame.slice();
    // Behind the header stand the status and then the nonce.
    nonceView(reply, HEADER_LENGTH + 1).setBigUint64(0, own, true);
    return reply;
  }

  #watch(): void {
    const { clock, turns } = this.#ports;
    this.#cancelIdle = turns.at(clock.nowNs() + IDLE_TIMEOUT_MS * 1e6, () => this.#abort());
  }

  #abort(): void {
    this.#finish();
    this.#stream.reset();
  }

  #finish(): void {
    this.#over = true;
    this.#waiting.length = 0;
    this.#cancelIdle();
  }
}

function nonceView(frame: Uint8Array, offset: number): DataView {
  return new DataView(frame.buffer, frame.byteOffset + offset, NONCE_LENGTH);
}
