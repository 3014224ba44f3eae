import type { Wire, WireEnd, Wires } from "@runtime/core/ports.ts";
import { assert } from "@runtime/core/assert.ts";

/** Bytes of a wire's cells: four words. */
const CELLS_LENGTH = 16;

// Taken when this module is loaded: an isolate takes them away from its daemons.
const Channel = MessageChannel;
const Port = MessagePort;
const Event = MessageEvent;
const { addEventListener } = EventTarget.prototype;

/** Wires over the host's message channels. */
export function hostWires(): Wires {
  return {
    pair(ringLength = 0) {
      const { port1, port2 } = new Channel();
      const cells = new SharedArrayBuffer(CELLS_LENGTH);
      const ring = ringLength === 0 ? undefined : new SharedArrayBuffer(ringLength);
      return [{ port: port1, cells, ring }, { port: port2, cells, ring }];
    },
    open: openWire,
  };
}

/** Opens an end that has come to this isolate. */
export function openWire({ port, cells, ring }: WireEnd): Wire {
  assert(port instanceof Port, "a wire runs over a port of the host");
  return {
    cells: new Int32Array(cells),
    ring,
    listen(hear) {
      addEventListener.call(port, "message", (event) => {
        if (event instanceof Event) hear(event.data);
      });
      port.start();
    },
    post(message, moved) {
      if (moved === undefined) port.postMessage(message);
      else port.postMessage(message, moved.map(transferable));
    },
    close: () => port.close(),
  };
}

function transferable(moved: ArrayBuffer | WireEnd): Transferable {
  if (moved instanceof ArrayBuffer) return moved;
  assert(moved.port instanceof Port, "a wire runs over a port of the host");
  return moved.port;
}
