/**
 * Runs steps through keystored's frames and through the model, and compares after each.
 *
 * @module
 */

import * as fc from "fast-check";
import { KEY_STATES } from "@services/keystored/client/lifecycle.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import {
  type Keystore,
  keystoreOn,
  memoryKeys,
  memoryKeyStore,
  seededDraw,
  setClock,
  START_MS,
  wishFor,
} from "../fakes/keystore.ts";
import { utf8 } from "./independent.ts";
import { type Asked, Model, type ModelKey, type Operation } from "./model.ts";

/** One thing that happens. */
export interface ModelStep {
  readonly what: Operation | "clock" | "restart" | "tend";
  readonly name: "sig" | "box";
  readonly number: number;
  readonly field: keyof typeof FIELDS;
}

/** Fields of an update, by the bit that means them. */
const FIELDS = { expiresMs: 2, usesMax: 4, minSign: 8, minOpen: 16, minVerify: 32 } as const;
/** What ends a key is rare: more happens to one that lives. */
const WHATS: readonly ModelStep["what"][] = [
  ...["create", "create", "create", "rotate", "rotate", "rotate", "rotate", "trim"] as const,
  ...["update", "update", "update", "update", "update", "update", "get"] as const,
  ...["sign", "sign", "sign", "seal", "seal", "seal", "clock", "clock", "restart"] as const,
  ...["verify", "verify", "verify", "verify", "unseal", "unseal", "unseal", "unseal"] as const,
  ...["suspend", "resume", "resume", "retire", "revoke", "destroy", "cancelDestroy"] as const,
  ...["cancelDestroy", "tend"] as const,
];
const STEPS_MAX = 40;
const MESSAGE = utf8("message");
const NOTHING = new Uint8Array(0);

const NUMBERS = [-2, -1, -1, 0, 1, 1, 2, 2, 2, 3, 4] as const;

const FREE_STEPS: fc.Arbitrary<ModelStep[]> = fc.array(
  fc.record({
    what: fc.constantFrom(...WHATS),
    name: fc.constantFrom("sig", "box"),
    number: fc.constantFrom(...NUMBERS),
    field: fc.constantFrom("expiresMs", "usesMax", "minSign", "minOpen", "minVerify"),
  }),
  { maxLength: STEPS_MAX, size: "max" },
);

/** How most keys begin: there, used, and of two versions. */
const BORN: readonly ModelStep[] = (["sig", "box"] as const).flatMap((name) =>
  (["create", "sign", "rotate", "sign"] as const).map((what) => ({
    ...{ what, name, number: 0, field: "minOpen" },
  }))
);

export const modelSteps: fc.Arbitrary<ModelStep[]> = fc.oneof(
  { weight: 1, arbitrary: FREE_STEPS },
  { weight: 7, arbitrary: FREE_STEPS.map((steps) => [...BORN, ...steps]) },
);

/** What was made, and by which version. */
interface MadeThing {
  readonly version: number;
  readonly bytes: Uint8Array;
}

type Client = Keystore["client"];

class Run {
  readonly model = new Model(START_MS);
  readonly #memory = memoryKeys();
  readonly #clock = setClock();
  readonly #draw = seededDraw("model");
  readonly #made = { sig: [] as MadeThing[], box: [] as MadeThing[] };
  #keystore: Keystore | undefined;

