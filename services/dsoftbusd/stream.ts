/** How a byte stream ends. */
export type StreamEnd =
  /** The peer closed in order. */
  | "closed"
  /** The peer or the network cut it off. */
  | "reset"
  /** Nothing came before the deadline; the stream lives on. */
  | "timed_out"
  /** netstackd is gone. */
  | "gone";

/** What a read ends with. */
export type StreamRead =
  | { readonly status: "ok"; readonly bytes: Uint8Array }
  | { readonly status: StreamEnd };

/** Most bytes that an exchange sends: they travel in one frame. */
export const EXCHANGE_LENGTH_MAX = 8_000;

/** A TCP connection as the session layer sees it. */
export interface Stream {
  /** Remote address as u32 and port. */
  readonly address: number;
  readonly port: number;
  /** The next bytes, at least one. `timeoutMs` 0 waits for ever. */
  read(timeoutMs: number): Promise<StreamRead>;
  /**
   * Sends all of `bytes`, whose buffer may be taken. Resolves when netstackd holds them; after
   * `timed_out` some may be on their way, and the stream can only be cut off.
   */
  write(bytes: Uint8Array<ArrayBuffer>, timeoutMs: number): Promise<"ok" | StreamEnd>;
  /**
   * Sends all of `bytes`, at most {@linkcode EXCHANGE_LENGTH_MAX} of them, and waits for the next
   * bytes, at least one: a write and a read for the price of one, where two ends take turns.
   */
  exchange(bytes: Uint8Array, timeoutMs: number): Promise<StreamRead>;
  /** Ends in order: what was written still arrives. */
  close(): Promise<void>;
  /** Cuts off. */
  abort(): Promise<void>;
}

/** What opens streams. */
export interface Network {
  connect(to: { address: number; port: number; timeoutMs: number }): Promise<
    Stream | "refused" | "timed_out" | "unreachable" | "denied" | "failed"
  >;
  /**
   * The next connection that somebody else opened. `failed`: not now, try again; `gone`: the listener
   * is closed for good.
   */
  accept(): Promise<Stream | "failed" | "gone">;
}
