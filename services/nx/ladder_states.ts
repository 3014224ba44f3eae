import { FileFailure } from "@runtime/core/program_ports.ts";
import { type HeldState, nodeStateOf } from "../statefsd/client/node_state.ts";
import { openState } from "../statefsd/client/open_state.ts";
import type { MachineNumber } from "./ladder_run.ts";
import type { NxPorts } from "./ports.ts";

/** Sectors of a machine's image: 8 MiB. */
const SECTOR_COUNT = 16_384;
const FOLDER_PREFIX = "nx-test-os-state-";

/** State directories of a run's machines. They hold keys, and go with the run. */
export class LadderStates {
  readonly #ports: Pick<NxPorts, "files" | "state">;
  #folder: string | undefined;

  constructor(ports: Pick<NxPorts, "files" | "state">) {
    this.#ports = ports;
  }

  /** Opens a machine's, after making it at its first boot. @throws {StateFailure} */
  async open(machine: MachineNumber): Promise<HeldState> {
    const { files, state } = this.#ports;
    this.#folder ??= files.temporaryFolder(FOLDER_PREFIX);
    const path = `${this.#folder}/${machine}`;
    return nodeStateOf(await openState(state, path, { create: { sectorCount: SECTOR_COUNT } }));
  }

  /** Removes them. What cannot be removed stays, in a temporary folder of this user alone. */
  remove(): void {
    if (this.#folder === undefined) return;
    const { files } = this.#ports;
    try {
      for (const name of files.list(this.#folder)) {
        const path = `${this.#folder}/${name}`;
        for (const file of files.list(path)) files.remove(`${path}/${file}`);
        files.remove(path);
      }
      files.remove(this.#folder);
    } catch (error) {
      if (!(error instanceof FileFailure)) throw error;
    }
  }
}
