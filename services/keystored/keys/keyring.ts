import { parseKeyId } from "../client/key_id.ts";
import { isAppName, isPurpose } from "../client/key_limits.ts";
import { conditionOf, type KeyOperation, LIFECYCLE } from "../client/lifecycle.ts";
import type { HeldKey } from "./held_key.ts";
import { type CellPorts, KeyCells } from "./key_cells.ts";
import { KeyIds, KeyNames } from "./key_names.ts";
import { type KeyPlace, pathOf } from "./key_store.ts";
import { type KeyRefusal, type Outcome, quota } from "./outcome.ts";

/** What a keyring stands on. */
export interface KeyringPorts extends CellPorts {
  /** Whether keys are drawn from a seed: it stands in each of them for ever. */
  readonly seeded: boolean;
}

/** How a key is named: by its purpose, or by the id of one of its versions. */
export interface KeyReference {
  readonly app: string;
  readonly key: string;
}

/** A key, found, and the version that it was named by. */
export interface Found {
  readonly key: HeldKey;
  /** Id of the version that was named; `undefined` when the key was named by its purpose. */
  readonly keyId: Uint8Array | undefined;
}

const NOT_FOUND = { status: "ENOENT" } as const;
/** How often an application's keys are read when the store fails meanwhile. */
const FILLS_MAX = 3;

/**
 * The keys of a device: who lives, who is found, who changes. What is done with one is
 * `key_uses.ts`, how one changes `key_changes.ts`.
 */
export class Keyring {
  readonly #ports: KeyringPorts;
  readonly #cells: KeyCells;
  readonly #names = new KeyNames();
  readonly #ids = new KeyIds();
  /** Keys that wait for their destruction, by path. */
  readonly #ending = new Map<string, KeyPlace>();

  constructor(ports: KeyringPorts) {
    this.#ports = ports;
    this.#cells = new KeyCells(ports);
  }

  /** Learns which keys there are. @returns Whether the store told. */
  async open(): Promise<boolean> {
    const listed = await this.#ports.store.list();
    if (listed === undefined) return false;
    for (const place of listed.places) this.#names.add(place);
    for (const place of listed.marked) this.#ending.set(pathOf(place), place);
    return true;
  }

  get names(): Pick<KeyNames, "apps" | "placesOf" | "countOf" | "count"> {
    return this.#names;
  }

  get draw(): KeyringPorts["draw"] {
    return this.#ports.draw;
  }

  /** Whether keys are drawn from a seed. */
  get seeded(): boolean {
    return this.#ports.seeded;
  }

  nowMs(): bigint {
    return this.#ports.time.nowMs();
  }

  /** Where a reference leads, without a look at the key; `undefined` where it leads nowhere. */
  placeOf(
    { app, key }: KeyReference,
  ): KeyPlace | undefined | KeyRefusal | Promise<KeyPlace | undefined | KeyRefusal> {
    if (!isAppName(app)) return { status: "EINVAL" };
    if (isPurpose(key)) {
      return this.#names.has({ app, purpose: key }) ? { app, purpose: key } : undefined;
    }
    if (parseKeyId(key) === undefined) return { status: "EINVAL" };
    if (this.#ids.filled(app)) return this.#ids.placeOf(app, key);
    return this.#fillIds(app).then((filled) =>
      filled ? this.#ids.placeOf(app, key) : { status: "unavailable" }
    );
  }

