/**
 * Values of 256 bytes through statefsd of a whole node, from a task of its own: each call is a frame
 * there and back, a decision that policyd makes and logd keeps, and for a put the disk's flush.
 *
 *     deno run -A tests/bench/state_node_bench.ts [FOLDER]
 *
 * The bare file beside it is overwritten and flushed between two nodes, by the same process: each round
 * is a node and the file, since what a disk does in a second it does not do in the next. Medians.
 *
 * @module
 */

import { openDiskFile } from "@hw/host/disk_file.ts";
import { isolatesFrom } from "@hw/host/isolates.ts";
import { type Isolation, ISOLATIONS } from "@runtime/boot/placement.ts";
import { createClient } from "@runtime/idl/client.ts";
import { CONTROL_PRINCIPAL, controld } from "@services/controld/protocol.ts";
import { RING } from "@services/logd/protocol.ts";
import { startNode } from "../../main.ts";
import {
  FIGURES_SCOPE,
  medianOf,
  stateClient,
  type StateFigures,
} from "./isolates/state_client.ts";

const ENTRY = new URL("./isolates/state_worker.ts", import.meta.url);
const SECTORS = 16_384;
const ASK_EVERY_MS = 200;
const BARE_WRITES = 1_500;
const ROUNDS = 5;

/** What a task of its own gets of a node under a placement. */
async function measured(isolation: Isolation, path: string): Promise<StateFigures> {
  const disk = openDiskFile({ path, sectorCount: SECTORS, id: "bench" });
  const [record, keystore] = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
  const node = await startNode({
    ...{ listen: undefined, advertise: undefined, peers: [], profile: "dev", isolation },
    ...{ seed: undefined, perAddress: undefined, selftest: false, console() {} },
    components: (own) => own.map((each) => each.name === stateClient.name ? stateClient : each),
    state: {
      ...{ disk, persists: true },
      recordKey: () => record?.slice() ?? new Uint8Array(32),
      keystoreKey: () => keystore?.slice() ?? new Uint8Array(32),
    },
  }, { makeIsolate: isolatesFrom(() => ENTRY) });
  const control = createClient(controld, node.connect(CONTROL_PRINCIPAL, controld));
  const ask = { ring: RING.journal, afterId: 0n, countMax: 1, scope: FIGURES_SCOPE };
  for (;;) {
    const { faults } = node;
    if (faults.length > 0) throw new Error(JSON.stringify(faults));
    const reply = await control.log(ask);
    const [told] = reply.status === "ok" ? reply.records : [];
    if (told !== undefined) {
      await node.stop();
      await disk.close();
      return JSON.parse(told.message);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

/** Overwrites and flushes of a file that is all there, a second, by median. */
async function bare(path: string): Promise<number> {
  const file = await Deno.open(path, { read: true, write: true, create: true });
  await file.write(new Uint8Array(1 << 20));
  await file.sync();
  const times: number[] = [];
  for (let round = 0; round < BARE_WRITES; round++) {
    const began = performance.now();
    await file.seek(round % 500 * 512, Deno.SeekMode.Start);
    await file.write(new Uint8Array(256).fill(round));
    await file.syncData();
    times.push(performance.now() - began);
  }
  file.close();
  return 1000 / medianOf(times);
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ dir: Deno.args[0] ?? "/tmp", prefix: "nx-state-bench-" });
  await Deno.chmod(folder, 0o700);
  console.log("placement         put  32 at once         get  32 at once   bare file  put / bare");
  for (const isolation of ISOLATIONS) {
    const rounds: (StateFigures & { readonly bare: number })[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const path = `${folder}/${isolation}-${round}.img`;
      rounds.push({ ...await measured(isolation, path), bare: await bare(`${folder}/bare`) });
      await Deno.remove(path);
    }
    const of = (key: keyof typeof rounds[number]) => medianOf(rounds.map((round) => round[key]));
    const ratio = medianOf(rounds.map(({ put, bare }) => put / bare));
    const cells = (["put", "putWide", "get", "getWide", "bare"] as const)
      .map((key) => `${Math.round(of(key))}/s`.padStart(12));
    console.log(`${isolation.padEnd(9)}${cells.join("")}${ratio.toFixed(2).padStart(12)}`);
  }
  await Deno.remove(folder, { recursive: true });
  Deno.exit(0);
}
