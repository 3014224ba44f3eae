import type { Wire } from "../core/ports.ts";
import { isRecord } from "../core/record.ts";
import { Ring } from "./ring.ts";

/** Sender to receiver, over the port: there is something in the ring. */
const DOORBELL = 9;

/** Record: a batch of frames. */
const FRAMES = 1;
/** Record: a batch of frames, and the memory that travels with one of them. */
const FRAMES_AND_MEMORY = 2;
/** Record: the next message comes over the port, because it is none of bytes or found no room. */
const OVER_PORT = 3;

/** In front of a batch with memory: where the memory begins, and the frame that it goes with, as u32. */
const INDEX_LENGTH = 8;
/** Memory that is copied through the ring; longer one leaves this isolate as it is, which costs less. */
const COPIED_LENGTH_MAX = 4 << 10;

/** The sender's half of a wire whose frames go through a ring: the port is only its doorbell. */
export function ringSender(wire: Wire, memory: SharedArrayBuffer): Wire {
  const ring = new Ring(memory);
  const ringUp = () => {
    if (ring.wake()) wire.post(DOORBELL);
  };
  const write = (message: unknown): boolean => {
    if (message instanceof Uint8Array) return ring.write(FRAMES, [message]);
    const copied = copyable(message);
    if (copied === undefined) return false;
    const { frames, index, bytes } = copied;
    const head = new Uint32Array([frames.length, index]);
    return ring.write(FRAMES_AND_MEMORY, [new Uint8Array(head.buffer), frames, bytes]);
  };
  return {
    cells: wire.cells,
    listen: (hear) => wire.listen(hear),
    post(message, moved) {
      if (write(message)) return ringUp();
      // There is always room for a record without bytes: no more of them stand than messages may wait.
      ring.write(OVER_PORT, []);
      ring.wake();
      wire.post(message, moved);
    },
    close: () => wire.close(),
  };
}

interface Copied {
  readonly frames: Uint8Array;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Frames with one memory object that is short enough to be copied. */
function copyable(message: unknown): Copied | undefined {
  if (!isRecord(message) || !(message["frames"] instanceof Uint8Array)) return undefined;
  const { frames, rights } = message;
  if (!Array.isArray(rights) || rights.length !== 1) return undefined;
  const { index, memory }: { index?: unknown; memory?: unknown } = rights[0];
  if (typeof index !== "number" || !(memory instanceof ArrayBuffer)) return undefined;
  if (memory.byteLength > COPIED_LENGTH_MAX) return undefined;
  return { frames, index, bytes: new Uint8Array(memory) };
}

/** The receiver's half: hears what comes through the ring and over the port, in the order of posting. */
export function ringReceiver(wire: Wire, memory: SharedArrayBuffer): Wire {
  const ring = new Ring(memory);
  const overPort: unknown[] = [];
  let awaited = 0;
  let closed = false;
  const drain = (hear: (message: unknown) => void): void => {
    while (!closed) {
      if (awaited > 0) {
        if (overPort.length === 0) return;
        awaited -= 1;
        hear(overPort.shift());
        continue;
      }
      const record = ring.read();
      if (record === undefined) {
        if (ring.sleep()) return;
      } else if (record === "broken") return hear(undefined);
      else if (record.kind === OVER_PORT) awaited += 1;
      else hear(messageOf(record.kind, record.bytes));
    }
  };
  return {
    cells: wire.cells,
    listen(hear) {
      wire.listen((message) => {
        if (message !== DOORBELL) overPort.push(message);
        drain(hear);
        // Each message over the port is announced in the ring before it is posted.
        if (overPort.length > 0 && !closed) hear(undefined);
      });
      drain(hear);
    },
    post: (message, moved) => wire.post(message, moved),
    close() {
      closed = true;
      wire.close();
    },
  };
}

/** What the sender posted; `undefined` for a record that no sender of ours writes. */
function messageOf(kind: number, bytes: Uint8Array<ArrayBuffer>): unknown {
  if (kind === FRAMES) return bytes;
  if (kind !== FRAMES_AND_MEMORY || bytes.length < INDEX_LENGTH) return undefined;
  const [length = 0, index = 0] = new Uint32Array(bytes.buffer, 0, 2);
  const end = INDEX_LENGTH + length;
  if (end > bytes.length) return undefined;
  const memory = bytes.slice(end).buffer;
  return { frames: bytes.subarray(INDEX_LENGTH, end), rights: [{ index, memory }] };
}
