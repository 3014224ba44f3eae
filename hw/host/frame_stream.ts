import type { HostSocketError, HostStream, UnixSockets } from "@runtime/core/ports.ts";
import type {
  ControlSockets,
  FrameStream,
  FrameStreamObserver,
} from "@runtime/core/program_ports.ts";

const PREFIX_BYTES = 4;
/** Most bytes that may wait to be sent on one connection. */
const SEND_QUEUE_BYTES_MAX = 4 << 20;

/** Local connections of frames over Unix sockets. @param lengthMax Longest frame, in bytes. */
export function controlSockets(unix: UnixSockets, lengthMax: number): ControlSockets {
  return {
    listen: (path, accept) => unix.listen(path, (stream) => accept(framesOver(stream, lengthMax))),
    connect: (path) => framesOver(unix.connect(path), lengthMax),
  };
}

/** Cuts a byte stream into frames behind a u32 BE length. A longer one ends the connection. */
export function framesOver(stream: HostStream, lengthMax: number): FrameStream {
  return new PrefixedFrames(stream, lengthMax);
}

class PrefixedFrames implements FrameStream {
  readonly #stream: HostStream;
  readonly #lengthMax: number;
  readonly #prefix = new DataView(new ArrayBuffer(PREFIX_BYTES));
  #prefixLength = 0;
  /** The frame that is coming in; `undefined` while its length is. */
  #frame: Uint8Array | undefined;
  #frameLength = 0;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #ending = false;
  #error: HostSocketError | undefined;

  constructor(stream: HostStream, lengthMax: number) {
    this.#stream = stream;
    this.#lengthMax = lengthMax;
  }

  observe(observer: FrameStreamObserver): void {
    this.#stream.observe({
      opened: () => observer.opened(),
      data: (bytes) => this.#read(bytes, observer),
      ended: () => this.#ended(),
      writable: () => this.#drain(),
      closed: (error) => observer.closed(this.#error ?? error),
    });
  }

  send(frame: Uint8Array): boolean {
    const length = PREFIX_BYTES + frame.length;
    if (this.#ending || this.#waitingBytes + length > SEND_QUEUE_BYTES_MAX) return false;
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, frame.length);
    bytes.set(frame, PREFIX_BYTES);
    this.#waiting.push(bytes);
    this.#waitingBytes += length;
    if (this.#waiting.length === 1) this.#drain();
    return true;
  }

  end(): void {
    this.#ending = true;
    if (this.#waiting.length === 0) this.#stream.end();
  }

  reset(): void {
    this.#stream.reset();
  }

  #drain(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const taken = this.#stream.write(next);
      this.#waitingBytes -= taken;
      if (taken < next.length) {
        this.#waiting[0] = next.subarray(taken);
        return;
      }
      this.#waiting.shift();
    }
    if (this.#ending) this.#stream.end();
  }

  #read(bytes: Uint8Array, observer: FrameStreamObserver): number {
    for (let offset = 0; offset < bytes.length && this.#error === undefined;) {
      const rest = bytes.subarray(offset);
      offset += this.#frame === undefined ? this.#readPrefix(rest) : this.#readFrame(rest);
      if (this.#frame === undefined || this.#frameLength < this.#frame.length) continue;
      const frame = this.#frame;
      this.#frame = undefined;
      observer.frame(frame);
    }
    return bytes.length;
  }

  #readPrefix(bytes: Uint8Array): number {
    const part = bytes.subarray(0, PREFIX_BYTES - this.#prefixLength);
    for (const byte of part) this.#prefix.setUint8(this.#prefixLength++, byte);
    if (this.#prefixLength < PREFIX_BYTES) return part.length;
    const length = this.#prefix.getUint32(0);
    if (length > this.#lengthMax) this.#fail();
    else this.#frame = new Uint8Array(length);
    this.#prefixLength = 0;
    this.#frameLength = 0;
    return part.length;
  }

  #readFrame(bytes: Uint8Array): number {
    const frame = this.#frame;
    if (frame === undefined) return 0;
    const part = bytes.subarray(0, frame.length - this.#frameLength);
    frame.set(part, this.#frameLength);
    this.#frameLength += part.length;
    return part.length;
  }

  #ended(): void {
    if (this.#frame !== undefined || this.#prefixLength > 0) this.#fail();
    else this.end();
  }

  #fail(): void {
    this.#error = "failed";
    this.#stream.reset();
  }
}
