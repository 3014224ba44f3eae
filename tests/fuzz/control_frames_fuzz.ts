import { framesOver } from "@hw/host/frame_stream.ts";
import type { HostSocketError, HostStreamObserver } from "@runtime/core/ports.ts";
import type { FrameStream } from "@runtime/core/program_ports.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";

/**
 * Frames of the control socket, both ways: what comes out is what the framing says, however the
 * stream is cut and however little of it the host takes at a time.
 */
export const name = "control_frames";

const LENGTH_MAX = 300;
const FRAMES_MAX = 8;
const PREFIX_BYTES = 4;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const frames = Array.from(
    { length: choices.below(FRAMES_MAX) },
    () => choices.bytes(choices.below(choices.pick([1, 5, LENGTH_MAX + 1]))),
  );
  const stream = sent(choices, frames);
  deepEqual(received(choices, stream), { frames, resets: 0, error: undefined });
  const damaged = choices.damaged(stream);
  deepEqual(received(choices, damaged), receivedAtOnce(damaged));
}

export function replay(bytes: Uint8Array): void {
  deepEqual(received(new Choices(bytes.length), bytes), receivedAtOnce(bytes));
}

/** What goes to a host that takes any number of bytes each time. */
function sent(choices: Choices, frames: readonly Uint8Array[]): Uint8Array {
  const written: number[] = [];
  let ended = 0;
  const { framed, host } = connection({
    write(bytes) {
      const taken = choices.oneIn(3) ? choices.below(bytes.length + 1) : bytes.length;
      written.push(...bytes.subarray(0, taken));
      return taken;
    },
    end: () => void ended++,
  });
  for (const frame of frames) {
    ok(framed.send(frame));
    frame.slice();
    if (choices.oneIn(2)) host.writable();
  }
  framed.end();
  ok(!framed.send(Uint8Array.of(1)), "nothing follows an end");
  for (let left = 100_000; left > 0 && ended === 0; left--) host.writable();
  ok(ended === 1, "what was queued is followed by an end, once");
  return Uint8Array.from(written);
}

interface Received {
  readonly frames: Uint8Array[];
  readonly resets: number;
  readonly error: HostSocketError | undefined;
}

/** What becomes of a stream in chunks of any length. */
function received(choices: Choices, stream: Uint8Array): Received {
  const frames: Uint8Array[] = [];
  let resets = 0;
  let error: HostSocketError | undefined;
  const { host } = connection({
    reset: () => void (resets = 1),
    frame: (bytes) => frames.push(bytes.slice()),
    closed: (given) => void (error = given),
  });
  for (let offset = 0; offset < stream.length;) {
    const length = choices.between(1, choices.pick([1, 5, 2 * LENGTH_MAX]));
    const chunk = stream.slice(offset, offset + length);
    deepEqual(host.data(chunk), chunk.length);
    chunk.fill(0xee);
    offset += length;
  }
  if (resets === 0) host.ended();
  host.closed(undefined);
  return { frames, resets, error };
}

/** The same by the definition of the framing, with the whole stream at hand. */
function receivedAtOnce(stream: Uint8Array): Received {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const frames: Uint8Array[] = [];
  const failed = { frames, resets: 1, error: "failed" } as const;
  for (let offset = 0; offset < stream.length;) {
    const start = offset + PREFIX_BYTES;
    if (start > stream.length) return failed;
    const length = view.getUint32(offset);
    if (length > LENGTH_MAX || start + length > stream.length) return failed;
    frames.push(stream.slice(start, start + length));
    offset = start + length;
  }
  return { frames, resets: 0, error: undefined };
}

interface Played {
  readonly write?: (bytes: Uint8Array) => number;
  readonly end?: () => void;
  readonly reset?: () => void;
  readonly frame?: (bytes: Uint8Array) => void;
  readonly closed?: (error: HostSocketError | undefined) => void;
}

/** Frames over a stream whose host this plays. */
function connection(played: Played): { framed: FrameStream; host: HostStreamObserver } {
  let host: HostStreamObserver | undefined;
  const framed = framesOver({
    observe: (observer) => void (host = observer),
    write: played.write ?? ((bytes) => bytes.length),
    resume() {},
    end: played.end ?? (() => {}),
    reset: played.reset ?? (() => {}),
  }, LENGTH_MAX);
  framed.observe({
    opened() {},
    frame: played.frame ?? (() => {}),
    closed: played.closed ?? (() => {}),
  });
  ok(host !== undefined);
  return { framed, host };
}
