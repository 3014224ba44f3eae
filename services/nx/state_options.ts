import { type Command, InvalidArgumentError, Option } from "commander";
import { SECTORS_MAX, SECTORS_MIN } from "../statefsd/client/state_facts.ts";
import { parseBytes } from "./byte_size.ts";

const SECTOR_BYTES = 512;
/** 64 MiB, upstream's size of an image. */
export const SECTORS_DEFAULT = 131_072;

/** Reads `--size`, as sectors. */
export function sizeOption(text: string): number {
  const sectors = (parseBytes(text) ?? NaN) / SECTOR_BYTES;
  if (Number.isInteger(sectors) && sectors >= SECTORS_MIN && sectors <= SECTORS_MAX) return sectors;
  throw new InvalidArgumentError(
    `A size is 64KiB to 4GiB, a multiple of ${SECTOR_BYTES} bytes, such as 64MiB.`,
  );
}

/** A size for people. @param sectors Of 512 bytes. */
export function sizeText(sectors: number): string {
  const kib = sectors / 2;
  if (kib % 1024 !== 0) return `${kib} KiB`;
  return kib % (1 << 20) === 0 ? `${kib / (1 << 20)} GiB` : `${kib / 1024} MiB`;
}

/** Reads a path. */
export function pathOption(text: string): string {
  if (text === "") throw new InvalidArgumentError("It names nothing.");
  // A final slash would follow a link.
  return text.replace(/(?<=.)\/+$/, "");
}

/** Adds `--state`, `--passphrase-file` and `--passphrase`, of which the first must be given. */
export function withStateOptions(command: Command): Command {
  return withPassphraseOption(
    command.requiredOption("--state <dir>", "the state directory", pathOption),
  );
}

/** Adds `--passphrase-file` and `--passphrase`. */
export function withPassphraseOption(command: Command): Command {
  return command
    .option(
      "--passphrase-file <file>",
      "its first line is the passphrase, 8 to 1024 bytes; a file of yours alone, mode 0600",
      pathOption,
    )
    .addOption(
      new Option("--passphrase", "ask for it at the terminal, where it is not shown")
        .conflicts("passphraseFile"),
    );
}
