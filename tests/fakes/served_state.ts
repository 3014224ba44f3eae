import type { Client } from "@runtime/idl/client.ts";
import { LiveStore } from "@services/statefsd/live_store.ts";
import { openStore } from "@services/statefsd/open_store.ts";
import { statefsd } from "@services/statefsd/protocol.ts";
import { createStatefsd } from "@services/statefsd/service.ts";
import { directClient } from "./direct.ts";
import { type DiskFaults, LossyDisk } from "./lossy_disk.ts";
import { recordKey, risingRandom } from "./statefs.ts";

const LIMITS = { soft: 60_000, hard: 80_000 };

/** statefsd over a disk that may lose what was not flushed. */
export interface ServedState {
  readonly disk: LossyDisk;
  readonly client: Client<typeof statefsd>;
}

/** @returns `undefined` when the image does not open. */
export async function servedState(
  image: Uint8Array,
  faults: DiskFaults = {},
): Promise<ServedState | undefined> {
  const disk = new LossyDisk(image, faults);
  const quotas = { subjects: LIMITS, apps: LIMITS, clock: { nowNs: () => 0 }, warned() {} };
  const ports = { disk, random: risingRandom(), recordKey: recordKey(), quotas, failed() {} };
  const opened = await openStore(ports);
  if (opened.status !== "ok") return undefined;
  const handlers = createStatefsd({
    ...{ store: new LiveStore(ports, opened), gate: () => Promise.resolve(true), persists: true },
    ...{ log: undefined, exceeded() {}, compacted() {}, check: () => Promise.resolve(undefined) },
    unixMs: () => 0,
  });
  return { disk, client: directClient(statefsd, handlers, { sender: "keystored" }) };
}
