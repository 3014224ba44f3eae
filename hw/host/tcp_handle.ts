import process from "node:process";
import { denoAtLeast } from "./runtime_version.ts";

/*
 * The runtime's TCP handles, on which its `node:net` stands: what one connection costs there is
 * mostly the streams and events above them. They are not documented, so that this file alone knows
 * where they are, and gives none unless all that we use is there. `docs/adr/0019` says why.
 */

/** What reads tell when the peer has sent its FIN. */
export const END_OF_FILE = -4095;

/** Where a handle writes an address. */
export interface HandleAddress {
  address?: string;
  port?: number;
}

/** What a handle keeps until it calls `oncomplete`: 0, or the system's error, negative. */
export interface HandleRequest {
  /** The bytes of a write that waits. */
  readonly buffer?: Uint8Array;
  oncomplete(status: number): void;
}

/** One TCP socket of the runtime. Every call answers 0, or the system's error, negative. */
export interface TcpHandle {
  /** Bytes came, or with `undefined` an end: {@linkcode TcpHandles.read} says which. */
  onread: ((bytes: ArrayBuffer | undefined) => void) | undefined;
  /** A connection waits to be accepted when `status` is 0. */
  onconnection: ((status: number) => void) | undefined;
  bind(host: string, port: number): number;
  bind6(host: string, port: number, flags: number): number;
  listen(backlog: number): number;
  accept(into: TcpHandle): number;
  connect(request: HandleRequest, host: string, port: number): number;
  connect6(request: HandleRequest, host: string, port: number): number;
  getsockname(into: HandleAddress): number;
  getpeername(into: HandleAddress): number;
  setNoDelay(on: boolean): number;
  readStart(): number;
  readStop(): number;
  /** Writes at once what the host takes; {@linkcode TcpHandles.waits} tells whether some is left. */
  writeBuffer(request: HandleRequest, bytes: Uint8Array): number;
  /** Sends FIN after what is being written. */
  shutdown(request: HandleRequest): number;
  /** Sends RST; `close` must follow. */
  reset(): number;
  /** Ends at once: nothing is open any more, and nothing is called back. */
  close(): void;
}

/** The handles of this runtime. */
export interface TcpHandles {
  open(): TcpHandle;
  openListener(): TcpHandle;
  /** Within `onread`: the count of bytes, {@linkcode END_OF_FILE}, or the system's error. */
  read(): number;
  /** Right after `writeBuffer`: whether the request completes later. */
  waits(): boolean;
}

const METHODS: readonly (keyof TcpHandle)[] = [
  "accept",
  "bind",
  "bind6",
  "close",
  "connect",
  "connect6",
  "getpeername",
  "getsockname",
  "listen",
  "readStart",
  "readStop",
  "reset",
  "setNoDelay",
  "shutdown",
  "writeBuffer",
];

/**
 * The handles, or `undefined` where they are not known to be what we expect.
 *
 * @param known Whether this is a version whose handles were looked at.
 */
export function tcpHandles(
  known: boolean = denoAtLeast(2, 9) && !denoAtLeast(2, 10),
): TcpHandles | undefined {
  if (!known) return undefined;
  const tcp = binding("tcp_wrap");
  const streams = binding("stream_wrap");
  const Tcp = member(tcp, "TCP");
  const kinds = member(tcp, "constants");
  const [socket, server] = [member(kinds, "SOCKET"), member(kinds, "SERVER")];
  const state = member(streams, "streamBaseState");
  const [read, waits] = [
    member(streams, "kReadBytesOrError"),
    member(streams, "kLastWriteWasAsync"),
  ];
  if (!makesHandles(Tcp) || !(state instanceof Int32Array)) return undefined;
  if (typeof socket !== "number" || typeof server !== "number") return undefined;
  if (typeof read !== "number" || typeof waits !== "number") return undefined;
  return {
    open: () => new Tcp(socket),
    openListener: () => new Tcp(server),
    read: () => state[read] ?? 0,
    waits: () => state[waits] !== 0,
  };
}

function binding(name: string): unknown {
  const load = member(process, "binding");
  if (typeof load !== "function") return undefined;
  try {
    return load.call(process, name);
  } catch {
    return undefined;
  }
}

function member(of: unknown, name: string): unknown {
  return (typeof of === "object" || typeof of === "function") && of !== null
    ? Reflect.get(of, name)
    : undefined;
}

function makesHandles(made: unknown): made is new (kind: number) => TcpHandle {
  const prototype = member(made, "prototype");
  return METHODS.every((name) => typeof member(prototype, name) === "function");
}
