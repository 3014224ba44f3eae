import { isRecord } from "../core/record.ts";

/** Cell: how many messages the receiver has taken, modulo 2^32. */
export const CONSUMED = 0;
/** Cell: 1 while a sender waits for room and wants to be told. */
export const WAITING = 1;
/** Cells of a wire. */
export const WIRE_CELLS = 4;

/** Receiver to sender: there is room again. */
export const ROOM = 1;
/** Receiver to sender: the endpoint has closed. */
export const CLOSED = 2;
/** Sender to receiver: nobody holds the right any more. */
export const DROPPED = 3;

/** What travels with a frame of a batch: the bytes of a memory object, or a send right by its ticket. */
export type TravellingRight =
  | { readonly index: number; readonly memory: ArrayBuffer }
  | { readonly index: number; readonly ticket: number };

/** What a message of a wire says, once it was looked at. */
export type WireNews =
  | { readonly kind: "dropped" }
  | {
    readonly kind: "frames";
    readonly bytes: Uint8Array;
    readonly rights: readonly TravellingRight[];
  };

const NO_RIGHTS: readonly TravellingRight[] = [];

/** Reads a message of the sender's; `undefined` when it is none. */
export function wireNews(message: unknown): WireNews | undefined {
  if (message === DROPPED) return { kind: "dropped" };
  if (isOwnBytes(message)) return { kind: "frames", bytes: message, rights: NO_RIGHTS };
  if (!isRecord(message) || !isOwnBytes(message["frames"])) return undefined;
  const rights = message["rights"];
  if (!Array.isArray(rights) || !rights.every(isTravelling)) return undefined;
  return { kind: "frames", bytes: message["frames"], rights };
}

/** Bytes that came as a copy: a sender's hand would stay on memory that is shared. */
function isOwnBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer;
}

function isTravelling(value: unknown): value is TravellingRight {
  if (!isRecord(value) || !Number.isInteger(value["index"])) return false;
  return value["memory"] instanceof ArrayBuffer || Number.isInteger(value["ticket"]);
}
