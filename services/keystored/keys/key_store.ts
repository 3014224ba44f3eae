/** Where one key is kept: there is one for each purpose of an application. */
export interface KeyPlace {
  readonly app: string;
  readonly purpose: string;
}

/** How a reading ends. `damaged`: there is a value, and it does not open. */
export type KeyRead =
  | { readonly status: "ok"; readonly record: Uint8Array }
  | { readonly status: "not_found" | "unavailable" | "damaged" };

/** How a writing ends. After `unavailable` nobody knows which of both records is there. */
export type KeyWrite =
  | { readonly status: "ok" | "unavailable" }
  | { readonly status: "quota_exceeded"; readonly used: bigint; readonly limit: bigint };

/** What a store lists. */
export interface ListedKeys {
  readonly places: readonly KeyPlace[];
  /** Those that are marked as waiting for their destruction. */
  readonly marked: readonly KeyPlace[];
}

/**
 * Keeps records, each written as a whole or not at all. statefsd in the node; a folder in tests.
 *
 * Source: Open Nexus OS, TASK-0159, "Storage layout contract": `state:/keystore/<appId>/<purpose>/…`.
 */
export interface KeyStore {
  list(): Promise<ListedKeys | undefined>;
  get(place: KeyPlace): Promise<KeyRead>;
  /** Safe when it resolves with `ok`. */
  put(place: KeyPlace, record: Uint8Array): Promise<KeyWrite>;
  /** Notes that a key waits for its destruction, so that it is found without reading all of them. */
  mark(place: KeyPlace): Promise<KeyWrite>;
  unmark(place: KeyPlace): Promise<void>;
}

/** Path of a key's record: what it is bound to. */
export function pathOf({ app, purpose }: KeyPlace): string {
  return `/state/keystore/${app}/${purpose}/key`;
}
