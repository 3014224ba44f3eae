import type { TcpFailure, TcpSocket, TcpState } from "@net/stack/stack.ts";
import type { Slot, Syscalls } from "@runtime/core/syscalls.ts";
import type { Answer } from "@runtime/idl/service.ts";
import { type netstackd, STREAM_INLINE_MAX } from "./protocol.ts";

/** The system calls that payloads take. */
export type Memory = Pick<Syscalls, "vmoCreate" | "vmoMap" | "capClose">;

/** How a connection is over. */
export type Ending = "closed" | "reset" | "refused" | "unreachable" | "lost";

const ENDING: Readonly<Record<TcpFailure, Ending>> = {
  refused: "refused",
  reset: "reset",
  "timed_out": "lost",
  unreachable: "unreachable",
};

/** States in which the peer has ended its stream, or the connection is over. */
export const PEER_ENDED: ReadonlySet<TcpState> = new Set<TcpState>([
  "CLOSE-WAIT",
  "LAST-ACK",
  "CLOSING",
  "TIME-WAIT",
  "CLOSED",
]);

/** States in which we have ended our stream. */
const OWN_ENDED: ReadonlySet<TcpState> = new Set<TcpState>([
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
]);

/** Why nothing more will ever be read, or `undefined` while something may. */
export function readEnding(socket: TcpSocket): Ending | undefined {
  if (socket.readable > 0) return undefined;
  if (socket.failure !== undefined) return ENDING[socket.failure];
  if (socket.readEnded) return "closed";
  return socket.state === "CLOSED" ? "reset" : undefined;
}

/** Why nothing more can ever be written, or `undefined` while something can. */
export function writeEnding(socket: TcpSocket): Ending | undefined {
  if (socket.failure !== undefined) return ENDING[socket.failure];
  if (OWN_ENDED.has(socket.state)) return "closed";
  return socket.state === "CLOSED" ? "reset" : undefined;
}

/** Whether a connection that was asked for stands. */
export function established(socket: TcpSocket): boolean {
  return socket.state !== "SYN-SENT" && socket.state !== "SYN-RECEIVED" &&
    socket.state !== "CLOSED";
}

/**
 * Answers a READ: bytes as soon as `min` of them wait or no more will come, the stream's end after
 * the last of them, otherwise nothing yet.
 */
export function readNow(
  socket: TcpSocket,
  request: { readonly min: number; readonly max: number },
  memory: Memory,
): Answer<typeof netstackd, "read"> | undefined {
  const { readable } = socket;
  if (readable === 0) {
    const ending = readEnding(socket);
    return ending === undefined ? undefined : { status: ending };
  }
  const enough = readable >= Math.min(request.min, request.max) || PEER_ENDED.has(socket.state);
  return enough ? take(socket, Math.min(readable, request.max), memory) : undefined;
}

const NOTHING = new Uint8Array(0);

/** Moves bytes out: one copy, from the receive ring to where the reader finds them. */
function take(
  socket: TcpSocket,
  count: number,
  memory: Memory,
): Answer<typeof netstackd, "read"> {
  const slot = count > STREAM_INLINE_MAX ? allocated(memory, count) : undefined;
  const object = slot === undefined ? undefined : memory.vmoMap(slot);
  if (object !== undefined) {
    const length = socket.read(object);
    return { status: "ok", length, bytes: NOTHING, move: slot };
  }
  const bytes = new Uint8Array(Math.min(count, STREAM_INLINE_MAX));
  return { status: "ok", length: socket.read(bytes), bytes };
}

/**
 * Slots in which objects for readers may lie. The rest of the table is left to the objects that
 * WRITEs bring: a daemon that cannot take a message is at its end. Slots are handed out from the
 * bottom.
 */
export const READ_SLOTS_MAX = 160;

/** Without room for an object the reader gets fewer bytes, inside the frame. */
function allocated(memory: Memory, length: number): Slot | undefined {
  const made = memory.vmoCreate(length);
  if (made.status !== "ok") return undefined;
  if (made.slot < READ_SLOTS_MAX) return made.slot;
  memory.capClose(made.slot);
  return undefined;
}

/** The bytes of one WRITE, and how far they got. */
export interface Outgoing {
  readonly bytes: Uint8Array;
  written: number;
}

/** Answers a WRITE once the send ring has everything, or the connection is over. */
export function writeNow(
  socket: TcpSocket,
  outgoing: Outgoing,
): Answer<typeof netstackd, "write"> | undefined {
  const ending = writeEnding(socket);
  if (ending !== undefined) return { status: ending };
  outgoing.written += socket.write(
    outgoing.written === 0 ? outgoing.bytes : outgoing.bytes.subarray(outgoing.written),
  );
  const { written } = outgoing;
  return written === outgoing.bytes.length ? { status: "ok", written } : undefined;
}
