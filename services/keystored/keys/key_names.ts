import { keyIdText } from "../client/key_id.ts";
import type { HeldKey } from "./held_key.ts";
import type { KeyPlace } from "./key_store.ts";

/** Which keys there are: what is asked for by name is not looked for on the disk in vain. */
export class KeyNames {
  readonly #byApp = new Map<string, Map<string, KeyPlace>>();
  #count = 0;

  /** All keys of a device. */
  get count(): number {
    return this.#count;
  }

  /** Applications in order. */
  get apps(): readonly string[] {
    return [...this.#byApp.keys()].sort();
  }

  /** Keys of an application, in the order of their purposes. */
  placesOf(app: string): readonly KeyPlace[] {
    const places = [...this.#byApp.get(app)?.values() ?? []];
    return places.sort((left, right) => left.purpose < right.purpose ? -1 : 1);
  }

  countOf(app: string): number {
    return this.#byApp.get(app)?.size ?? 0;
  }

  has({ app, purpose }: KeyPlace): boolean {
    return this.#byApp.get(app)?.has(purpose) === true;
  }

  add(place: KeyPlace): void {
    if (this.has(place)) return;
    const purposes = this.#byApp.get(place.app) ?? new Map<string, KeyPlace>();
    this.#byApp.set(place.app, purposes.set(place.purpose, place));
    this.#count += 1;
  }

  remove(place: KeyPlace): void {
    if (this.#byApp.get(place.app)?.delete(place.purpose) === true) this.#count -= 1;
    if (this.countOf(place.app) === 0) this.#byApp.delete(place.app);
  }
}

/** Which key an id is of. It is filled for an application when somebody first asks by an id. */
export class KeyIds {
  readonly #byApp = new Map<string, Map<string, KeyPlace>>();

  /** Whether an application's ids are all there. */
  filled(app: string): boolean {
    return this.#byApp.has(app);
  }

  /** @param keys Every key of the application. */
  fill(app: string, keys: readonly HeldKey[]): void {
    const ids = new Map<string, KeyPlace>();
    for (const key of keys) {
      for (const version of key.versions) ids.set(keyIdText(version.keyId), key.place);
    }
    this.#byApp.set(app, ids);
  }

  /** A key has its versions: new ones may be among them. */
  note({ place, versions }: HeldKey): void {
    const ids = this.#byApp.get(place.app);
    for (const { keyId } of versions) ids?.set(keyIdText(keyId), place);
  }

  placeOf(app: string, keyId: string): KeyPlace | undefined {
    return this.#byApp.get(app)?.get(keyId);
  }
}
