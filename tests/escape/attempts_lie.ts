/** What a compromised entry may say: on the way to the boot, and on the wires of its rights. */

import type { Attempt } from "./loot.ts";
import { mouth } from "./mouth.ts";

const MOVE = { via: 1, ticket: 1, exported: 1, depth: 1 };

/** By what is wrong with it; `self` is a daemon of the isolate. */
export const LIES: Readonly<Record<string, (self: string) => unknown>> = {
  "no news": () => ["no such news"],
  "nothing": () => undefined,
  "an object": () => ({}),
  "another's end": () => ["faulted", "policyd", "x"],
  "another's marker": () => ["proved", "policyd", "ready", { endpoints: 1 }, 1],
  "another's failure": () => ["failed", "policyd", "no_space"],
  "a marker of nobody's": (self) => ["proved", self, "toString", {}, 1],
  "a number that nobody drew": (self) => ["proved", self, "ready", { endpoints: 1 }, 2 ** 31],
  // dsoftbusd's own, in the test: it is the one of the liars that has it.
  "a marker of the wrong shape": (self) => ["proved", self, "bound", { id: "x\nforged" }, 1],
  "a text that is too long": (self) => ["faulted", self, "x".repeat(10_000)],
  "another's right": () => ["moved", MOVE],
  "a right that is none": () => ["moved", { ...MOVE, via: 1e9 }],
  "a depth that is none": () => ["moved", { ...MOVE, depth: 1e9 }],
  "the end of another's right": () => ["ended", 1],
  "an accusation of nobody": () => ["violated", 1e9],
  "an accusation between others": () => ["violated", 1],
};

/** On a wire: no frames, too many, of no length, with rights that are none, over shared memory. */
export const WIRE_LIES: Readonly<Record<string, () => unknown>> = {
  "a text": () => "x",
  "an object": () => ({ frames: 1, rights: [] }),
  "a frame that is cut": () => Uint8Array.of(9, 0, 1),
  "a frame that is too long": () => new Uint8Array(9_000).fill(0xff),
  "more frames than there is room for": () => new Uint8Array(2 * 1_000),
  "a right at no frame": () => ({
    frames: Uint8Array.of(1, 0, 1),
    rights: [{ index: 7, ticket: 1 }],
  }),
  "memory that is none": () => ({
    frames: Uint8Array.of(1, 0, 1),
    rights: [{ index: 0, memory: new ArrayBuffer(0) }],
  }),
  "shared memory": () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(3));
    bytes.set([1, 0, 1]);
    return bytes;
  },
};

export const LIE_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "lie to the boot": ({ syscalls }, lie) =>
    mouth.control?.postMessage(LIES[lie]?.(syscalls.self.name)),
  "lie on a wire": (_, lie) => {
    for (const port of mouth.requests) port.postMessage(WIRE_LIES[lie]?.());
    return mouth.requests.length;
  },
  "a fault of any name": ({ spawn }, start) => {
    const name = start + "\u00e4".repeat(450);
    spawn(() => Promise.reject(Object.assign(new Error(), { name })));
  },
};
