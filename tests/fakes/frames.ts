import type { Link, LinkPort } from "@runtime/core/ports.ts";

/** A link with both ends in a test's hands. */
export interface FrameLink extends Link {
  /** Copies of the frames that the machine has sent. */
  readonly sent: Uint8Array[];
  /** Frames that wait for the machine. */
  readonly waiting: Uint8Array[];
  /** Puts frames on the line and tells the machine. */
  offer(...frames: readonly Uint8Array[]): void;
  /** Runs inside `transmit`, as a link does that answers at once. */
  answer: ((frame: Uint8Array) => void) | undefined;
}

/** @param mtu Largest IP packet of the link, in bytes. */
export function frameLink(mtu: number): FrameLink {
  const sent: Uint8Array[] = [];
  const waiting: Uint8Array[] = [];
  let port: LinkPort | undefined;
  const link: FrameLink = {
    mtu,
    sent,
    waiting,
    answer: undefined,
    attach: (attached) => {
      port = attached;
    },
    transmit: (frame) => {
      sent.push(frame.slice());
      link.answer?.(frame);
    },
    receive(into) {
      for (let frame = waiting.shift(); frame !== undefined; frame = waiting.shift()) {
        if (frame.length > into.length) continue;
        into.set(frame);
        return frame.length;
      }
      return 0;
    },
    offer(...frames) {
      waiting.push(...frames);
      port?.available();
    },
  };
  return link;
}

/** A frame of `length` bytes in which every byte tells its place and the frame's number. */
export function numberedFrame(number: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + number * 31) & 0xff);
}
