/** Frames that lie: about their length, about who sends them, about what they are. */

import { type Anything, type Attempt, type Loot, outcomeOf } from "./loot.ts";

/** Whom a hostile frame's own code saw: names of classes, never the language's own. */
const seen = new Set<string>();

function note(...values: readonly unknown[]): void {
  for (const value of values) {
    const name = (value as Anything | undefined)?.["constructor"] as { name?: string } | undefined;
    if (name?.name !== undefined && !(name.name in globalThis)) seen.add(name.name);
  }
}

/** Says one length when it is checked, and another when it is copied. */
function lying(): Uint8Array {
  const bytes = new Uint8Array(4);
  let asked = 0;
  Object.defineProperty(bytes, "length", { get: () => asked++ === 0 ? 4 : 100_000 });
  return bytes;
}

class Species extends Uint8Array {
  static get [Symbol.species](): Uint8ArrayConstructor {
    note(this);
    return Uint8Array;
  }
}

function watched(target: object): object {
  return new Proxy(target, {
    get(own, key, receiver) {
      note(receiver);
      const value = Reflect.get(own, key);
      return typeof value === "function" ? value.bind(own) : value;
    },
  });
}

/** A receiver would get the very object, and the sender keep a hand on it. */
function selfCopying(): Uint8Array {
  const bytes = new Uint8Array(2_000);
  Object.defineProperty(bytes, "slice", { value: () => bytes });
  return bytes;
}

const LIARS: Readonly<Record<string, () => unknown>> = {
  "a length that changes": lying,
  "a class of its own": () => new Species(2_000),
  "a proxy": () => watched(new Uint8Array(4)),
  "a slice that copies nothing": selfCopying,
  "a length and nothing else": () => ({ length: 4 }),
  "below the prototype": () => Object.create(Uint8Array.prototype, { length: { value: 4 } }),
  "floats": () => new Float64Array(2),
  "a text": () => "four",
};

/** Sends each to itself, and says how it was taken and what came. */
async function sendLiars({ syscalls }: Loot): Promise<unknown> {
  const pair = syscalls.endpointCreate(1);
  if (pair.status !== "ok") return "no endpoint";
  const outcomes: Record<string, unknown> = {};
  for (const [name, make] of Object.entries(LIARS)) {
    const frame = make() as Uint8Array;
    const status = outcomeOf(() => syscalls.trySend(pair.send, frame));
    const came = await syscalls.receive(pair.receive, 0);
    const same = came.status === "ok" &&
      (came.frame === frame || came.frame.buffer === frame.buffer);
    outcomes[name] = same ? "its own memory" : status;
  }
  for (const slot of [pair.send, pair.receive]) syscalls.capClose(slot);
  return { outcomes, seen: [...seen] };
}

/** Writes a record whose fields say that another wrote it. */
async function forgeRecord({ call }: Loot, sender: string): Promise<unknown> {
  const log = call["log"] as Record<string, (request: object) => Promise<{ status: string }>>;
  const fields = { scope: "forged", message: "forged" };
  const tried = [`sender=${sender}\n`, `service_id=1\n`, ""].map((each) =>
    log["append"]?.({ level: 3, ...fields, fields: each })
  );
  return (await Promise.all(tried)).map((reply) => reply?.status);
}

export const FRAME_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "frames that lie": sendLiars,
  "a record of another's": forgeRecord,
};
