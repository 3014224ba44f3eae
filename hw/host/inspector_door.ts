/**
 * The port on which the runtime would open its inspector.
 *
 * At SIGUSR1, Deno 2.9 opens the inspector on 127.0.0.1:9229 in any process, whatever it was permitted
 * and whatever listens for the signal; who connects reads all memory. It knows no other port: where
 * that one is taken it says so on standard error and goes on without.
 *
 * @module
 */

import inspector from "node:inspector";
import type { Clock, Turns } from "@runtime/core/ports.ts";
import { INSPECTOR_ADDRESS } from "./permissions.ts";
import { denoAtLeast } from "./runtime_version.ts";
import { socketErrorOf } from "./socket_error.ts";

/** Where the inspector opens. Source: Deno 2.9, measured. */
export const INSPECTOR_PORT = INSPECTOR_ADDRESS.port;
const INSPECTOR_AT = { hostname: INSPECTOR_ADDRESS.host, port: INSPECTOR_PORT } as const;
/** How long the port may be free before a node that waits for it has it, in milliseconds. */
export const DOOR_RETRY_MS = 250;
/** Pause after each caller, in milliseconds: who calls without end must not cost a node its time. */
export const DOOR_PAUSE_MS = 10;
/** How long whoever holds the port may take to say who it is, in milliseconds. */
export const DOOR_ANSWER_MS = 500;
const BANNER = /^nexus-node (\d{1,10})\n$/;
const BANNER_LENGTH_MAX = 32;
const NS_PER_MS = 1e6;

/**
 * `held`: nobody can open the inspector. `held_by_other`: not while the other process holds the port.
 * `free`: the port could not be had, though nobody is known to have it; it is asked for again.
 * `open`: too late, this process has an open inspector. `not_needed`: this runtime opens none.
 * `not_permitted`: the process may not listen there.
 */
export type DoorState =
  | "held"
  | "held_by_other"
  | "free"
  | "open"
  | "not_needed"
  | "not_permitted";

/** A door, and who stands in it. */
export interface DoorFacts {
  readonly state: DoorState;
  /** Process of the node that says it holds the port; anybody could say so. */
  readonly holder: number | undefined;
}

/** The inspector's port, as far as this process could get it. */
export interface InspectorDoor {
  readonly state: DoorState;
  /** The state, and who holds the port: asked for at this moment. */
  facts(): Promise<DoorFacts>;
  /** Gives the port back; it is free when this resolves. */
  release(): Promise<void>;
}

interface DoorPorts {
  readonly clock: Clock;
  readonly turns: Turns;
}

/** What tests put in the place of the runtime's own. */
interface DoorOptions {
  readonly port?: number;
  /** Whether this runtime opens an inspector at a signal. 2.4 ends; what is between is not known. */
  readonly needed?: boolean;
  /** Address of this process's inspector, while one is open. */
  readonly inspectorUrl?: () => string | undefined;
}

/** Address of this process's inspector, while one is open. A worker never sees it. */
export function ownInspectorUrl(): string | undefined {
  return inspector.url() ?? undefined; // 2.4 says null
}

/** Takes the inspector's port, now or as soon as it is free, and holds it until `release`. */
export function holdInspectorDoor(
  ports: DoorPorts,
  {
    port = INSPECTOR_PORT,
    needed = denoAtLeast(2, 5),
    inspectorUrl = ownInspectorUrl,
  }: DoorOptions = {},
): InspectorDoor {
  const { clock, turns } = ports;
  let state: DoorState = "not_needed";
  let end: () => void | Promise<void> = () => {};
  const take = () => {
    try {
      end = turnAway(Deno.listen({ ...INSPECTOR_AT, port }), ports);
      state = "held";
    } catch (error) {
      state = stateOf(error);
      if (state === "not_permitted") return;
      end = turns.at(clock.nowNs() + DOOR_RETRY_MS * NS_PER_MS, take);
    }
  };
  if (needed) take();
  const now = () => inspectorUrl() === undefined ? state : "open";
  return {
    get state() {
      return now();
    },
    async facts() {
      const holder = state === "held_by_other" ? await doorHolder(ports, port) : undefined;
      return { state: now(), holder: state === "held" ? Deno.pid : holder };
    },
    async release() {
      await end();
    },
  };
}

function stateOf(error: unknown): DoorState {
  const cause = socketErrorOf(error);
  if (cause === "permission_denied") return "not_permitted";
  return cause === "address_in_use" ? "held_by_other" : "free";
}

/** Tells each caller who is here, and hangs up. Returns what ends that, and frees the port. */
function turnAway(listener: Deno.Listener, { clock, turns }: DoorPorts): () => Promise<void> {
  const banner = new TextEncoder().encode(`nexus-node ${Deno.pid}\n`);
  let ended = false;
  let endPause = () => {};
  const pause = () =>
    new Promise<void>((resolve) => {
      const cancel = turns.at(clock.nowNs() + DOOR_PAUSE_MS * NS_PER_MS, resolve);
      endPause = () => {
        cancel();
        resolve();
      };
    });
  const serve = async () => {
    while (!ended) {
      try {
        using connection = await listener.accept();
        await connection.write(banner); // shorter than any buffer of a new connection
      } catch (error) {
        // The caller has gone, or there are no more files for now: the next one may fare better.
        if (!ended && socketErrorOf(error) === "failed") throw error;
      }
      if (!ended) await pause();
    }
  };
  const served = serve();
  return async () => {
    ended = true;
    listener.close();
    endPause();
    await served;
  };
}

/** The process that says at the inspector's port that it is a node; `undefined` for any other. */
export async function doorHolder(
  { clock, turns }: DoorPorts,
  port: number = INSPECTOR_PORT,
): Promise<number | undefined> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ ...INSPECTOR_AT, port });
  } catch {
    return undefined; // it has gone, or its queue is full
  }
  const close = () => {
    try {
      connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error; // closed already
    }
  };
  const cancel = turns.at(clock.nowNs() + DOOR_ANSWER_MS * NS_PER_MS, close);
  try {
    const match = BANNER.exec(await firstText(connection));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined; // cut off, by it or by the time
  } finally {
    cancel();
    close();
  }
}

/** What it says first, up to a line feed, its end, or more than a banner. */
async function firstText(connection: Deno.TcpConn): Promise<string> {
  const bytes = new Uint8Array(BANNER_LENGTH_MAX);
  let length = 0;
  while (length < bytes.length) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
    if (bytes[length - 1] === 0x0a) break;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}
