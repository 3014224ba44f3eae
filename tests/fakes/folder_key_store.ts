import { isAppName, isPurpose } from "@services/keystored/client/key_limits.ts";
import type {
  KeyPlace,
  KeyStore,
  KeyWrite,
  ListedKeys,
} from "@services/keystored/keys/key_store.ts";

const RECORD = "key";
const MARK = "destroy";
const PARTIAL = ".partial";

/**
 * A folder as the store of keys: `<app>/<purpose>/key` below it. A record is written beside its place,
 * flushed and renamed, so that a cut leaves the old one or the new one.
 */
export function folderKeyStore(folder: string): KeyStore {
  const at = ({ app, purpose }: KeyPlace) => `${folder}/${app}/${purpose}`;
  const write = async (place: KeyPlace, name: string, bytes: Uint8Array): Promise<KeyWrite> => {
    await Deno.mkdir(at(place), { recursive: true });
    const path = `${at(place)}/${name}`;
    await flushed(path + PARTIAL, bytes);
    await Deno.rename(path + PARTIAL, path);
    return { status: "ok" };
  };
  return {
    list: () => listed(folder),
    async get(place) {
      try {
        return { status: "ok", record: await Deno.readFile(`${at(place)}/${RECORD}`) };
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return { status: "not_found" };
        throw error;
      }
    },
    put: (place, record) => write(place, RECORD, record),
    mark: (place) => write(place, MARK, new Uint8Array(0)),
    unmark: (place) => Deno.remove(`${at(place)}/${MARK}`),
  };
}

async function flushed(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  await file.sync();
}

async function listed(folder: string): Promise<ListedKeys> {
  const places: KeyPlace[] = [];
  const marked: KeyPlace[] = [];
  for (const app of (await namesIn(folder)).filter(isAppName)) {
    for (const purpose of (await namesIn(`${folder}/${app}`)).filter(isPurpose)) {
      const names = await namesIn(`${folder}/${app}/${purpose}`);
      if (names.includes(RECORD)) places.push({ app, purpose });
      if (names.includes(MARK)) marked.push({ app, purpose });
    }
  }
  return { places, marked };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).sort();
}