  /**
   * Runs `work` on a key in whose condition the table allows the operation. At once when the key is in
   * memory and nobody changes it.
   */
  use<T>(
    reference: KeyReference,
    operation: KeyOperation,
    work: (found: Found) => Outcome<T>,
  ): Outcome<T> | Promise<Outcome<T>> {
    const place = this.placeOf(reference);
    if (place instanceof Promise) {
      return place.then((known) => this.#useAt(known, reference, operation, work));
    }
    return this.#useAt(place, reference, operation, work);
  }

  #useAt<T>(
    place: KeyPlace | undefined | KeyRefusal,
    { key: name }: KeyReference,
    operation: KeyOperation,
    work: (found: Found) => Outcome<T>,
  ): Outcome<T> | Promise<Outcome<T>> {
    if (place === undefined) return NOT_FOUND;
    if ("status" in place) return place;
    const keyId = parseKeyId(name);
    const counted = countsUses(operation);
    const judged = (key: HeldKey | null): Outcome<T> | "alone" => {
      if (key === null) return this.#absent(place);
      if (this.#due(key)) return "alone";
      const refusal = lostVersion(key, keyId) ?? this.refusal(key, operation);
      if (refusal !== undefined) return refusal;
      if (counted && key.facts.usesMax > 0n) return "alone";
      const outcome = work({ key, keyId });
      if (counted && outcome.status === "ok") this.#cells.used(key);
      return outcome;
    };
    const settled = (outcome: Outcome<T> | "alone"): Outcome<T> | Promise<Outcome<T>> => {
      return outcome === "alone" ? this.#useAlone(place, keyId, operation, work) : outcome;
    };
    const outcome = this.#cells.use<Outcome<T> | "alone">(place, judged);
    return outcome instanceof Promise ? outcome.then(settled) : settled(outcome);
  }

  /** The use of a key that must be written first: one with a limit, or whose end has come. */
  #useAlone<T>(
    place: KeyPlace,
    keyId: Uint8Array | undefined,
    operation: KeyOperation,
    work: (found: Found) => Outcome<T>,
  ): Promise<Outcome<T>> {
    return this.#changeAt({ place, keyId }, operation, async (key) => {
      const { usesMax } = key.facts;
      if (!countsUses(operation) || usesMax === 0n) return work({ key, keyId });
      const { used } = key.usage;
      if (used >= usesMax) return quota(used, usesMax);
      const outcome = work({ key, keyId });
      if (outcome.status !== "ok") return outcome;
      // Counted on the disk before it is told: a cut may cost a use, and gives none.
      const counted = await this.#cells.replace(
        key.with({ used: used + 1n, lastUsedMs: this.nowMs() }),
      );
      return counted.status === "ok" ? outcome : counted;
    });
  }

  /** Ends keys whose time to be called back is over, and writes counters. */
  async tend(): Promise<void> {
    for (const place of [...this.#ending.values()]) {
      await this.alone<Record<never, never>>(place, async (key) => {
        if (key?.facts.state !== "destroying") await this.unmark(place);
        return { status: "ok" };
      });
    }
    await this.#cells.flush();
  }

  /** Overwrites every secret in memory. */
  wipe(): void {
    this.#cells.wipe();
  }

  /** Runs `work` on a key that nobody else uses meanwhile, if the table allows the operation. */
  async change(
    reference: KeyReference,
    operation: KeyOperation,
    work: (key: HeldKey) => Promise<Outcome<{ readonly key: HeldKey }>>,
  ): Promise<Outcome<{ readonly key: HeldKey }>> {
    const place = await this.placeOf(reference);
    if (place === undefined) return NOT_FOUND;
    if ("status" in place) return place;
    return await this.#changeAt({ place, keyId: parseKeyId(reference.key) }, operation, work);
  }

  #changeAt<T>(
    { place, keyId }: { readonly place: KeyPlace; readonly keyId: Uint8Array | undefined },
    operation: KeyOperation,
    work: (key: HeldKey) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    return this.alone<T>(place, async (key) => {
      if (key === null) return this.#absent(place);
      return lostVersion(key, keyId) ?? this.refusal(key, operation) ?? await work(key);
    });
  }

  /** Runs `work` on whatever is at a place, a key whose end has come ended before. */
  alone<T>(
    place: KeyPlace,
    work: (key: HeldKey | null) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    return this.#cells.alone<Outcome<T>>(place, async (found) => {
      const key = found !== null && this.#due(found) ? await this.#end(found) : found;
      return key !== null && "status" in key ? key : await work(key);
    });
  }

  /** There is no key in a place after all. */
  #absent(place: KeyPlace): typeof NOT_FOUND {
    this.#names.remove(place);
    return NOT_FOUND;
  }

  /** Notes on the disk that a key waits for its end. */
  async mark(place: KeyPlace): Promise<Outcome<Record<never, never>>> {
    const marked = await this.#ports.store.mark(place);
    if (marked.status === "quota_exceeded") return quota(marked.used, marked.limit);
    if (marked.status !== "ok") return { status: "unavailable" };
    this.#ending.set(pathOf(place), place);
    return { status: "ok" };
  }

  /** What the table says against an operation. */
  refusal(key: HeldKey, operation: KeyOperation): KeyRefusal | undefined {
    const { state, expiresMs } = key.facts;
    // Time is looked at whatever the key: it does not go back below this request's.
    const nowMs = this.nowMs();
    const expired = expiresMs > 0n && nowMs >= expiresMs;
    const cell = LIFECYCLE[operation][conditionOf(state, expired)];
    if (cell === "ok") return undefined;
    return cell === "EDQUOTA" ? quota(0, 0) : { status: cell };
  }

  #due({ facts: { state, destroyMs } }: HeldKey): boolean {
    return state === "destroying" && this.nowMs() >= destroyMs;
  }

  /** Lets a key's secrets go: what stays says that there was one, so that no version comes again. */
  async #end(key: HeldKey): Promise<HeldKey | KeyRefusal> {
    const nowMs = this.nowMs();
    const end = {
      state: "destroyed",
      before: "destroyed",
      changedMs: nowMs,
      destroyMs: 0n,
    } as const;
    const kept = await this.keep(key.destroyed(end));
    if (kept.status !== "ok") return kept;
    await this.unmark(key.place);
    return kept.key;
  }

  /** A key does not wait for its end any more. */
  async unmark(place: KeyPlace): Promise<void> {
    this.#ending.delete(pathOf(place));
    await this.#ports.store.unmark(place);
  }

  /** Keeps a key in the place of the one before. Only for who has it alone. */
  async keep(key: HeldKey): Promise<Outcome<{ readonly key: HeldKey }>> {
    const kept = await this.#cells.replace(key);
    // Nobody knows whether a new key is there then: it has a name until somebody looks.
    if (kept.status === "ok" || kept.status === "unavailable") this.#names.add(key.place);
    if (kept.status === "unavailable") this.#ids.doubt(key.place);
    if (kept.status !== "ok") return kept;
    this.#ids.note(key);
    return { status: "ok", key };
  }

  async #fillIds(app: string): Promise<boolean> {
    for (let attempt = 0; attempt < FILLS_MAX; attempt++) {
      const begun = this.#ids.begin(app);
      const keys = await this.#keysOf(app);
      if (keys === undefined) return false;
      if (this.#ids.fill(app, keys, begun)) return true;
    }
    return false;
  }

  /** Every key of an application; `undefined` when one cannot be read. */
  async #keysOf(app: string): Promise<readonly HeldKey[] | undefined> {
    const keys: HeldKey[] = [];
    for (const place of this.#names.placesOf(app)) {
      const read = await this.#cells.use<KeyRefusal | { readonly status: "ok" }>(place, (key) => {
        if (key !== null) keys.push(key);
        return { status: "ok" };
      });
      // The others are found as if it were not there.
      if (read.status !== "ok" && read.status !== "damaged") return undefined;
    }
    return keys;
  }
}

/** A key that was named by a version which it has no more is not the one that was meant. */
function lostVersion(key: HeldKey, keyId: Uint8Array | undefined): KeyRefusal | undefined {
  return keyId === undefined || key.version(keyId) !== undefined ? undefined : NOT_FOUND;
}

/** Uses that a limit counts: those that take the secret. */
function countsUses(operation: KeyOperation): boolean {
  return COUNTED.has(operation);
}

const COUNTED: ReadonlySet<KeyOperation> = new Set([
  "sign",
  "seal",
  "unseal",
  "rewrap",
  "agree",
  "derive",
  "openFrom",
]);
