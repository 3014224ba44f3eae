import { createHash } from "node:crypto";
import type { Secret } from "@runtime/core/secret.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { bind, type Bound, type Handlers } from "@runtime/idl/server.ts";
import type { RequestOf } from "@runtime/idl/service.ts";
import { type AlgorithmName, ALGORITHMS } from "@services/keystored/client/algorithm.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { AuditHash } from "@services/keystored/keys/audit_hash.ts";
import { KeyChanges } from "@services/keystored/keys/key_changes.ts";
import type { CellPorts, DrawBytes } from "@services/keystored/keys/key_cells.ts";
import { KeyClock } from "@services/keystored/keys/key_clock.ts";
import { type KeyPlace, type KeyStore, pathOf } from "@services/keystored/keys/key_store.ts";
import { KeyUses } from "@services/keystored/keys/key_uses.ts";
import { Keyring } from "@services/keystored/keys/keyring.ts";
import { createKeys } from "@services/keystored/keys/keys_service.ts";
import { directChannel, type DirectOptions } from "./direct.ts";
import { kek as ownKek } from "./seed_entropy.ts";

/** When tests begin, in milliseconds since the Unix epoch. */
export const START_MS = 1_700_000_000_000;

/** Time that a test sets, forward and back. */
export interface SetClock {
  ms: number;
  unixMs(): number;
}

export function setClock(ms: number = START_MS): SetClock {
  const clock: SetClock = { ms, unixMs: () => clock.ms };
  return clock;
}

/** What a keystore stands on; what is left out is memory, a seed, and a clock that stands. */
export interface KeystoreOptions extends DirectOptions {
  readonly store?: KeyStore;
  readonly draw?: DrawBytes;
  readonly clock?: { unixMs(): number };
  readonly kek?: Secret;
  readonly seeded?: boolean;
  readonly takesTestKeys?: boolean;
  readonly refused?: CellPorts["refused"];
}

/** keystored's engine behind its own frames. */
export interface Keystore {
  readonly ring: Keyring;
  readonly handlers: Handlers<typeof keys>;
  readonly bound: Bound;
  readonly channel: RawChannel;
  readonly client: Client<typeof keys>;
}

/** Opens a keystore as keystored does at its start. */
export async function keystoreOn(options: KeystoreOptions = {}): Promise<Keystore> {
  const { kek = ownKek(), clock = setClock() } = options;
  const ring = new Keyring({
    store: options.store ?? memoryKeyStore(),
    draw: options.draw ?? seededDraw("keys"),
    time: new KeyClock(clock),
    kek,
    takesTestKeys: options.takesTestKeys ?? true,
    refused: options.refused ?? (() => {}),
    seeded: options.seeded ?? false,
  });
  if (!await ring.open()) throw new Error("the store lists its keys");
  const [uses, changes] = [new KeyUses(ring), new KeyChanges(ring)];
  const handlers = createKeys({ ring, uses, changes, hash: new AuditHash(kek) });
  const bound = bind(keys, handlers);
  const channel = directChannel([bound], options);
  return { ring, handlers, bound, channel, client: createClient(keys, channel) };
}

/**
 * Bytes that follow from a seed, INSECURE: SHA-256 of the seed and a counter from 0, one block behind
 * the other.
 */
export function seededDraw(seed: string): DrawBytes {
  let left = new Uint8Array(0);
  let counter = 0;
  return (length) => {
    while (left.length < length) {
      const block = createHash("sha256").update(`${seed}:${counter++}`).digest();
      left = Uint8Array.of(...left, ...block);
    }
    const drawn = left.slice(0, length);
    left = left.subarray(length);
    return Promise.resolve(drawn);
  };
}

/** Records and marks by path. */
export interface MemoryKeys {
  readonly records: Map<string, Uint8Array>;
  readonly marks: Set<string>;
}

export function memoryKeys(): MemoryKeys {
  return { records: new Map(), marks: new Set() };
}

/** A store in memory. What is changed beside it is seen. */
export function memoryKeyStore({ records, marks }: MemoryKeys = memoryKeys()): KeyStore {
  const done = { status: "ok" } as const;
  return {
    list: () => Promise.resolve({ places: placesIn(records.keys()), marked: placesIn(marks) }),
    get(place) {
      const record = records.get(pathOf(place))?.slice();
      return Promise.resolve(
        record === undefined ? { status: "not_found" } : { status: "ok", record },
      );
    },
    put(place, record) {
      records.set(pathOf(place), record.slice());
      return Promise.resolve(done);
    },
    mark(place) {
      marks.add(pathOf(place));
      return Promise.resolve(done);
    },
    unmark(place) {
      marks.delete(pathOf(place));
      return Promise.resolve();
    },
  };
}

function placesIn(paths: Iterable<string>): KeyPlace[] {
  return [...paths].map((path) => {
    const [app = "", purpose = ""] = path.split("/").slice(3);
    return { app, purpose };
  });
}

type Wish = RequestOf<typeof keys, "create">;

/** A wish for a key of `app` `mail`, without an end or a limit. */
export function wishFor(
  purpose: string,
  algorithm: AlgorithmName,
  more: Partial<Wish> = {},
): Wish {
  const { code } = ALGORITHMS[algorithm];
  const plain = { uses: 0, label: "", expiresMs: 0n, usesMax: 0n };
  return { app: "mail", purpose, algorithm: code, ...plain, ...more };
}
