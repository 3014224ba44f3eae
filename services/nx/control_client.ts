import type { Clock, Turns } from "@runtime/core/ports.ts";
import type { ControlSockets } from "@runtime/core/program_ports.ts";
import { WireError } from "@runtime/core/error.ts";
import { replyNonce, speaks } from "@runtime/idl/packed_frame.ts";
import { connectStream, type StreamConnection } from "@runtime/idl/stream_channel.ts";
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

/** Connects, or tells by `undefined` that nobody accepts there. */
export async function connectControl(
  { control, clock, turns }: ControlPorts,
  path: string,
): Promise<StreamConnection | undefined> {
  const connected = await connectStream(control.connect(path), {
    ...{ clock, turns, nonceOf },
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  });
  return connected.status === "ok" ? connected.connection : undefined;
}

/** Whether a node accepts at a control socket. */
export async function reachable(ports: ControlPorts, path: string): Promise<boolean> {
  const connection = await connectControl(ports, path);
  connection?.close();
  return connection !== undefined;
}

function nonceOf(frame: Uint8Array): bigint | undefined {
  try {
    return replyNonce(speaks(keys, frame) ? keys : controld, frame);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
