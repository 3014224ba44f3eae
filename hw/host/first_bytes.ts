/**
 * `--seed` of the runtime, which can be compiled into an executable, gives every isolate the same
 * sequence in the place of random bytes: whoever knows the number knows every key.
 *
 * @module
 */

import { HostRefusal } from "@runtime/core/program_ports.ts";

/** Bytes that are looked for: two random sequences do not share so many. */
const OWN_LENGTH = 32;

/**
 * Whether this runtime's random bytes are a fixed sequence: a fresh isolate's first ones then hold
 * those that are drawn here, however many were drawn here before (up to 64 KiB).
 *
 * @throws {HostRefusal} when no isolate can be had to compare with.
 */
export async function randomBytesRepeat(): Promise<boolean> {
  const worker = new Worker(new URL("./first_bytes_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: "none" },
  });
  const own = crypto.getRandomValues(new Uint8Array(OWN_LENGTH));
  try {
    return holds(await firstMessage(worker), own);
  } finally {
    worker.terminate();
  }
}

function firstMessage(worker: Worker): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new HostRefusal("random_unchecked"));
    };
  });
}

/** Whether `part` stands somewhere in `whole`. */
export function holds(whole: Uint8Array, part: Uint8Array): boolean {
  const last = whole.length - part.length;
  for (let from = whole.indexOf(part[0] ?? 0); from >= 0 && from <= last;) {
    if (part.every((byte, index) => whole[from + index] === byte)) return true;
    from = whole.indexOf(part[0] ?? 0, from + 1);
  }
  return false;
}
