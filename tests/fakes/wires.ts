import type { Wire, WireEnd, Wires } from "@runtime/core/ports.ts";
import { WIRE_CELLS } from "@runtime/kernel/wire_format.ts";

/** Wires of a test: what was posted waits until it is delivered. */
export interface FakeWires extends Wires {
  /** Delivers what was posted, in order, until nothing more comes. Returns how many messages. */
  deliver(): number;
  /** Messages that wait. */
  readonly waiting: readonly unknown[];
}

interface Letter {
  readonly to: FakePort;
  readonly message: unknown;
}

class FakePort {
  peer: FakePort | undefined;
  hear: ((message: unknown) => void) | undefined;
  open = true;
}

/** Wires that copy as the host's do, and deliver when they are told. */
export function fakeWires(): FakeWires {
  let letters: Letter[] = [];
  return {
    get waiting() {
      return letters.map(({ message }) => message);
    },
    pair(ringLength = 0) {
      const [near, far] = [new FakePort(), new FakePort()];
      near.peer = far;
      far.peer = near;
      const cells = new SharedArrayBuffer(WIRE_CELLS * Int32Array.BYTES_PER_ELEMENT);
      const ring = ringLength === 0 ? undefined : new SharedArrayBuffer(ringLength);
      return [{ port: near, cells, ring }, { port: far, cells, ring }];
    },
    open({ port, cells, ring }: WireEnd): Wire {
      if (!(port instanceof FakePort)) throw new TypeError("not a wire of this test");
      return {
        cells: new Int32Array(cells),
        ring,
        listen(hear) {
          port.hear = hear;
        },
        post(message, moved = []) {
          const to = port.peer;
          if (!port.open || to === undefined) return;
          const transfer = moved.filter((each) => each instanceof ArrayBuffer);
          letters.push({ to, message: structuredClone(message, { transfer }) });
        },
        close() {
          port.open = false;
        },
      };
    },
    deliver() {
      let count = 0;
      while (letters.length > 0) {
        const due = letters;
        letters = [];
        for (const { to, message } of due) {
          // A closed port hears nothing; what it had posted before arrives all the same.
          if (to.open) to.hear?.(message);
          count += 1;
        }
      }
      return count;
    },
  };
}
