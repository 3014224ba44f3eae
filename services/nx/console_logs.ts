import { FileFailure, type Files } from "@runtime/core/program_ports.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type MachineNumber, MACHINES } from "./ladder_run.ts";

const LOG_MODE = 0o600;
/** How the name of a temporary folder begins. */
const FOLDER_PREFIX = "nx-test-os-";
const UTF8 = new TextEncoder();

/** Files that hold the consoles of a run, line by line: they outlive it however it ends. */
export interface ConsoleLogs {
  readonly folder: string;
  /** @throws {CommandFailure} when it cannot be kept. */
  keep(machine: MachineNumber, line: string): void;
}

/**
 * Makes an empty file for each machine.
 *
 * @param named Folder for them; a temporary one unless said.
 * @throws {CommandFailure} when they cannot be had.
 */
export function openConsoleLogs(files: Files, named: string | undefined): ConsoleLogs {
  const folder = named === undefined ? temporary(files) : own(files, named);
  const pathOf = (machine: MachineNumber) => `${folder}/uart-${machine}.log`;
  for (const machine of MACHINES) {
    kept(folder, () => files.writeText(pathOf(machine), "", LOG_MODE));
  }
  return {
    folder,
    keep: (machine, line) =>
      kept(folder, () => files.appendBytes(pathOf(machine), UTF8.encode(`${line}\n`), LOG_MODE)),
  };
}

function temporary(files: Files): string {
  return kept("a temporary folder", () => files.temporaryFolder(FOLDER_PREFIX));
}

function own(files: Files, named: string): string {
  const folder = named.replace(/(?<=.)\/+$/, "");
  return kept(folder, () => {
    const kind = files.facts(folder)?.kind;
    if (kind === undefined) files.makePrivateFolder(folder);
    else if (kind !== "folder") {
      throw new CommandFailure(EXIT.usage, `${folder} is no folder; name another with --log-dir`);
    }
    return folder;
  });
}

function kept<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FileFailure)) throw error;
    throw new CommandFailure(
      EXIT.failed,
      `cannot keep the consoles in ${place} (${error.code}); name a folder with --log-dir`,
      { cause: error },
    );
  }
}
