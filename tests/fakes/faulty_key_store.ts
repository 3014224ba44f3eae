import type { KeyStore, KeyWrite } from "@services/keystored/keys/key_store.ts";

/** What goes wrong with a store. Puts, marks and unmarks are counted from 0. */
export interface StoreFault {
  /** The change that it happens at; every one before it is done. */
  readonly at: number;
  /** Whether the change is made before the store fails, or not at all. */
  readonly made: boolean;
  /** Whether nothing answers from then on: the power is gone. */
  readonly cut: boolean;
}

/** A store that fails once, or for good. */
export interface FaultyKeyStore extends KeyStore {
  /** Changes that were asked for so far. */
  readonly changes: number;
}

const UNAVAILABLE = { status: "unavailable" } as const;

/** @param fault `undefined`: nothing goes wrong. */
export function faultyKeyStore(store: KeyStore, fault?: StoreFault): FaultyKeyStore {
  let changes = 0;
  const gone = () => fault !== undefined && fault.cut && changes > fault.at;
  const write = async (work: () => Promise<KeyWrite>): Promise<KeyWrite> => {
    const now = changes++;
    if (fault === undefined || now < fault.at) return await work();
    if (now > fault.at) return fault.cut ? UNAVAILABLE : await work();
    if (fault.made) await work();
    return UNAVAILABLE;
  };
  return {
    get changes() {
      return changes;
    },
    list: () => gone() ? Promise.resolve(undefined) : store.list(),
    get: (place) => gone() ? Promise.resolve(UNAVAILABLE) : store.get(place),
    put: (place, record) => write(() => store.put(place, record)),
    mark: (place) => write(() => store.mark(place)),
    async unmark(place) {
      await write(async () => {
        await store.unmark(place);
        return { status: "ok" };
      });
    },
  };
}