  async keystore(): Promise<Keystore> {
    const store = memoryKeyStore(this.#memory);
    return this.#keystore ??= await keystoreOn({ store, clock: this.#clock, draw: this.#draw });
  }

  async step({ what, name, number, field }: ModelStep): Promise<void> {
    const { ring, client } = await this.keystore();
    if (what === "restart") {
      this.#keystore = undefined;
      this.model.restart();
    } else if (what === "tend") {
      await ring.tend();
      this.model.tend();
    } else if (what === "clock") {
      this.#clock.ms += 700 * number;
      this.model.clockMs = this.#clock.ms;
    } else {
      // Each key has the uses of its algorithm.
      const own = name === "sig" ? SIGNS[what] ?? what : SEALS[what] ?? what;
      const asked = this.#asked(own, number, field);
      const thing = this.#made[name].at(number);
      const expected = this.model.does(own, name, { ...asked, ...madeByOf(thing) });
      equal(await this.#ask(client, own, { name, asked, field, thing }), expected, own);
    }
  }

  #asked(what: Operation, number: number, field: ModelStep["field"]): Asked {
    const time = START_MS + 900 * number;
    const value = field === "expiresMs" ? (number < 0 ? 0 : time) : Math.max(0, number);
    if (what === "update") return { change: { [field]: value } };
    if (what === "create") {
      return { change: number > 2 ? { usesMax: 2 * number } : {} };
    }
    return what === "destroy"
      ? { number: 700 * Math.max(0, number) }
      : { number: Math.max(0, number) };
  }

  async #ask(
    client: Client,
    what: Operation,
    { name, asked: { number = 0, change = {} }, field, thing }: {
      readonly name: ModelStep["name"];
      readonly asked: Asked;
      readonly field: ModelStep["field"];
      readonly thing: MadeThing | undefined;
    },
  ): Promise<string> {
    const ref = { app: "mail", key: name };
    const algorithm = name === "sig" ? "ed25519" : "xchacha20-poly1305";
    const made = (version: number, bytes: Uint8Array) =>
      void this.#made[name].push({ version, bytes: bytes.slice() });
    switch (what) {
      case "create": {
        const usesMax = BigInt(change.usesMax ?? 0);
        return (await client.create(wishFor(name, algorithm, { usesMax }))).status;
      }
      case "sign": {
        const reply = await client.sign({ ...ref, message: MESSAGE });
        if (reply.status === "ok") made(reply.version, reply.signature);
        return reply.status;
      }
      case "seal": {
        const reply = await client.seal({ ...ref, label: "", aad: NOTHING, plain: MESSAGE });
        if (reply.status === "ok") made(reply.version, reply.sealed);
        return reply.status;
      }
      case "verify":
        return await this.#verify(client, thing);
      case "unseal": {
        const sealed = thing?.bytes ?? NOTHING;
        const reply = await client.unseal({ ...ref, aad: NOTHING, sealed });
        if (reply.status === "ok") {
          deepEqual([reply.plain, reply.version], [MESSAGE, thing?.version]);
        }
        return reply.status;
      }
      case "trim":
        return (await client.trim({ ...ref, keep: number })).status;
      case "destroy":
        return (await client.destroy({ ...ref, waitMs: BigInt(number) })).status;
      case "update": {
        const zero = { expiresMs: 0, usesMax: 0, minSign: 0, minOpen: 0, minVerify: 0 };
        const { expiresMs, usesMax, ...least } = { ...zero, ...change };
        const { minSign, minOpen, minVerify } = least;
        const times = { expiresMs: BigInt(expiresMs), usesMax: BigInt(usesMax) };
        const request = { ...ref, ...times, label: "", minSign, minOpen, minVerify };
        return (await client.update({ ...request, mask: FIELDS[field] })).status;
      }
      default:
        return (await client[what](ref)).status;
    }
  }

  /** A signature is its version's as long as that may verify. */
  async #verify(client: Client, thing: MadeThing | undefined): Promise<string> {
    const signature = thing?.bytes ?? new Uint8Array(64);
    const reply = await client.verify({ app: "mail", key: "sig", message: MESSAGE, signature });
    if (reply.status !== "ok") return reply.status;
    const key = this.model.keys.get("sig");
    const { version = 0 } = thing ?? {};
    const holds = key?.versions.includes(version) === true && version >= key.minVerify;
    deepEqual([reply.valid, reply.version], holds ? [1, version] : [0, 0]);
    return reply.status;
  }

  /** Both say the same of each key. */
  async compare(): Promise<void> {
    const { client } = await this.keystore();
    for (const name of ["sig", "box"]) {
      const reply = await client.get({ app: "mail", key: name });
      equal(reply.status, this.model.does("get", name));
      const key = this.model.keys.get(name);
      if (reply.status !== "ok" || key === undefined) continue;
      const { kept: _, before: __, ...expected } = key;
      deepEqual(
        { ...told(reply), versions: reply.versions.map(({ version }) => version) },
        expected,
      );
    }
  }
}

function told(
  reply: Omit<Extract<Awaited<ReturnType<Client["get"]>>, { status: "ok" }>, "status">,
) {
  const { minSign, minOpen, minVerify } = reply;
  return {
    state: KEY_STATES[reply.state] ?? "",
    ...{ minSign, minOpen, minVerify },
    changedMs: Number(reply.changedMs),
    expiresMs: Number(reply.expiresMs),
    destroyMs: Number(reply.destroyMs),
    usesMax: Number(reply.usesMax),
    used: Number(reply.used),
    lastUsedMs: Number(reply.lastUsedMs),
  } satisfies Partial<ModelKey>;
}

/** What stands for the uses that a key does not have. */
const SIGNS: Readonly<Partial<Record<Operation, Operation>>> = { seal: "sign", unseal: "verify" };
const SEALS: Readonly<Partial<Record<Operation, Operation>>> = { sign: "seal", verify: "unseal" };

function madeByOf(thing: MadeThing | undefined): { readonly madeBy?: number } {
  return thing === undefined ? {} : { madeBy: thing.version };
}

/** @throws When keystored and the model part. */
export async function runSteps(steps: readonly ModelStep[]): Promise<void> {
  const run = new Run();
  for (const step of steps) {
    await run.step(step);
    await run.compare();
  }
  ok(run.model.keys.size <= 2);
}
