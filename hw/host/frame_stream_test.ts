import type { HostSocketError, HostStream, HostStreamObserver } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { framesOver } from "./frame_stream.ts";

const LENGTH_MAX = 8;

/** Frames over a stream whose other end the test plays. */
function underTest(roomBytes = Infinity) {
  const written: number[] = [];
  const frames: number[][] = [];
  const log: string[] = [];
  let observer: HostStreamObserver | undefined;
  let room = roomBytes;
  const stream: HostStream = {
    observe: (given) => void (observer = given),
    write(bytes) {
      const taken = bytes.subarray(0, Math.min(bytes.length, room));
      room -= taken.length;
      written.push(...taken);
      return taken.length;
    },
    resume: () => {},
    end: () => void log.push("end"),
    reset: () => void log.push("reset"),
  };
  const framed = framesOver(stream, LENGTH_MAX);
  framed.observe({
    opened: () => {},
    frame: (bytes) => frames.push([...bytes]),
    closed: (error: HostSocketError | undefined) => log.push(`closed ${error}`),
  });
  ok(observer !== undefined);
  const makeRoom = (bytes: number) => void (room = bytes);
  return { framed, written, frames, log, peer: observer, makeRoom };
}

const TWO_FRAMES = Uint8Array.of(0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9);

test("framesOver gives the same frames wherever the bytes are cut", () => {
  for (let cut = 0; cut <= TWO_FRAMES.length; cut++) {
    const { peer, frames } = underTest();
    peer.data(TWO_FRAMES.subarray(0, cut));
    peer.data(TWO_FRAMES.subarray(cut));
    deepEqual(frames, [[7, 8], [], [9]]);
  }
});

test("framesOver ends a connection that announces a longer frame", () => {
  const { peer, frames, log } = underTest();
  peer.data(Uint8Array.of(0, 0, 0, LENGTH_MAX + 1, 1, 2, 3, 0, 0, 0, 1, 1));
  peer.closed("aborted");
  deepEqual([frames, log], [[], ["reset", "closed failed"]]);
});

test("framesOver tells an end within a frame from an orderly one", () => {
  const cut = underTest();
  cut.peer.data(TWO_FRAMES.subarray(0, 5));
  cut.peer.ended();
  deepEqual(cut.log, ["reset"]);
  const whole = underTest();
  whole.peer.data(TWO_FRAMES);
  whole.peer.ended();
  deepEqual(whole.log, ["end"]);
});

test("framesOver sends on when there is room, and ends after the last", () => {
  const { framed, peer, written, log, makeRoom } = underTest(3);
  equal(framed.send(Uint8Array.of(1, 2)), true);
  equal(framed.send(Uint8Array.of(3)), true);
  framed.end();
  deepEqual([written, log], [[0, 0, 0], []]);
  makeRoom(Infinity);
  peer.writable();
  deepEqual([written, log], [[0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3], ["end"]]);
});

test("framesOver refuses to queue without end", () => {
  const { framed } = underTest(0);
  let sent = 0;
  while (framed.send(new Uint8Array(65_536))) sent++;
  equal(sent, 63);
});
