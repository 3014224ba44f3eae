/* A victim that says its writes are safe and writes nothing. It leaves an image that is good. */
import { openDiskFile } from "@hw/host/disk_file.ts";
import { journalOver } from "@services/statefsd/host_journal.ts";
import { openStore } from "@services/statefsd/open_store.ts";
import { BLOCK_COUNT, stateSteps } from "../../scripts/soak/state_workload.ts";
import { recordKey, risingRandom } from "./statefs.ts";

const [path = "", seed, round] = Deno.args;
const say = (line: string) => void Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

if (Deno.stdin.readSync(new Uint8Array(1)) !== 1) Deno.exit(0);
const disk = openDiskFile({ path, sectorCount: BLOCK_COUNT, id: "soak" });
await openStore({ disk: journalOver(disk), random: risingRandom(), recordKey: recordKey() });
say("begin");
for (const step of stateSteps(Number(seed), Number(round))) {
  for (const { number } of step) say(`${number} ok 1`);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
