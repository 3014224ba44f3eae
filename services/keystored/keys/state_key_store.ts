import type { Client } from "@runtime/idl/client.ts";
import { LIST_AFTER_NAMES_MAX, type statefsd } from "../../statefsd/protocol.ts";
import { isAppName, isPurpose } from "../client/key_limits.ts";
import {
  type KeyPlace,
  type KeyStore,
  type KeyWrite,
  type ListedKeys,
  pathOf,
} from "./key_store.ts";

const ROOT = "/state/keystore/";
const RECORD = "key";
const MARK = "destroy";

type State = Pick<Client<typeof statefsd>, "get" | "put" | "del" | "listAfter">;

/** The store in statefsd. */
export function stateKeyStore(state: State): KeyStore {
  const write = async (key: string, value: Uint8Array): Promise<KeyWrite> => {
    const reply = await state.put({ key, value });
    if (reply.status === "ok") return { status: "ok" };
    if (reply.status !== "quota_exceeded") return { status: "unavailable" };
    return { status: "quota_exceeded", used: reply.used, limit: reply.limit };
  };
  return {
    list: () => listed(state),
    async get(place) {
      const reply = await state.get({ key: pathOf(place) });
      if (reply.status === "ok") return { status: "ok", record: reply.value };
      if (reply.status === "not_found") return { status: "not_found" };
      const damaged = reply.status === "integrity" || reply.status === "rollback";
      return { status: damaged ? "damaged" : "unavailable" };
    },
    put: (place, record) => write(pathOf(place), record),
    mark: (place) => write(markOf(place), new Uint8Array(0)),
    async unmark(place) {
      // One that stays is looked at again, and changes nothing.
      await state.del({ key: markOf(place) });
    },
  };
}

function markOf({ app, purpose }: KeyPlace): string {
  return `${ROOT}${app}/${purpose}/${MARK}`;
}

/** Reads all names; there are other values than keys below the same root. */
async function listed(state: State): Promise<ListedKeys | undefined> {
  const places: KeyPlace[] = [];
  const marked: KeyPlace[] = [];
  for (let after = "";;) {
    const page = await state.listAfter({ prefix: ROOT, after, countMax: LIST_AFTER_NAMES_MAX });
    if (page.status !== "ok") return undefined;
    for (const { name } of page.names) {
      const [app = "", purpose = "", kind, ...more] = name.slice(ROOT.length).split("/");
      if (more.length > 0 || !isAppName(app) || !isPurpose(purpose)) continue;
      if (kind === RECORD) places.push({ app, purpose });
      if (kind === MARK) marked.push({ app, purpose });
    }
    const last = page.names.at(-1)?.name;
    if (last === undefined) return { places, marked };
    after = last;
  }
}
