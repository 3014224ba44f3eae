import { type Command, InvalidArgumentError } from "commander";
import type { Secret } from "@runtime/core/secret.ts";
import { PASSPHRASE_FILE_LENGTH_MAX, passphraseOf } from "../statefsd/client/record_key.ts";
import { SECTORS_MAX, SECTORS_MIN } from "../statefsd/client/state_facts.ts";
import { stating } from "../statefsd/client/state_failure.ts";
import { parseBytes } from "./byte_size.ts";
import type { Shell } from "./shell.ts";

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

/** Adds `--state` and `--passphrase-file`, of which the first must be given. */
export function withStateOptions(command: Command): Command {
  return withPassphraseOption(
    command.requiredOption("--state <dir>", "the state directory", pathOption),
  );
}

/** Adds `--passphrase-file`. */
export function withPassphraseOption(command: Command): Command {
  return command.option(
    "--passphrase-file <file>",
    "its first line is the passphrase, 8 to 1024 bytes; a file of yours alone, mode 0600",
    pathOption,
  );
}

/**
 * Does `work` with the passphrases in files of this user alone, which are forgotten afterwards.
 *
 * @throws {StateFailure} `bad_passphrase`, and what the host refuses.
 */
export function withPassphrases<T>(
  { ports }: Shell,
  files: readonly (string | undefined)[],
  work: (passphrases: readonly (Secret | undefined)[]) => Promise<T>,
): Promise<T> {
  return stating(async () => {
    const secrets: (Secret | undefined)[] = [];
    try {
      for (const path of files) {
        secrets.push(
          path === undefined ? undefined : passphraseOf(
            ports.state.host.readPrivate(path, PASSPHRASE_FILE_LENGTH_MAX),
            path,
          ),
        );
      }
      return await work(secrets);
    } finally {
      for (const secret of secrets) secret?.wipe();
    }
  });
}
