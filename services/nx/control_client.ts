import type { Clock, Turns } from "@runtime/core/ports.ts";
import type { ControlSockets, FrameStream } from "@runtime/core/program_ports.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Exchange, NoReply, RawChannel, RawReply } from "@runtime/idl/channel.ts";
import { replyNonce, speaks } from "@runtime/idl/packed_frame.ts";
import { controld } from "../controld/protocol.ts";
import { keys } from "../keystored/client/keys_protocol.ts";

/** How long a node may take to accept, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 1_000;

/** What reaches a control socket. */
export interface ControlPorts {
  readonly control: ControlSockets;
  readonly clock: Clock;
  readonly turns: Turns;
}

/** A connection to a node's control socket. */
export interface ControlConnection extends RawChannel {
  /** Ends it; calls under way are `gone`. */
  close(): void;
}

/** Connects, or tells by `undefined` that nobody accepts there. */
export function connectControl(
  { control, clock, turns }: ControlPorts,
  path: string,
): Promise<ControlConnection | undefined> {
  return new Promise((resolve) => {
    const stream = control.connect(path);
    const channel = new ControlChannel(stream, { clock, turns });
    const give = () => {
      cancel();
      channel.close();
      resolve(undefined);
    };
    const cancel = turns.at(clock.nowNs() + CONNECT_TIMEOUT_MS * 1e6, give);
    stream.observe({
      opened() {
        cancel();
        resolve(channel);
      },
      frame: (bytes) => channel.settle(bytes),
      closed() {
        cancel();
        channel.end();
        resolve(undefined);
      },
    });
  });
}

/** Whether a node accepts at a control socket. */
export async function reachable(ports: ControlPorts, path: string): Promise<boolean> {
  const connection = await connectControl(ports, path);
  connection?.close();
  return connection !== undefined;
}

interface Waiting {
  readonly nonce: bigint | undefined;
  readonly cancel: () => void;
  readonly resolve: (outcome: RawReply | NoReply) => void;
}

/**
 * Requests over one connection, whose answers come in order. An answer that is late or not to the
 * request at the front ends the connection: what follows could be taken for another's.
 */
class ControlChannel implements ControlConnection {
  readonly #stream: FrameStream;
  readonly #time: { readonly clock: Clock; readonly turns: Turns };
  readonly #waiting: Waiting[] = [];
  #ended = false;

  constructor(
    stream: FrameStream,
    time: { readonly clock: Clock; readonly turns: Turns },
  ) {
    this.#stream = stream;
    this.#time = time;
  }

  exchange({ frame, nonce, timeoutMs }: Exchange): Promise<RawReply | NoReply> {
    if (this.#ended || !this.#stream.send(frame)) return Promise.resolve({ status: "gone" });
    return new Promise((resolve) => {
      const late = () => {
        this.#front(resolve)?.resolve({ status: "no_reply" });
        this.#abort();
      };
      const { clock, turns } = this.#time;
      const cancel = timeoutMs === undefined
        ? () => {}
        : turns.at(clock.nowNs() + timeoutMs * 1e6, late);
      this.#waiting.push({ nonce, cancel, resolve });
    });
  }

  /** Takes the answer to the oldest request. */
  settle(bytes: Uint8Array): void {
    const frame = bytes.slice();
    const answered = this.#waiting.shift();
    answered?.cancel();
    if (answered === undefined || nonceOf(frame) !== answered.nonce) {
      answered?.resolve({ status: "gone" });
      return this.#abort();
    }
    answered.resolve({ status: "ok", frame, moved: undefined });
  }

  close(): void {
    if (this.#ended) return;
    this.end();
    this.#stream.end();
  }

  /** The connection is over. */
  end(): void {
    this.#ended = true;
    for (const { cancel, resolve } of this.#waiting.splice(0)) {
      cancel();
      resolve({ status: "gone" });
    }
  }

  #front(resolve: Waiting["resolve"]): Waiting | undefined {
    const index = this.#waiting.findIndex((waiting) => waiting.resolve === resolve);
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  #abort(): void {
    if (!this.#ended) this.#stream.reset();
    this.end();
  }
}

function nonceOf(frame: Uint8Array): bigint | undefined {
  try {
    return replyNonce(speaks(keys, frame) ? keys : controld, frame);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
