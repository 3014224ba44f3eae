import type { Console } from "@runtime/core/ports.ts";

const LINE_FEED = 0x0a;
/** A line longer than this is passed on in pieces. */
const LINE_BYTES_MAX = 4096;
const PIPE_WAIT_MS = 2;
const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));

/** A console that keeps a line until it is whole. */
export interface LineConsole extends Console {
  /** Passes on what is left of an unfinished line. */
  flush(): void;
}

/**
 * Cuts console bytes into lines, so that nodes that share a terminal do not mix within one.
 *
 * @param sink Gets one or more whole lines, each with its line feed; the bytes are the sink's own.
 */
export function lineConsole(sink: (lines: Uint8Array) => void): LineConsole {
  const kept = new Uint8Array(LINE_BYTES_MAX);
  let length = 0;
  const flush = () => {
    if (length > 0) sink(kept.slice(0, length));
    length = 0;
  };
  const keep = (bytes: Uint8Array) => {
    for (let offset = 0; offset < bytes.length;) {
      const part = bytes.subarray(offset, offset + LINE_BYTES_MAX - length);
      kept.set(part, length);
      length += part.length;
      offset += part.length;
      if (length === LINE_BYTES_MAX) flush();
    }
  };
  return {
    write(bytes) {
      const whole = bytes.lastIndexOf(LINE_FEED) + 1;
      if (whole > 0) {
        keep(bytes.subarray(0, whole));
        flush();
      }
      keep(bytes.subarray(whole));
    },
    flush,
  };
}

/** What `Deno.stdout` and `Deno.stderr` are to this module. */
export interface SyncWriter {
  /** Returns how many bytes were written. */
  writeSync(bytes: Uint8Array): number;
}

/** Writes all of `bytes`, waiting while a pipe is full. Returns false when nobody reads any more. */
export function writeAllSync(target: SyncWriter, bytes: Uint8Array): boolean {
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += target.writeSync(bytes.subarray(offset));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe || terminalClosed(error)) return false;
      // Another process made the shared pipe non-blocking.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(NEVER_WOKEN, 0, 0, PIPE_WAIT_MS);
    }
  }
  return true;
}

/** Source: Linux, tty_ioctl(4): after a hang-up every write to a terminal fails with EIO. */
function terminalClosed(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EIO";
}

/** A console whose lines are taken one by one as text, without their line feed. */
export function textConsole(line: (text: string) => void): LineConsole {
  const text = new TextDecoder();
  return lineConsole((lines) => {
    for (const whole of text.decode(lines).split("\n")) if (whole !== "") line(whole);
  });
}
