import type { Secret } from "@runtime/core/secret.ts";
import type { StatePorts } from "@runtime/core/state_ports.ts";
import { type OpenedState, openState, randomOver } from "@services/statefsd/client/open_state.ts";
import { SECTORS_MIN } from "@services/statefsd/client/state_facts.ts";
import { journalOver } from "@services/statefsd/host_journal.ts";
import { openStore } from "@services/statefsd/open_store.ts";
import type { Store } from "@services/statefsd/store.ts";
import { equal, ok } from "./assert.ts";
import { bytesOf } from "./statefs.ts";

const PATHS = ["/state/app/a", "/state/app/b", "/state/boot/c", "/state/keystore/d"];

/** Does `work` with the store of a state directory, which is made where there is none. */
export async function withState<T>(
  ports: StatePorts,
  path: string,
  work: (store: Store, state: OpenedState) => T | Promise<T>,
  passphrase?: Secret,
): Promise<T> {
  const create = { sectorCount: SECTORS_MIN };
  const state = await openState(ports, path, { create, passphrase });
  try {
    const { recordKey, imageId } = state;
    const random = randomOver(ports.entropy);
    const opened = await openStore({ disk: journalOver(state.disk), random, recordKey, imageId });
    ok(opened.status === "ok", opened.status);
    const result = await work(opened.store, state);
    opened.store.wipe();
    return result;
  } finally {
    await state.close();
  }
}

/** Puts values of every kind, each with envelopes of its own. */
export async function putValues(store: Store): Promise<void> {
  for (const [index, path] of PATHS.entries()) {
    const about = { subject: `s${index}`, purpose: `p${index}`, timestamp: BigInt(index) };
    equal(await store.put(path, bytesOf(`value ${index}`), about), "ok");
  }
}

/** What the values are, envelopes and all. */
export function valuesOf(store: Store): readonly ReturnType<Store["get"]>[] {
  return PATHS.map((path) => store.get(path));
}
