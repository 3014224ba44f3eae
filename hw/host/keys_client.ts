/**
 * nexus-keys for programs outside a node: keys of applications over the control socket of a node of the
 * same user, under Deno 2.9 or Node 20 and later.
 *
 * @example
 * ```ts ignore
 * const connection = await connectKeys({ socket: "/run/user/1000/nexus/7401/control.sock" });
 * try {
 *   const { signature } = await connection.keys.sign({ app: "mail", key: "letters" }, message);
 * } finally {
 *   connection.close();
 * }
 * ```
 *
 * @module
 */

import type { FrameStream } from "@runtime/core/program_ports.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { HostSocketFailure } from "@runtime/core/ports.ts";
import type { Exchange, NoReply, RawChannel, RawReply } from "@runtime/idl/channel.ts";
import { nonceReaderOf } from "@runtime/idl/client.ts";
import { connectStream, type StreamConnection } from "@runtime/idl/stream_channel.ts";
import { keys as protocol } from "@services/keystored/client/keys_protocol.ts";
import { NexusKeys } from "@services/keystored/client/mod.ts";
import { framesOver } from "./frame_stream.ts";
import { connectUnixNode } from "./sockets_node.ts";

export * from "@services/keystored/client/mod.ts";

const CONNECT_TIMEOUT_DEFAULT_MS = 1_000;
/** How long a node may take to end its side of a connection, before it is reset. */
const END_TIMEOUT_MS = 500;
const NONCE_OF = nonceReaderOf(protocol) ?? (() => undefined);

/** Where a node is asked. */
export interface KeysPlace {
  /** Path of the node's control socket; `nx nodes --json` tells it. */
  readonly socket: string;
  /** How long the node may take to accept, in milliseconds; a second unless said. */
  readonly connectTimeoutMs?: number;
  /** How long the answer to a call may take, in milliseconds; two seconds unless said. */
  readonly callTimeoutMs?: number;
}

/** The keys of a node, until somebody closes the connection. */
export interface KeysConnection {
  /** What is done with them. */
  readonly keys: NexusKeys;
  /** Ends it: calls under way, and those to come, are `KeysUnavailable` for the reason `gone`. */
  close(): void;
}

/** Nobody accepts at a control socket. */
export class NodeUnreachable extends Error {
  /** The name of this kind of error. */
  override readonly name = "NodeUnreachable";
  /** Why, such as `not_found`, `refused`, `permission_denied` or `timed_out`. */
  readonly code: string;
  /** Path that was tried. */
  readonly socket: string;

  /** Says why nobody accepts at a path. */
  constructor(code: string, socket: string) {
    super(`No node answers at ${socket} (${code}); nx nodes lists those that run`);
    this.code = code;
    this.socket = socket;
  }
}

/**
 * Connects to a node. While nothing is asked for two minutes the node ends the connection, and the
 * next call makes another one: nothing that was sent is sent again.
 *
 * @throws {NodeUnreachable} when nobody accepts there.
 */
export async function connectKeys(place: KeysPlace): Promise<KeysConnection> {
  const channel = new KeptChannel(place);
  await channel.connect();
  return { keys: new NexusKeys(channel), close: () => channel.close() };
}

/** A channel that connects anew before a call when the node has ended the connection before it. */
class KeptChannel implements RawChannel {
  readonly #place: KeysPlace;
  #connection: StreamConnection | undefined;
  /** The attempt under way: calls at the same time share it. */
  #connecting: Promise<StreamConnection> | undefined;
  #closed = false;

  constructor(place: KeysPlace) {
    this.#place = place;
  }

  /** @throws {NodeUnreachable} */
  async connect(): Promise<StreamConnection> {
    if (this.#connection?.ended === false) return this.#connection;
    this.#connecting ??= connected(this.#place).finally(() => this.#connecting = undefined);
    const connection = await this.#connecting;
    if (this.#closed) connection.close();
    return this.#connection = connection;
  }

  async exchange(exchange: Exchange): Promise<RawReply | NoReply> {
    if (this.#closed) return { status: "gone" };
    // A frame is its sender's again when the call returns.
    const frame = exchange.frame.slice();
    try {
      const connection = await this.connect();
      const timeoutMs = this.#place.callTimeoutMs ?? exchange.timeoutMs;
      return await connection.exchange({ ...exchange, frame, timeoutMs });
    } catch (error) {
      if (error instanceof NodeUnreachable) return { status: "gone" };
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }
}

async function connected(
  { socket, connectTimeoutMs = CONNECT_TIMEOUT_DEFAULT_MS }: KeysPlace,
): Promise<StreamConnection> {
  const outcome = await connectStream(framesTo(socket), {
    clock: { nowNs },
    turns: { at: atTime },
    nonceOf: NONCE_OF,
    connectTimeoutMs,
  });
  if (outcome.status === "ok") return outcome.connection;
  throw new NodeUnreachable(outcome.error, socket);
}

function framesTo(socket: string): FrameStream {
  try {
    return endingInTime(framesOver(connectUnixNode(socket), FRAME_LENGTH_MAX));
  } catch (error) {
    if (error instanceof HostSocketFailure) throw new NodeUnreachable(error.code, socket);
    throw error;
  }
}

/** A stream whose end does not wait for ever on the other side, and keeps no program from ending. */
function endingInTime(stream: FrameStream): FrameStream {
  let cancel = () => {};
  return {
    observe: (observer) =>
      stream.observe({
        opened: () => observer.opened(),
        frame: (bytes) => observer.frame(bytes),
        closed(error) {
          cancel();
          observer.closed(error);
        },
      }),
    send: (frame) => stream.send(frame),
    end() {
      cancel = atTime(nowNs() + END_TIMEOUT_MS * 1e6, () => stream.reset());
      stream.end();
    },
    reset: () => stream.reset(),
  };
}

function nowNs(): number {
  return Math.round(performance.now() * 1e6);
}

/** No delay here is longer than a timer takes. */
function atTime(ns: number, work: () => void): () => void {
  const id = setTimeout(work, Math.max(0, Math.ceil((ns - nowNs()) / 1e6)));
  return () => clearTimeout(id);
}
