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

/** What is known of an application's ids. */
class AppIds {
  readonly byPurpose = new Map<string, readonly string[]>();
  readonly places = new Map<string, KeyPlace>();
  /** Whether every key of the application was looked at. */
  whole = false;
  /** How often something became unknown. */
  doubts = 0;

  set({ place, versions }: HeldKey): void {
    this.drop(place);
    const ids = versions.map(({ keyId }) => keyIdText(keyId));
    this.byPurpose.set(place.purpose, ids);
    for (const id of ids) this.places.set(id, place);
  }

  drop({ purpose }: KeyPlace): void {
    for (const id of this.byPurpose.get(purpose) ?? []) this.places.delete(id);
    this.byPurpose.delete(purpose);
  }
}

/** Which key an id is of. It is filled for an application when somebody first asks by an id. */
export class KeyIds {
  readonly #byApp = new Map<string, AppIds>();

  /** Whether an application's ids are all there. */
  filled(app: string): boolean {
    return this.#byApp.get(app)?.whole === true;
  }

  /** From now on {@linkcode note} is heard. @returns What {@linkcode fill} is to be given. */
  begin(app: string): number {
    const ids = this.#byApp.get(app) ?? new AppIds();
    this.#byApp.set(app, ids);
    return ids.doubts;
  }

  /**
   * @param keys Every key of the application, each as it was at some time since `begin`.
   * @returns Whether that is still so: no key became unknown meanwhile.
   */
  fill(app: string, keys: readonly HeldKey[], begun: number): boolean {
    const ids = this.#byApp.get(app);
    if (ids?.doubts !== begun) return false;
    // What was noted since is newer than what was read.
    for (const key of keys) if (!ids.byPurpose.has(key.place.purpose)) ids.set(key);
    ids.whole = true;
    return true;
  }

  /** A key has its versions: new ones may be among them, and old ones may be gone. */
  note(key: HeldKey): void {
    this.#byApp.get(key.place.app)?.set(key);
  }

  /** Nobody knows which versions a key has: the application's are looked at again. */
  doubt(place: KeyPlace): void {
    const ids = this.#byApp.get(place.app);
    if (ids === undefined) return;
    ids.drop(place);
    ids.whole = false;
    ids.doubts += 1;
  }

  placeOf(app: string, keyId: string): KeyPlace | undefined {
    return this.#byApp.get(app)?.places.get(keyId);
  }
}
